"""``fscompress models``: which models are installed, whether they are intact, and one file out of parts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fscompress import parts, store
from fscompress.cli.console import Console
from fscompress.cli.options import json_option, talks
from fscompress.cli.results import show
from fscompress.cli.tables import table
from fscompress.cli.transfer import each
from fscompress.container import MODEL_ID_BYTES
from fscompress.errors import EngineError, ModelFileError, RefusedError
from fscompress.files import open_output, require_stdout

if TYPE_CHECKING:
    from fscompress.engine import IntegerModel


@click.command()
@click.argument("wanted", nargs=-1, metavar="[MODEL]...")
@click.option("--verify", is_flag=True, help="Read each model whole; check parts, bounds and self-test.")
@click.option("--join", is_flag=True, help="Write MODEL, which is in parts, as one file.")
@click.option("-o", "--output", metavar="FILE", help="Where --join writes.  [default: MODEL's file name, here]")
@click.option("-f", "--force", is_flag=True, help="Let --join overwrite.")
@json_option
@talks
def models(
    wanted: tuple[str, ...],
    verify: bool,
    join: bool,
    output: str | None,
    force: bool,
    as_json: bool,
    console: Console,
) -> None:
    """Show each MODEL (name, path or id; all installed ones without): weights, bytes, parts, whether it is whole.

    They are looked for in the folder FSCOMPRESS_MODELS, then in the package or the clone it is installed from. An .fsc
    file records name and id of the model that it needs.
    """
    if verify + join + as_json > 1 or (output and not join) or (join and len(wanted) != 1):
        raise click.UsageError("give one of --verify, --join and --json; --join takes one MODEL, and -o belongs to it")
    if join:
        _join(store.find_model(wanted[0]), output, force, console)
        return
    if not verify:
        require_stdout()
    found: Sequence[str | Path] = wanted or [model.path for model in store.installed()]
    if not found:
        console.notice("no models installed; searched: " + ", ".join(map(str, store.folders())))
    if verify:
        each(found, lambda model: _verify(_path(model), console), console, str)
    else:
        _show(found, as_json, console)


def _path(model: str | Path) -> Path:
    return model if isinstance(model, Path) else store.find_model(model)


@dataclass(frozen=True)
class _Found:
    """A model file as the listing shows it; ``trouble`` says why it is not whole."""

    path: Path
    id: str
    n_bytes: int
    n_parts: int
    trouble: ModelFileError | None = None
    n_weights: int = 0
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.path.name.removesuffix(store.SUFFIX)

    def as_row(self) -> list[str]:
        weights = f"{self.n_weights:,}" if self.n_weights else "-"
        whole = "no" if self.trouble else "yes"
        id_ = self.id[: 2 * MODEL_ID_BYTES] or "-"
        sizes = [weights, f"{self.n_bytes:,}", f"{self.n_parts or '-'}", whole]
        return [self.name, id_, *sizes, self.metadata.get("description") or "-"]

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "id": self.id,
            "weights": self.n_weights,
            "bytes": self.n_bytes,
            "parts": self.n_parts,
            "whole": not self.trouble,
            "path": str(self.path),
            "metadata": self.metadata,
        }


def _look(path: Path) -> _Found:
    model = store.Installed(path.name, path, b"")
    try:
        model = store.describe(path)
        metadata, shapes = store.read_header(path)
    except ModelFileError as error:
        return _Found(path, model.id.hex(), model.n_bytes, model.n_parts, error)
    sizes = model.n_bytes, model.n_parts
    return _Found(path, model.id.hex(), *sizes, n_weights=store.count_weights(shapes), metadata=metadata)


def _show(models: Sequence[str | Path], as_json: bool, console: Console) -> None:
    """Lists what is there; a model that is not whole is an error where it was asked for, and else a notice."""
    found: list[_Found] = []

    def look(model: str | Path) -> str:
        found.append(_look(_path(model)))
        if found[-1].trouble and isinstance(model, str):
            raise found[-1].trouble
        if found[-1].trouble:
            console.notice(str(found[-1].trouble))
        return f"{found[-1].name}: {found[-1].path}"

    try:
        each(models, look, console, str)
    finally:
        if as_json:
            show(json.dumps([model.as_json() for model in found], indent=2))
        elif found:
            titles = ["name", "id", "weights", "bytes", "parts", "whole", "description"]
            show(table(titles, [model.as_row() for model in found], left={0, 1, 6}))


def _verify(path: Path, console: Console) -> None:
    """Reads the model as encode and decode do and runs its self-test; raises ModelFileError for any damage."""
    from fscompress.engine import load_model

    model = load_model(path)
    _check_canary(path, model)
    in_parts = f", {n_parts} parts" if (n_parts := store.Installed(model.name, path, model.id).n_parts) else ""
    console.notice(f"{path}: intact, id {model.id.hex()[: 2 * MODEL_ID_BYTES]}, {parts.size(path):,} bytes{in_parts}")


def _check_canary(path: Path, model: "IntegerModel") -> None:
    from fscompress.engine import engine_factory

    for engine in ("cpu", "reference"):  # where only the fast one fails, the model is not at fault
        try:
            engine_factory(model, engine)().start(1)
        except EngineError:
            continue
        return
    raise ModelFileError(f"{path}: the network does not compute what its canary says; the file is damaged")


def _join(path: Path, output: str | None, force: bool, console: Console) -> None:
    if path.is_file():
        raise RefusedError(f"{path}: is one file already")
    data = parts.read_joined(path)
    target = output or path.name
    with open_output(target, force=force) as opened:
        opened.write(data)
    console.notice(f"{target}: {len(data):,} bytes")
