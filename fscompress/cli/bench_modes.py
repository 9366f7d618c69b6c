"""What ``fscompress bench`` can measure instead of whole files: each mode runs its measurement and prints its rows."""

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fscompress import store
from fscompress.cli.console import Console
from fscompress.cli.tables import table
from fscompress.errors import RefusedError

if TYPE_CHECKING:
    from fscompress.bench.ablation import Loss
    from fscompress.bench.lanes import LaneRow
    from fscompress.bench.parts import Parts
    from fscompress.bench.training import Speed
    from fscompress.engine import Engine, IntegerModel

# flag: (its help, the levels measured where none is chosen)
MODES = {
    "train": ("Measure the training loop instead: fused, plain, and torch.nn.LSTM.", ()),
    "ablation": ("What each context, weight set and stage of a level saves, instead.", ("normal",)),
    "lanes": ("Size and speed of a level against the number of lanes, instead.", ("normal",)),
    "parts": ("Time of network, mixer and coder apart, instead; the best run counts.", ("normal", "best")),
}
DEFAULT_SIZES = "10000,100000,1000000"


@dataclass(frozen=True)
class Request:
    """What the command line asks of a mode; ``levels`` and ``model`` may be empty and None."""

    files: tuple[Path, ...]
    levels: tuple[str, ...]
    model: str | None
    engine: str
    runs: int
    sizes: tuple[int, ...]
    as_json: bool
    console: Console


def mode_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds a flag for each of ``MODES``, handed to the command as ``mode``: the one that is set, or None."""

    @wraps(command)
    def with_mode(*args: Any, **kwargs: Any) -> Any:
        chosen = [mode for mode in MODES if kwargs.pop(f"mode_{mode}")]
        if len(chosen) > 1:
            raise click.UsageError(f"{' and '.join(f'--{mode}' for mode in chosen)} exclude each other")
        return command(*args, mode=chosen[0] if chosen else None, **kwargs)

    for mode, (meaning, _) in reversed(MODES.items()):
        with_mode = click.option(f"--{mode}", f"mode_{mode}", is_flag=True, help=meaning)(with_mode)
    return with_mode


def parse_sizes(_context: click.Context, _parameter: click.Parameter, words: str) -> tuple[int, ...]:
    """``10000,100000`` as numbers; BadParameter unless all are positive."""
    sizes = [word.strip() for word in words.split(",")]
    if not all(size.isdecimal() and int(size) > 0 for size in sizes):
        raise click.BadParameter(f"'{words}' is not a list of positive numbers such as {DEFAULT_SIZES}")
    return tuple(sorted({int(size) for size in sizes}))


def read_all(files: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each file; raises RefusedError for an empty one."""
    for file in files:
        data = file.read_bytes()
        if not data:
            raise RefusedError(f"{file}: is empty; there is nothing to measure")
        yield str(file), data


def run_mode(mode: str, request: Request) -> None:
    """Measures and prints a mode that takes files."""
    if not request.files:
        raise click.UsageError(f"--{mode} needs a FILE")
    request = dataclasses.replace(request, levels=request.levels or MODES[mode][1])
    {"ablation": _ablation, "lanes": _lanes, "parts": _parts}[mode](request)


def _engine(request: Request) -> "tuple[IntegerModel, Engine]":
    from fscompress.engine import engine_factory

    model = store.load(request.model or store.DEFAULT)
    return model, engine_factory(model, request.engine)()


def _ablation(request: Request) -> None:
    from fscompress.bench.ablation import ablate
    from fscompress.levels import level

    if "fast" in request.levels:
        raise click.UsageError("--ablation takes parts from a mixer, which level fast has not")
    files, (_, engine) = dict(read_all(request.files)), _engine(request)
    results = {}
    for name in request.levels:
        results[name] = ablate([*files.values()], level(name), engine, request.console.detail)
    if request.as_json:
        sizes = {name: len(data) for name, data in files.items()}
        levels = {name: [_loss_record(loss) for loss in losses] for name, losses in results.items()}
        click.echo(json.dumps({"files": sizes, "levels": levels}, indent=2))
        return
    names = [Path(name).name for name in files]
    for name, losses in results.items():
        click.echo(f"level {name}: ideal bytes, and per cent more without a part")
        titles = ["group", "without", *names, "all"]
        click.echo(table(titles, [_loss_cells(loss) for loss in losses], left={0, 1}))


def _loss_record(loss: "Loss") -> dict[str, Any]:
    return dataclasses.asdict(loss) | {"total": loss.total}


def _loss_cells(loss: "Loss") -> list[str]:
    if not loss.group:
        return ["", f"- ({loss.name})", *(f"{n:,.0f}" for n in loss.n_bytes), f"{loss.total:,.0f}"]
    return [loss.group, loss.name, *(f"{percent:+.2f}" for percent in loss.percents), f"{loss.percent:+.2f}"]


def _lanes(request: Request) -> None:
    from fscompress.bench.lanes import measure_lanes, prefixes
    from fscompress.levels import level

    rows: list[LaneRow] = []
    _, engine = _engine(request)
    for name, data in read_all(request.files):
        for plain in prefixes(data, request.sizes):
            for chosen in request.levels:
                request.console.detail(f"{name}: {len(plain):,} bytes, level {chosen}")
                rows += measure_lanes(name, plain, level(chosen), engine, request.runs)
    if request.as_json:
        speeds = ("encode_speed", "decode_speed")
        records = [dataclasses.asdict(row) | {name: getattr(row, name) for name in speeds} for row in rows]
        click.echo(json.dumps(records, indent=2))
        return
    titles = ["level", "bytes", "lanes", "coded", "bpc", "encode kB/s", "decode kB/s", "file"]
    click.echo(table(titles, [_lane_cells(row) for row in rows], left={0, 7}))
    click.echo("* the level's own choice")


def _lane_cells(row: "LaneRow") -> list[str]:
    return [
        row.level,
        f"{row.n_plain:,}",
        f"{'*' if row.chosen else ''}{row.lanes}",
        f"{row.n_coded:,}",
        f"{8 * row.n_coded / row.n_plain:.4f}",
        f"{row.encode_speed:,.1f}",
        f"{row.decode_speed:,.1f}",
        row.file,
    ]


def _parts(request: Request) -> None:
    from fscompress.bench.parts import measure_parts
    from fscompress.levels import level

    rows: list[Parts] = []
    model, engine = _engine(request)
    for name, data in read_all(request.files):
        for chosen in request.levels:
            request.console.detail(f"{name}: level {chosen}")
            rows.append(measure_parts(name, data, level(chosen), model, engine, request.runs))
    if request.as_json:
        click.echo(json.dumps([dataclasses.asdict(row) for row in rows], indent=2))
        return
    titles = ["level", "bytes", "lanes", "network", "(products)", "mixer", "coder", "encode", "decode", "file"]
    click.echo("microseconds a byte, one thread; products are part of the network")
    click.echo(table(titles, [_part_cells(row) for row in rows], left={0, 9}))


def _part_cells(row: "Parts") -> list[str]:
    times = (row.network, row.products, row.mixer, row.coder, row.encode, row.decode)
    return [row.level, f"{row.n_plain:,}", str(row.lanes), *(f"{time:.2f}" for time in times), row.file]


def run_training(preset: str, seconds: float, as_json: bool, console: Console) -> None:
    """Measures and prints the training loops."""
    from fscompress.bench.training import measure_training

    console.notice(f"training loops of preset {preset}, {seconds:g} s each after warm-up")

    def tell(speed: "Speed") -> None:
        console.detail(f"{speed.loop}, {speed.precision}: {speed.bytes_per_second:,.0f} bytes/s")

    speeds = measure_training(preset, seconds, tell)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(speed) for speed in speeds], indent=2))
        return
    plain = speeds[0].bytes_per_second
    rows = [
        [
            speed.loop,
            speed.precision,
            f"{speed.n_weights:,}",
            f"{speed.bytes_per_second:,.0f}",
            f"{speed.bytes_per_second / plain:.2f}",
            f"{100 * speed.peak_share:.1f}",
            str(speed.steps),
        ]
        for speed in speeds
    ]
    titles = ["loop", "products", "weights", "bytes/s", "times plain", "% of peak", "steps"]
    click.echo(table(titles, rows, left={0, 1}))
