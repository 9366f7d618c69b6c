"""``fscompress bench``: verified sizes and speeds on given files; ``bench_modes.py`` has what it measures instead."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import click

from fscompress import store
from fscompress.bench import plot
from fscompress.bench.inputs import Input
from fscompress.bench.machine import this_machine
from fscompress.bench.measure import Row
from fscompress.bench.published import PUBLISHED as RECORDS
from fscompress.bench.report import Report, as_csv, as_json, records_on
from fscompress.bench.suite import OURS, Limits, Subject, baselines, measure_one, ours
from fscompress.cli.bench_found import check_form, deliver
from fscompress.cli.bench_into import RecordedCommand
from fscompress.cli.bench_modes import PUBLISHED, mode_options, run_mode
from fscompress.cli.bench_options import (
    Form,
    Request,
    choice_options,
    existing,
    form_options,
    levels_option,
    measured_models_option,
    open_inputs,
    sizes_option,
)
from fscompress.cli.bench_report import as_markdown, as_text, plotted
from fscompress.cli.console import Console
from fscompress.cli.options import MEASURED_LEVELS, Finite, engine_option, talks
from fscompress.errors import EXIT_REFUSED, RefusedError

BLOCK = "results"  # of a document, where --into names none
FORMS = {"text": as_text, "markdown": as_markdown, "json": as_json, "csv": as_csv}


@click.command(cls=RecordedCommand)
@click.argument("words", nargs=-1, metavar="[FILE]...", callback=existing)
@choice_options
@mode_options
@click.option("--preset", default="small", show_default=True, help="Model of --train.")
@click.option("--seconds", type=Finite(min=0), default=10.0, show_default=True, help="For each loop of --train.")
@sizes_option
@levels_option
@measured_models_option
@engine_option
@form_options
@talks
def bench(mode: str | None, **asked: Any) -> None:
    """Compress each FILE with fscompress and every other compressor that is installed; all is decoded and compared.

    FILE may be a folder, of which all files are measured; `sample`, an English text that Python brings along; `enwik8`,
    which is downloaded if it is not there; `enwik8-test` or `ptb-test`, the splits that language models are compared
    on. A file or folder of such a name is taken instead, unless --data is given. Without a FILE: the sample, and what
    is there of enwik8 and PTB.

    The column "with model" counts the model file as part of the output. Records that others have published on a text
    stand below it, marked as such: they were not measured here. Exit code 1 if any row is not verified; after Ctrl-C
    what is done is printed.

    One of --train, --ablation, --curve, --lanes, --scaling, --parts measures something else instead: see docs/BENCH.md.
    An option that it does not read is wrong usage.
    """
    request = Request(engine_name=asked.pop("engine"), **asked)
    if mode is None:
        _compare(request)
    elif mode == PUBLISHED:
        _print_published(request)
    else:
        run_mode(mode, request)


def _print_published(request: Request) -> None:
    check_form(request.form, BLOCK)
    _deliver(Report(this_machine(), request.choice.limits, [], [], [], [], RECORDS), request.form)


def _compare(request: Request) -> None:
    """Measures and prints; known obstacles are reported before hours of measuring and not after."""
    check_form(request.form, BLOCK)
    machine, limits = this_machine(), request.choice.limits
    subjects, missing = _subjects(request)
    with open_inputs(request) as inputs:
        rows, interrupted = _measure(inputs, subjects, limits, request.console)
    _deliver(
        Report(machine, limits, inputs, subjects, missing, rows, records_on(inputs)), request.form, not interrupted
    )
    if interrupted:
        raise KeyboardInterrupt
    if not all(row.verified for row in rows):
        raise click.exceptions.Exit(EXIT_REFUSED)


def _subjects(request: Request) -> tuple[list[Subject], list[str]]:
    """What is measured, and the names of what is asked for and not installed."""
    choice, (others, absent) = request.choice, baselines()
    subjects = [subject for subject in others if choice.takes(subject.name)]
    missing = [name for name in absent if choice.takes(name)]
    if choice.takes(OURS):
        installed = [store.describe(store.find_model(model)) for model in request.models or (store.DEFAULT,)]
        subjects += ours(installed, request.levels or MEASURED_LEVELS, request.engine_name, choice.limits.threads)
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
            rows.append(measure_one(subject, each, limits))
            console.detail(f"    {_told(rows[-1])}")
    except KeyboardInterrupt:
        return rows, True
    return rows, False


def _told(row: Row) -> str:
    if row.failure:
        return f"FAILED: {row.failure}"
    return f"{row.n_coded:,} bytes, {row.bits_per_byte:.4f} bpc, {row.encode_speed:,.1f} kB/s"


def _deliver(report: Report, form: Form, whole: bool = True) -> None:
    forms = {kind: partial(make, report) for kind, make in FORMS.items()}
    deliver(form, BLOCK, forms, partial(_draw, report) if report.rows else None, whole)


def _draw(report: Report, suffix: str) -> bytes:
    rows, records, title = plotted(report)
    return plot.draw(rows, records, title, suffix)
