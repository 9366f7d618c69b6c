"""Modes of ``fscompress bench`` that give ideal code lengths: what parts save, and the cost along a file."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fscompress.bench.inputs import Input
from fscompress.cli.bench_found import Found, Section
from fscompress.cli.bench_options import Request

if TYPE_CHECKING:
    from fscompress.bench.ablation import Loss
    from fscompress.bench.curve import Place


def ablation(request: Request, inputs: Sequence[Input]) -> Found:
    """Per cent more without each part of a level."""
    from fscompress.bench.ablation import ablate
    from fscompress.levels import level

    for name in request.levels:
        if level(name).mixing is None:
            raise click.UsageError(f"--ablation takes parts from a mixer, which level {name} has not")
    files, (_, engine) = {each.name: each.path.read_bytes() for each in inputs}, request.engine()
    results = {}
    for name in request.levels:
        results[name] = ablate([*files.values()], level(name), engine, request.console.detail)
    levels = {name: [_loss_record(loss) for loss in losses] for name, losses in results.items()}
    document = {"files": {name: len(data) for name, data in files.items()}, "levels": levels}
    titles = ["group", "without", *(Path(name).name for name in files), "all"]
    sections = [
        Section(
            f"level {name}: ideal bytes, and per cent more without a part",
            titles,
            [_loss_cells(loss) for loss in losses],
            frozenset({0, 1}),
        )
        for name, losses in results.items()
    ]
    records = [
        {"level": name, "group": loss.group, "without": loss.name, "file": file, "bytes": n, "percent": percent}
        for name, losses in results.items()
        for loss in losses
        for file, n, percent in zip(files, loss.n_bytes, loss.percents, strict=True)
    ]
    return Found(sections, records, document)


def _loss_record(loss: "Loss") -> dict[str, Any]:
    return dataclasses.asdict(loss) | {"total": loss.total}


def _loss_cells(loss: "Loss") -> list[str]:
    if not loss.group:
        return ["", f"- ({loss.name})", *(f"{n:,.0f}" for n in loss.n_bytes), f"{loss.total:,.0f}"]
    return [loss.group, loss.name, *(f"{percent:+.2f}" for percent in loss.percents), f"{loss.percent:+.2f}"]


def curve(request: Request, inputs: Sequence[Input]) -> Found:
    """Ideal bits per byte at places along each file."""
    from fscompress.bench.curve import measure_curve
    from fscompress.levels import level

    _, engine = request.engine()
    rows: list[Place] = []
    for each in inputs:
        for name in request.levels:
            request.console.detail(f"{each.name}: level {name}")
            rows += measure_curve(each.name, each.path.read_bytes(), level(name), engine)
    cells = [[row.level, f"{row.n_plain:,}", f"{row.so_far:.4f}", f"{row.here:.4f}", row.file] for row in rows]
    titles = ["level", "bytes", "bpc so far", "bpc since the row above", "file"]
    heading = "ideal bits per byte along the file"
    section = Section(heading, titles, cells, frozenset({0, 4}))
    return Found([section], [dataclasses.asdict(row) for row in rows], draw=partial(_draw, rows))


def _draw(rows: "Sequence[Place]", suffix: str) -> bytes:
    from fscompress.bench.plot_lines import Panel, draw_lines, series

    so_far = series((_name(rows, row), row.n_plain, row.so_far) for row in rows)
    here = series((_name(rows, row), row.n_plain, row.here) for row in rows)
    place = "bytes of the file (log scale)"
    panels = [
        Panel(place, "ideal bits per byte, all up to here", so_far, zero=False),
        Panel(place, "ideal bits per byte since the mark before", here, zero=False),
    ]
    return draw_lines(panels, "bits per byte along the file", suffix)


def _name(rows: "Sequence[Place]", row: "Place") -> str:
    """Of the row's line: the level, and the file where there are several."""
    return f"{row.level}, {row.file}" if len({each.file for each in rows}) > 1 else row.level
