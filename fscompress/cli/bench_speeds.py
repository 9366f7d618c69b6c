"""Modes of ``fscompress bench`` that take times: against lanes and sizes, of parts, of the training loop."""

import dataclasses
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from fscompress import store
from fscompress.bench.inputs import Input
from fscompress.cli.bench_found import Found, Section
from fscompress.cli.bench_options import Request

if TYPE_CHECKING:
    from fscompress.bench.lanes import LaneRow
    from fscompress.bench.parts import Parts
    from fscompress.bench.scaling import Scale
    from fscompress.bench.training import Speed
    from fscompress.bench.worker import Task

LANE_SIZES = (10_000, 100_000, 1_000_000)
LANE_TITLES = ("level", "bytes", "lanes", "coded", "bpc", "encode kB/s", "decode kB/s", "network", "(products)")
LANE_NOTE = (
    "network, (products): microseconds a byte of the network alone, and of its products in one thread of engine cpu"
)
SCALE_TITLES = (
    "level", "bytes", "block", "lanes", "table MB", "coded", "bpc", "encode kB/s", "decode kB/s", "peak MB", "file",
)  # fmt: skip
SPEEDS = ("encode_speed", "decode_speed")


def lanes(request: Request, inputs: Sequence[Input]) -> Found:
    """Size and speed against the number of lanes."""
    from fscompress.bench.lanes import measure_lanes, prefixes
    from fscompress.levels import level

    rows: list[LaneRow] = []
    model, engine = request.engine()
    for each in inputs:
        for plain in prefixes(each.path.read_bytes(), request.sizes or LANE_SIZES):
            for chosen in request.levels:
                request.console.detail(f"{each.name}: {len(plain):,} bytes, level {chosen}")
                args = each.name, plain, level(chosen), model, engine, request.runs, request.choice.limits.threads
                rows += measure_lanes(*args)
    titles = [*LANE_TITLES, "file"]
    heading, notes = "coded bytes and speed against lanes", ["* the level's own choice", LANE_NOTE]
    section = Section(heading, titles, [_lane_cells(row) for row in rows], frozenset({0, len(LANE_TITLES)}), notes)
    records = [dataclasses.asdict(row) | {name: getattr(row, name) for name in SPEEDS} for row in rows]
    named = [(f"{row.level}, {row.n_plain:,} bytes{_of(row.file, inputs)}", row) for row in rows]
    return Found([section], records, draw=partial(_draw_lanes, named))


def _of(file: str, inputs: Sequence[Input]) -> str:
    """What tells a line of one file from that of another, where there are several."""
    return f" of {file}" if len(inputs) > 1 else ""


def _lane_cells(row: "LaneRow") -> list[str]:
    return [
        row.level,
        f"{row.n_plain:,}",
        f"{'*' if row.chosen else ''}{row.lanes}",
        f"{row.n_coded:,}",
        f"{8 * row.n_coded / row.n_plain:.4f}",
        f"{row.encode_speed:,.1f}",
        f"{row.decode_speed:,.1f}",
        f"{row.network:.2f}",
        f"{row.products:.2f}",
        row.file,
    ]


def _draw_lanes(named: "Sequence[tuple[str, LaneRow]]", suffix: str) -> bytes:
    from fscompress.bench.plot_lines import Panel, draw_lines, series

    bits = series((name, row.lanes, 8 * row.n_coded / row.n_plain) for name, row in named)
    speeds = series((name, row.lanes, row.encode_speed) for name, row in named)
    panels = [Panel("lanes", "bits per byte", bits, zero=False), Panel("lanes", "encoding, kB/s", speeds)]
    return draw_lines(panels, "size and speed against lanes", suffix)


def scaling(request: Request, inputs: Sequence[Input]) -> Found:
    """Size, speed and memory against the size of the text, each in a process of its own."""
    from fscompress.bench.suite import ours
    from fscompress.bench.worker import Task

    model = store.describe(store.find_model(request.model))
    subjects = ours([model], request.levels, request.engine_name, request.choice.limits.threads)
    rows, interrupted = _scales(request, inputs, [subject.run for subject in subjects if isinstance(subject.run, Task)])
    notes = [f"FAILED: level {s.level}, {s.row.n_plain:,} bytes: {s.row.failure}" for s in rows if s.row.failure]
    heading = "whole files against the size of the text"
    section = Section(heading, SCALE_TITLES, [_scale_cells(scale) for scale in rows], frozenset({0, 10}), notes)
    named = [(scale.level + _of(scale.row.file, inputs), scale.row) for scale in rows if scale.row.verified]
    records = [_scale_record(scale) for scale in rows]
    return Found([section], records, draw=partial(_draw_scaling, named), failed=bool(notes), interrupted=interrupted)


def _scales(request: Request, inputs: Sequence[Input], tasks: "Sequence[Task]") -> "tuple[list[Scale], bool]":
    """The scales that were done, and whether Ctrl-C ended it."""
    from fscompress.bench.scaling import SIZES, measure_scaling

    rows: list[Scale] = []
    sizes, limits = request.sizes or SIZES, request.choice.limits
    try:
        for each in inputs:
            for scale in measure_scaling(each.name, each.path.read_bytes(), sizes, tasks, limits):
                request.console.detail(f"{each.name}: {scale.row.n_plain:,} bytes, level {scale.level}")
                rows.append(scale)
    except KeyboardInterrupt:
        return rows, True
    return rows, False


def _scale_record(scale: "Scale") -> dict[str, Any]:
    row = scale.row
    record = {"file": row.file, **dataclasses.asdict(scale), **dataclasses.asdict(row)}
    del record["row"]
    return record | {name: getattr(row, name) for name in ("bits_per_byte", *SPEEDS, "verified")}


def _scale_cells(scale: "Scale") -> list[str]:
    row = scale.row
    figures = ["FAILED", *["-"] * 4]
    if row.verified:
        speeds = f"{row.encode_speed:,.1f}", f"{row.decode_speed:,.1f}"
        figures = [f"{row.n_coded:,}", f"{row.bits_per_byte:.4f}", *speeds, f"{row.peak_bytes / 1e6:,.0f}"]
    sizes = f"{row.n_plain:,}", f"{scale.block_bytes:,}", str(scale.lanes), f"{scale.table_bytes / 1e6:,.1f}"
    return [scale.level, *sizes, *figures, row.file]


def _draw_scaling(named: Sequence[tuple[str, Any]], suffix: str) -> bytes:
    from fscompress.bench.plot_lines import Panel, draw_lines, series

    def panel(title: str, values: Iterable[float], zero: bool = True) -> Panel:
        points = ((name, row.n_plain, value) for (name, row), value in zip(named, values, strict=True))
        return Panel("bytes of the file (log scale)", title, series(points), zero)

    panels = [
        panel("bits per byte", [row.bits_per_byte for _, row in named], zero=False),
        panel("encoding, kB/s", [row.encode_speed for _, row in named]),
        panel("peak memory of the process, MB", [row.peak_bytes / 1e6 for _, row in named]),
    ]
    return draw_lines(panels, "size, speed and memory against the size of the text", suffix)


def parts(request: Request, inputs: Sequence[Input]) -> Found:
    """Time of network, mixer and coder apart."""
    from fscompress.bench.parts import measure_parts
    from fscompress.levels import level

    rows: list[Parts] = []
    model, engine = request.engine()
    for each in inputs:
        for chosen in request.levels:
            request.console.detail(f"{each.name}: level {chosen}")
            data = each.path.read_bytes()
            rows.append(measure_parts(each.name, data, level(chosen), model, engine, request.runs))
    titles = ["level", "bytes", "lanes", "network", "(products)", "mixer", "coder", "encode", "decode", "file"]
    heading = "microseconds a byte, one thread; products: those of engine cpu alone"
    section = Section(heading, titles, [_part_cells(row) for row in rows], frozenset({0, 9}))
    return Found([section], [dataclasses.asdict(row) for row in rows])


def _part_cells(row: "Parts") -> list[str]:
    times = (row.network, row.products, row.mixer, row.coder, row.encode, row.decode)
    return [row.level, f"{row.n_plain:,}", str(row.lanes), *(f"{time:.2f}" for time in times), row.file]


def training(request: Request, _inputs: Sequence[Input]) -> Found:
    """The training loop against others."""
    from fscompress.bench.training import measure_training

    request.console.notice(f"training loops of preset {request.preset}, {request.seconds:g} s each after warm-up")

    def tell(speed: "Speed") -> None:
        request.console.detail(f"{speed.loop}, {speed.precision}: {speed.bytes_per_second:,.0f} bytes/s")

    speeds = measure_training(request.preset, request.seconds, tell)
    titles = ["loop", "products", "weights", "bytes/s", "times plain", "% of peak", "steps"]
    rows = [_training_cells(speed, speeds[0].bytes_per_second) for speed in speeds]
    section = Section(f"preset {request.preset}", titles, rows, frozenset({0, 1}))
    return Found([section], [dataclasses.asdict(speed) for speed in speeds])


def _training_cells(speed: "Speed", plain: float) -> list[str]:
    return [
        speed.loop,
        speed.precision,
        f"{speed.n_weights:,}",
        f"{speed.bytes_per_second:,.0f}",
        f"{speed.bytes_per_second / plain:.2f}",
        f"{100 * speed.peak_share:.1f}",
        str(speed.steps),
    ]
