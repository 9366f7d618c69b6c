"""``fscompress train``: a corpus in, a run folder with checkpoints out."""

import dataclasses
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from fscompress.cli.console import Console
from fscompress.cli.options import talks
from fscompress.corpora import Corpus, open_corpus
from fscompress.errors import EXIT_INTERRUPTED, RefusedError
from fscompress.training.config import PRESETS, Preset, preset

BITS = "bpc {bpc:.3f}  valid {valid}  {speed:,.0f} B/s"

DEVICES, PRECISIONS = click.Choice(["auto", "cpu", "cuda"]), click.Choice(["auto", "fp32", "bf16"])


def parse_weights(values: tuple[str, ...]) -> dict[str, float]:
    """``("wiki=2", "text=1")`` as a mapping."""
    weights = {}
    for value in values:
        name, _, number = value.partition("=")
        try:
            weights[name] = float(number)
        except ValueError:
            raise click.BadParameter(f"expected FOLDER=NUMBER (got '{value}')", param_hint="--weight") from None
    return weights


@contextmanager
def stop_flag() -> Iterator[list[int]]:
    """A list that receives the number of a SIGINT or SIGTERM; a second one interrupts at once."""
    received: list[int] = []

    def note(number: int, _frame: Any) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@click.command()
@click.argument("corpus_name", metavar="CORPUS")
@click.option("--preset", "preset_name", default="small", show_default=True, help=f"One of: {', '.join(PRESETS)}.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder with enwik8 or the PTB files.")
@click.option("--valid", type=click.Path(exists=True, path_type=Path), help="Validate on this file; hold nothing out.")
@click.option("--weight", multiple=True, metavar="FOLDER=NUMBER", help="Share of a sub-folder of CORPUS; repeatable.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="End after this much time.")
@click.option("--epochs", type=click.FloatRange(min=0, min_open=True), help="End after this many passes.")
@click.option("--rate", type=float, help="Initial learning rate instead of the preset's.")
@click.option("--batch", type=int, help="Lanes of text trained in parallel, instead of the preset's.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of initial weights, masks and order.")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder [default: runs/CORPUS-PRESET].")
@click.option("--init", type=click.Path(exists=True, path_type=Path), help="Start from this checkpoint's weights.")
@click.option("--resume", is_flag=True, help="Go on from the run folder's last checkpoint.")
@click.option("--device", type=DEVICES, default="auto", show_default=True, help="auto: CUDA where there is one.")
@click.option("--precision", type=PRECISIONS, default="auto", show_default=True, help="auto: bf16 where it is fast.")
@click.option("--compile/--no-compile", "compiled", default=True, help="Compile the cell kernels.  [default: compile]")
@talks
def train(
    corpus_name: str,
    preset_name: str,
    data: Path | None,
    valid: Path | None,
    weight: tuple[str, ...],
    minutes: float | None,
    epochs: float | None,
    rate: float | None,
    batch: int | None,
    seed: int,
    out: Path | None,
    init: Path | None,
    resume: bool,
    device: str,
    precision: str,
    compiled: bool,
    console: Console,
) -> None:
    """Train a model on CORPUS: enwik8, ptb, or the path of a file or folder.

    A run bounded by --epochs is reproducible; one bounded by --minutes anneals its rate by the clock.
    """
    chosen = preset(preset_name)
    changes: dict[str, Any] = {"rate": rate, "batch": batch, "epochs": epochs, "seed": seed}
    settings = dataclasses.replace(chosen.training, **{k: v for k, v in changes.items() if v is not None})
    chosen = Preset(chosen.model, settings)
    folder = out or Path("runs") / f"{Path(corpus_name).name}-{preset_name}"
    from fscompress.training.checkpoint import read_checkpoint
    from fscompress.training.trainer import LAST, RunOptions, Trainer

    if (folder / LAST).exists() and not resume:
        raise RefusedError(f"{folder}: holds a run already; give --resume to go on with it, or another --out")
    with _download_bar(console) as report:
        corpus = open_corpus(corpus_name, data, parse_weights(weight), valid, report)
    budget = _budget(settings, corpus, minutes, epochs)
    trainer = Trainer(chosen, corpus, budget, RunOptions(folder, device, precision, compiled), resume)
    if init and not resume:
        trainer.initialise(read_checkpoint(init).weights())
    console.notice(f"{folder}: {trainer.model.n_weights():,} weights, {corpus.n_train:,} training bytes")
    with stop_flag() as received:
        _fit(trainer, console, received)
    if received:
        console.notice(f"{folder}: interrupted at step {trainer.step}; --resume goes on from here")
        raise SystemExit(EXIT_INTERRUPTED)
    _conclude(trainer, console)


def _budget(settings: Any, corpus: Corpus, minutes: float | None, epochs: float | None) -> Any:
    from fscompress.training.schedule import Budget

    steps = max(1, int(settings.epochs * corpus.n_train / settings.bytes_per_step))
    return Budget(steps if epochs or not minutes else None, minutes * 60 if minutes else None)


@contextmanager
def _download_bar(console: Console) -> Iterator[Any]:
    with tqdm(unit="B", unit_scale=True, disable=console.hides_bars, leave=False) as bar:

        def report(what: str, done: int, total: int) -> None:
            bar.set_description(what)
            bar.total = total or None
            bar.update(done - bar.n)

        yield report


def _fit(trainer: Any, console: Console, received: list[int]) -> None:
    first = trainer.bytes_seen, trainer.seconds
    form = "{l_bar}{bar}| [{elapsed}<{remaining}] {postfix}"
    with tqdm(total=1.0, bar_format=form, disable=console.hides_bars) as bar:

        def tell(report: Any) -> None:
            speed = (report.bytes_seen - first[0]) / max(report.seconds - first[1], 1e-9)
            valid = "-" if report.valid_bpc is None else f"{report.valid_bpc:.4f}"
            bar.set_postfix_str(BITS.format(bpc=report.bpc, valid=valid, speed=speed), refresh=False)
            bar.update(report.progress - bar.n)

        trainer.fit(tell, lambda: bool(received))


def _conclude(trainer: Any, console: Console) -> None:
    """Prints validation and, where the corpus has one, test bits per byte of the best weights."""
    from fscompress.corpora.source import joined
    from fscompress.training.checkpoint import read_checkpoint
    from fscompress.training.evaluation import bits_per_byte
    from fscompress.training.trainer import BEST

    best = trainer.options.out / BEST
    trainer.model.load_state_dict(read_checkpoint(best).weights())
    console.notice(f"{best}: {trainer.bytes_seen:,} bytes seen, validation {trainer.best:.4f} bpc")
    test = joined(trainer.corpus.test)
    if len(test) > trainer.preset.training.window:
        console.notice(f"{best}: test {bits_per_byte(trainer.run, test, trainer.preset.training.batch):.4f} bpc")
