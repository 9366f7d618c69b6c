"""``fscompress eval``: bits per byte that a model, float or integer, would spend on files."""

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import click

from fscompress import store
from fscompress.cli.console import Console, about
from fscompress.cli.options import engine_option, json_option, talks
from fscompress.cli.results import show
from fscompress.cli.tables import table
from fscompress.cli.transfer import each, shown
from fscompress.errors import RefusedError
from fscompress.files import open_input, require_stdout
from fscompress.lanes import EVALUATION_LANES
from fscompress.streams import read_all

Measure = Callable[[bytes], float]


@click.command("eval")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--model", "names", metavar="MODEL", multiple=True,
    help="An integer model (name, path or id) or a checkpoint of train (path); several checkpoints are an ensemble.",
)  # fmt: skip
@click.option(
    "--lanes", type=click.IntRange(1), default=EVALUATION_LANES, show_default=True, metavar="N",
    help="Cut each text into so many; fewer where they would have less than 64 bytes.",
)  # fmt: skip
@engine_option
@json_option
@talks
def evaluate(
    files: tuple[str, ...], names: tuple[str, ...], lanes: int, engine: str, as_json: bool, console: Console
) -> None:
    """Bits per byte of the network alone on each FILE, without the coder and the container.

    Every lane starts from the model's initial state: many are fast, and one shows what levels normal and best get of
    the network on a text of up to 2 MiB. An ensemble predicts with the mean of its members' probabilities.
    """
    require_stdout()
    paths = [store.find_model(name) for name in names or (store.DEFAULT,)]
    if len(paths) > 1:
        _require_checkpoints(paths)
    if engine != "auto" and store.is_checkpoint(paths[0]):
        raise RefusedError(f"{paths[0]}: --engine is for integer models, and this is a checkpoint of train")
    results: list[dict[str, Any]] = []

    @cache
    def measure() -> tuple[str, Measure]:
        if store.is_checkpoint(paths[0]):
            return _float_measure(paths, lanes)
        return _integer_measure(paths[0], lanes, engine)

    def work(name: str) -> None:
        with open_input(name) as source:
            data = read_all(source)
        if not data:
            raise RefusedError(f"{shown(name)}: is empty; there is nothing to measure")
        kind, bits_per_byte = measure()
        with about(shown(name)):
            bpc = bits_per_byte(data)
        sizes = {"file": shown(name), "bytes": len(data), "bits_per_byte": bpc}
        results.append({**sizes, "model": " + ".join(map(str, paths)), "arithmetic": kind})

    try:
        each(files, work, console, shown)
    finally:
        if as_json:
            show(json.dumps(results, indent=2))
        elif results:
            show(table(["bpc", "arithmetic", "bytes", "file"], [_row(result) for result in results], left={1, 3}))


def _row(result: dict[str, Any]) -> list[str]:
    bpc, n_bytes = f"{result['bits_per_byte']:.4f}", f"{result['bytes']:,}"
    return [bpc, result["arithmetic"], n_bytes, result["file"]]


def _require_checkpoints(paths: Sequence[Path]) -> None:
    for path in paths:
        if not store.is_checkpoint(path):
            raise RefusedError(f"{path}: an ensemble is made of checkpoints of train, and this is an integer model")


def _float_measure(paths: Sequence[Path], lanes: int) -> tuple[str, Measure]:
    import numpy as np

    from fscompress.export.checkpoint import DEFAULT_PRIMER, load_float_model
    from fscompress.training.evaluation import WINDOW, float_bits_per_byte

    models = [load_float_model(path) for path in paths]

    def measure(data: bytes) -> float:
        if len(data) < WINDOW:
            raise RefusedError(f"a float model is measured on at least {WINDOW} bytes (got {len(data)})")
        return float_bits_per_byte(models, np.frombuffer(data, np.uint8), lanes, DEFAULT_PRIMER)

    return "float", measure


def _integer_measure(path: Path, lanes: int, engine: str) -> tuple[str, Measure]:
    from fscompress.engine import load_model
    from fscompress.engine.evaluation import integer_bits_per_byte

    model = load_model(path)
    return "integer", lambda data: integer_bits_per_byte(model, data, lanes, engine)
