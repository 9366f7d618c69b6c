"""``fscompress bench``: verified sizes and speeds on given files; ``bench_modes.py`` has what it measures instead."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from fscompress import settings, store
from fscompress.bench.compressors import BASELINES, Compressor, fscompress
from fscompress.bench.measure import Row, measure
from fscompress.bench.published import ENWIK8, Published
from fscompress.cli.bench_modes import (
    DEFAULT_SIZES,
    Request,
    mode_options,
    parse_sizes,
    read_all,
    run_mode,
    run_training,
)
from fscompress.cli.console import Console
from fscompress.cli.options import LEVELS, engine_option, json_option, model_option, talks, threads_option
from fscompress.cli.tables import table
from fscompress.errors import EXIT_REFUSED

TITLES = ["compressor", "bytes", "bpc", "with model", "encode kB/s", "decode kB/s", "verified", "file"]
PUBLISHED_TITLES = ["compressor", "bpc", "kB/s", "published by", "note"]


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--runs", type=click.IntRange(min=1), default=1, show_default=True, help="Timed runs; the median counts.")
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
@click.option(
    "--level",
    "levels",
    multiple=True,
    type=click.Choice(LEVELS),
    help="Measure these alone; repeatable.  [default: all; --ablation, --lanes: normal; --parts: normal, best]",
)
@model_option
@engine_option
@threads_option
@json_option
@talks
def bench(
    files: tuple[Path, ...],
    runs: int,
    mode: str | None,
    preset: str,
    seconds: float,
    sizes: tuple[int, ...],
    levels: tuple[str, ...],
    model: str | None,
    engine: str,
    threads: int | None,
    as_json: bool,
    console: Console,
) -> None:
    """Compress each FILE with gzip, bzip2, xz and fscompress; every row is decoded again and compared.

    The column "with model" counts the model file as part of the output. Records that others have published for enwik8
    are printed below, marked as such: they were not measured here. Exit code 1 if any row is not verified.

    One of --train, --ablation, --lanes, --parts measures something else instead: see docs/BENCH.md.
    """
    if mode == "train":
        run_training(preset, seconds, as_json, console)
        return
    if mode:
        run_mode(mode, Request(files, levels, model, engine, runs, sizes, as_json, console))
        return
    rows: list[Row] = []
    if files:
        ours = [_ours(model, level, engine, threads or settings.threads()) for level in levels or LEVELS]
        rows = _measure_all(files, runs, [*BASELINES, *ours], console)
    click.echo(_as_json(rows) if as_json else _as_text(rows))
    if not all(row.verified for row in rows):
        raise click.exceptions.Exit(EXIT_REFUSED)


def _ours(name: str | None, level: str, engine: str, threads: int) -> Compressor:
    from fscompress.codec import CodingOptions
    from fscompress.engine import load_model

    path = store.find_model(name or store.DEFAULT)
    return fscompress(load_model(path), path.stat().st_size, CodingOptions(engine, threads, level))


def _measure_all(files: tuple[Path, ...], runs: int, compressors: list[Compressor], console: Console) -> list[Row]:
    rows = []
    for file, data in read_all(files):
        for compressor in compressors:
            console.detail(f"{file}: {compressor.name}")
            rows.append(measure(compressor, file, data, runs))
    return rows


def _as_text(rows: list[Row]) -> str:
    parts = []
    if rows:
        parts += [table(TITLES, [_cells(row) for row in rows], left={0, 6, 7})]
        parts += [f"FAILED: {row.compressor} on {row.file}: {row.failure}" for row in rows if row.failure]
    published = table(PUBLISHED_TITLES, [_published_cells(record) for record in ENWIK8], left={0, 3, 4})
    return "\n".join([*parts, "", "enwik8 as published by others (not measured here):", published])


def _cells(row: Row) -> list[str]:
    if row.failure:
        return [row.compressor, "-", "-", "-", "-", "-", "FAILED", row.file]
    return [
        row.compressor,
        f"{row.n_coded:,}",
        f"{row.bits_per_byte:.4f}",
        f"{row.bits_per_byte_with_model:.4f}",
        f"{row.encode_speed:,.1f}",
        f"{row.decode_speed:,.1f}",
        "yes",
        row.file,
    ]


def _published_cells(record: Published) -> list[str]:
    speed = "-" if record.speed is None else f"{record.speed:g}"
    return [record.name, f"{record.bits_per_byte:.3f}", speed, record.source or "-", record.note]


def _as_json(rows: list[Row]) -> str:
    def measured(row: Row) -> dict[str, Any]:
        derived = ("bits_per_byte", "bits_per_byte_with_model", "encode_speed", "decode_speed", "verified")
        return dataclasses.asdict(row) | {name: getattr(row, name) for name in derived}

    published = [dataclasses.asdict(record) for record in ENWIK8]
    return json.dumps({"measured": [measured(row) for row in rows], "published_enwik8": published}, indent=2)
