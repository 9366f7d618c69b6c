"""``fscompress train``: a corpus in, a run folder with checkpoints out; alone, or as one of torchrun's processes."""

import dataclasses
import math
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from fscompress.cli.console import Console, about
from fscompress.cli.options import POSITIVE, Finite, talks
from fscompress.cli.shape import shape_options
from fscompress.cli.signals import stop_flag
from fscompress.corpora import Corpus, open_corpus
from fscompress.errors import EXIT_INTERRUPTED, FscompressError, RefusedError
from fscompress.training.config import OPTIMISERS, PRESETS, Preset, preset

BITS = "bpc {bpc:.3f}  valid {valid}  {speed:,.0f} B/s"

MAX_WEIGHT = 1e100  # so that sums and quotients are finite
DEVICES, PRECISIONS = click.Choice(["auto", "cpu", "cuda"]), click.Choice(["auto", "fp32", "bf16"])


def parse_weights(values: tuple[str, ...]) -> dict[str, float]:
    """``("wiki=2", "text=1")`` as a mapping."""
    weights: dict[str, float] = {}
    for value in values:
        name, _, number = value.partition("=")
        if name in weights:
            raise click.BadParameter(f"'{name}' has two", param_hint="--weight")
        try:
            weights[name] = float(number)
        except ValueError:
            weights[name] = math.nan
        if not 0 <= weights[name] < MAX_WEIGHT:
            raise click.BadParameter(f"expected FOLDER=NUMBER (got '{value}')", param_hint="--weight")
    return weights


@click.command()
@click.argument("corpus_name", metavar="CORPUS")
@click.option("--preset", "preset_name", default="small", show_default=True, help=f"One of: {', '.join(PRESETS)}.")
@shape_options
@click.option("--data", type=click.Path(path_type=Path), help="Folder with enwik8 or the PTB files.")
@click.option("--valid", type=click.Path(exists=True, path_type=Path), help="Validate on this file; hold nothing out.")
@click.option(
    "--weight", multiple=True, metavar="FOLDER=NUMBER", help="Share of a sub-folder of CORPUS; repeatable; 1 of others."
)
@click.option("--minutes", type=POSITIVE, help="End after this much time.")
@click.option("--epochs", type=POSITIVE, help="End after this many passes.")
@click.option("--rate", type=POSITIVE, help="Initial learning rate instead of the preset's.")
@click.option("--batch", type=int, help="Lanes of text trained in parallel, instead of the preset's.")
@click.option("--window", type=int, help="Steps of back-propagation, instead of the preset's.")
@click.option(
    "--optimiser",
    type=click.Choice(OPTIMISERS),
    help="muon learns more from the same bytes, and its steps cost a little more.  [default: adam]",
)
@click.option(
    "--average",
    type=int,
    metavar="STEPS",
    help="Validate and keep the mean of the weights over about so many last steps.  [default: 0, the weights alone]",
)
@click.option(
    "--rounded",
    is_flag=True,
    default=None,
    help="Train with weights rounded as the integer model has them, towards such as rounding harms less.",
)
@click.option(
    "--sparsity",
    type=Finite(0, 1, max_open=True),
    help="Share of zeros in the cells' matrices: dense for a third of the run, thresholded, then frozen.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    show_default=True,
    help="Of initial weights, masks and order.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Run folder [default: runs/CORPUS-PRESET].")
@click.option("--init", type=click.Path(exists=True, path_type=Path), help="Start from these weights, if not resumed.")
@click.option("--resume", is_flag=True, help="Go on from the run folder's last checkpoint.")
@click.option("--device", type=DEVICES, default="auto", show_default=True, help="auto: CUDA where there is one.")
@click.option("--precision", type=PRECISIONS, default="auto", show_default=True, help="auto: bf16 where it is fast.")
@click.option("--compile/--no-compile", "compiled", default=True, help="Compile the cell kernels.  [default: compile]")
@click.option("--process-rank", "rank", type=int, default=0, envvar="RANK", hidden=True, help="Set by torchrun.")
@click.option("--world-size", type=int, default=1, envvar="WORLD_SIZE", hidden=True, help="Set by torchrun.")
@talks
def train(
    corpus_name: str,
    preset_name: str,
    shape: dict[str, Any],
    data: Path | None,
    valid: Path | None,
    weight: tuple[str, ...],
    minutes: float | None,
    epochs: float | None,
    rate: float | None,
    batch: int | None,
    window: int | None,
    optimiser: str | None,
    average: int | None,
    rounded: bool | None,
    sparsity: float | None,
    seed: int,
    out: Path | None,
    init: Path | None,
    resume: bool,
    device: str,
    precision: str,
    compiled: bool,
    rank: int,
    world_size: int,
    console: Console,
) -> None:
    """Train a model on CORPUS: enwik8, ptb, or the path of a file or folder.

    A run bounded by --epochs is reproducible; one bounded by --minutes anneals its rate by the clock.

    `torchrun --nproc-per-node N -m fscompress train ...` shares a run among N processes: the batch stays that of the
    whole, and N must divide it. The number of processes may change when a run is resumed.
    """
    if 0 < rank < world_size:
        console.level = -2  # all processes refuse the same settings, and one says so
    chosen = preset(preset_name)
    changes: dict[str, Any] = {
        "rate": rate, "batch": batch, "window": window, "optimiser": optimiser, "epochs": epochs,
        "average": average, "rounded": rounded, "sparsity": sparsity, "seed": seed,
    }  # fmt: skip
    settings = dataclasses.replace(chosen.training, **{k: v for k, v in changes.items() if v is not None})
    chosen = Preset(dataclasses.replace(chosen.model, **shape), settings)
    folder = out or Path("runs") / f"{Path(corpus_name).name}-{preset_name}"
    from fscompress.training.checkpoint import read_checkpoint
    from fscompress.training.distributed import World, joined_world
    from fscompress.training.trainer import BEST, LAST, RunOptions, Trainer

    World(rank, world_size).lanes(settings.batch)
    if any((folder / name).exists() for name in (LAST, BEST)) and not resume:
        raise RefusedError(f"{folder}: holds a run already; give --resume to go on with it, or another --out")
    options = RunOptions(folder, device, precision, compiled)
    with _as_rank(rank, console), joined_world(rank, world_size, device) as world:
        with console.download_bar() as report, world.first_on_machine():
            corpus = open_corpus(corpus_name, data, parse_weights(weight), valid, report)
        trainer = Trainer(chosen, corpus, _budget(settings, corpus, minutes, epochs), options, resume, world)
        if init and not resume:
            trainer.initialise(read_checkpoint(init).weights())
        _run(trainer, console)


def _as_rank(rank: int, console: Console) -> AbstractContextManager[None]:
    """What befalls one process alone is told under its rank; notices and bars are rank 0's."""
    if rank == 0:
        return nullcontext()
    console.level = -1
    return about(f"rank {rank}")


def _run(trainer: Any, console: Console) -> None:
    """Trains, and says how it ended; exits with 130 where a signal ended it."""
    folder = trainer.options.out
    console.notice(f"{folder}: {trainer.model.n_weights():,} weights, {trainer.corpus.n_train:,} training bytes")
    fit_to_the_end(trainer, console, "--resume")
    _conclude(trainer, console)


def fit_to_the_end(trainer: Any, console: Console, again: str = "the same command") -> None:
    """Trains; exits with 130 where a signal ends it before, and says that ``again`` goes on."""
    with stop_flag() as received:
        _fit(trainer, console, received)
    if trainer.progress() < 1.0:
        console.notice(f"{trainer.options.out}: interrupted at step {trainer.state.step}; {again} goes on from here")
        raise SystemExit(EXIT_INTERRUPTED)


def _budget(settings: Any, corpus: Corpus, minutes: float | None, epochs: float | None) -> Any:
    from fscompress.training.schedule import Budget

    steps = max(1, int(settings.epochs * corpus.n_train / settings.bytes_per_step))
    return Budget(steps if epochs or not minutes else None, minutes * 60 if minutes else None)


def _fit(trainer: Any, console: Console, received: list[int]) -> None:
    first = trainer.bytes_seen, trainer.state.seconds
    form = "{l_bar}{bar}| [{elapsed}<{remaining}] {postfix}"
    with tqdm(total=1.0, bar_format=form, disable=console.hides_bars) as bar:

        def tell(report: Any) -> None:
            speed = (report.bytes_seen - first[0]) / max(report.seconds - first[1], 1e-9)
            valid = "-" if report.valid_bpc is None else f"{report.valid_bpc:.4f}"
            bar.set_postfix_str(BITS.format(bpc=report.bpc, valid=valid, speed=speed), refresh=False)
            bar.update(report.progress - bar.n)

        trainer.fit(tell, lambda: bool(received))


def _conclude(trainer: Any, console: Console) -> None:
    """Says what the best weights reach: on the validation part and, where the corpus has one, on the test part."""
    from fscompress.training.checkpoint import read_checkpoint
    from fscompress.training.results import test_figures
    from fscompress.training.trainer import BEST

    best, state = trainer.options.out / BEST, trainer.state
    trainer.model.load_state_dict(read_checkpoint(best).weights())
    ended = "stopped early, " if trainer.stopped_early else ""
    console.notice(f"{best}: {ended}{trainer.bytes_seen:,} bytes seen, validation {state.best:.4f} bpc")
    if trainer.preset.training.sparsity:
        console.notice(f"{best}: {trainer.model.n_nonzeros():,} of {trainer.model.n_weights():,} weights are not zero")
    with trainer.rounding.in_place():  # as they were validated
        result = test_figures(trainer.run, trainer.corpus, trainer.preset.training.batch, trainer.world)
    if result is None or not trainer.world.leads:
        return
    console.notice(f"{best}: test {result.bpc:.4f} bpc over {result.n_bytes:,} bytes ({trainer.corpus.form})")
    try:
        model_bytes = _exported_bytes(best)
    except FscompressError as error:
        console.notice(f"{best}: has no int8 form to count the bytes of ({error})")
        return
    console.notice(
        f"{best}: test {result.with_model(model_bytes):.4f} bpc with the model's {model_bytes:,} bytes (int8 export)"
    )


def _exported_bytes(checkpoint: Path) -> int:
    """Size of the model file that ``fscompress export`` makes of the checkpoint."""
    from fscompress.export.checkpoint import DEFAULT_PRIMER, export_checkpoint
    from fscompress.export.export import ExportSettings

    return len(export_checkpoint(checkpoint, ExportSettings("model", "", DEFAULT_PRIMER)))
