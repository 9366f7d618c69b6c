"""``fscompress bench``: verified sizes and speeds on given files; ``bench_modes.py`` has what it measures instead."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from fscompress import store
from fscompress.bench import plot
from fscompress.bench.inputs import NAMED, Download, Input, opened
from fscompress.bench.machine import this_machine
from fscompress.bench.measure import Row
from fscompress.bench.published import PUBLISHED
from fscompress.bench.report import Report, as_csv, as_json, records_on
from fscompress.bench.suite import OURS, Limits, Subject, baselines, measure_one, ours
from fscompress.cli.bench_modes import (
    DEFAULT_SIZES,
    MODES,
    Request,
    mode_options,
    parse_sizes,
    run_mode,
    run_training,
)
from fscompress.cli.bench_options import (
    Choice,
    Form,
    choice_options,
    form_options,
    levels_option,
    measured_models_option,
)
from fscompress.cli.bench_report import as_markdown, as_text, plotted
from fscompress.cli.console import Console
from fscompress.cli.options import LEVELS, engine_option, talks
from fscompress.errors import EXIT_REFUSED, RefusedError
from fscompress.files import STANDARD, check_output, open_output

FORMS = {"text": as_text, "markdown": as_markdown, "json": as_json, "csv": as_csv}


def _existing(_context: click.Context, _parameter: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        if word not in NAMED and not Path(word).exists():
            raise click.BadParameter(f"'{word}' does not exist and is none of {', '.join(NAMED)}")
    return words


@click.command()
@click.argument("words", nargs=-1, metavar="[FILE]...", callback=_existing)
@choice_options
@mode_options
@click.option("--preset", default="small", show_default=True, help="Model of --train.")
@click.option(
    "--seconds", type=click.FloatRange(min=0), default=10.0, show_default=True, help="For each loop of --train."
)
@click.option(
    "--sizes",
    metavar="N,N",
    callback=parse_sizes,
    default=DEFAULT_SIZES,
    show_default=True,
    help="Of --lanes: bytes from the beginning of each FILE; those that it has, else all of it.",
)
@levels_option
@measured_models_option
@engine_option
@form_options
@talks
def bench(
    words: tuple[str, ...],
    choice: Choice,
    mode: str | None,
    preset: str,
    seconds: float,
    sizes: tuple[int, ...],
    levels: tuple[str, ...],
    models: tuple[str, ...],
    engine: str,
    form: Form,
    console: Console,
) -> None:
    """Compress each FILE with fscompress and every other compressor that is installed; all is decoded and compared.

    FILE may be a folder, of which all files are measured; `sample`, an English text that Python brings along; `enwik8`,
    which is downloaded if it is not there; `enwik8-test` or `ptb-test`, the splits that language models are compared
    on. Without a FILE: the sample, and what is there of enwik8 and PTB.

    The column "with model" counts the model file as part of the output. Records that others have published on a text
    stand below it, marked as such: they were not measured here. Exit code 1 if any row is not verified; after Ctrl-C
    what is done is printed.

    One of --train, --ablation, --lanes, --parts measures something else instead: see docs/BENCH.md.
    """
    if mode == "train":
        run_training(preset, seconds, form.kind == "json", console)
    elif mode:
        run_mode(mode, _request(words, choice, sizes, levels, models, engine, form, console))
    elif choice.published:
        _print(Report(this_machine(), choice.limits, [], [], [], [], PUBLISHED), form)
    else:
        _compare(words, choice, levels or LEVELS, models or (store.DEFAULT,), engine, form, console)


def _request(
    words: tuple[str, ...],
    choice: Choice,
    sizes: tuple[int, ...],
    levels: tuple[str, ...],
    models: tuple[str, ...],
    engine: str,
    form: Form,
    console: Console,
) -> Request:
    if len(models) > 1:
        raise click.UsageError(f"one of {', '.join(f'--{mode}' for mode in MODES)} takes one --model")
    files, as_json = tuple(map(Path, words)), form.kind == "json"
    model = models[0] if models else None
    return Request(files, levels, model, engine, choice.limits.runs or 1, sizes, as_json, console)


def _compare(
    words: Sequence[str],
    choice: Choice,
    levels: Sequence[str],
    models: Sequence[str],
    engine: str,
    form: Form,
    console: Console,
) -> None:
    """Measures and prints; known obstacles are reported before hours of measuring and not after."""
    if form.plot:
        plot.check(form.plot)
        check_output(form.plot, STANDARD, form.force, binary=False)
    machine = this_machine()
    subjects, missing = _subjects(choice, levels, models, engine)
    with _download_bar(console) as report, opened(words, choice.data, report) as inputs:
        rows, interrupted = _measure(inputs, subjects, choice.limits, console)
    found = Report(machine, choice.limits, inputs, subjects, missing, rows, records_on(inputs))
    _print(found, form)
    if form.plot and rows:
        _draw(found, form)
    if interrupted:
        raise KeyboardInterrupt
    if not all(row.verified for row in rows):
        raise click.exceptions.Exit(EXIT_REFUSED)


def _subjects(
    choice: Choice, levels: Sequence[str], models: Sequence[str], engine: str
) -> tuple[list[Subject], list[str]]:
    """What is measured, and the names of what is asked for and not installed."""
    others, absent = baselines()
    subjects = [subject for subject in others if choice.takes(subject.name)]
    missing = [name for name in absent if choice.takes(name)]
    if choice.takes(OURS):
        installed = [store.describe(store.find_model(model)) for model in models]
        subjects += ours(installed, levels, engine, choice.limits.threads)
    if not subjects:
        raise RefusedError(f"nothing to measure; not installed: {', '.join(missing) or 'none'}")
    return subjects, missing


def _measure(
    inputs: Sequence[Input], subjects: Sequence[Subject], limits: Limits, console: Console
) -> tuple[list[Row], bool]:
    """The rows that were done, and whether Ctrl-C ended it."""
    rows: list[Row] = []
    pairs = [(each, subject) for each in inputs for subject in subjects]
    try:
        for i, (each, subject) in enumerate(pairs, start=1):
            console.notice(f"[{i}/{len(pairs)}] {each.name}: {subject.label}")
            rows.append(measure_one(subject, each.name, each.path, limits))
            console.detail(f"    {_told(rows[-1])}")
    except KeyboardInterrupt:
        return rows, True
    return rows, False


def _told(row: Row) -> str:
    if row.failure:
        return f"FAILED: {row.failure}"
    return f"{row.n_coded:,} bytes, {row.bits_per_byte:.4f} bpc, {row.encode_speed:,.1f} kB/s"


def _print(report: Report, form: Form) -> None:
    click.echo(FORMS[form.kind](report).rstrip("\n"))


def _draw(report: Report, form: Form) -> None:
    assert form.plot is not None
    rows, records, title = plotted(report)
    with open_output(form.plot, force=form.force) as output:
        output.file.write(plot.draw(rows, records, title, Path(form.plot).suffix))


@contextmanager
def _download_bar(console: Console) -> Iterator[Download]:
    from tqdm import tqdm

    with tqdm(unit="B", unit_scale=True, disable=console.hides_bars, leave=False, delay=1) as bar:

        def report(what: str, done: int, total: int) -> None:
            bar.set_description(what)
            bar.total = total or None
            bar.update(done - bar.n)

        yield report
