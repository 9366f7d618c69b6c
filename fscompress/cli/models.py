"""``fscompress models``: which models are installed, and where they are looked for."""

import json
from typing import Any

import click

from fscompress import store
from fscompress.cli.console import Console
from fscompress.cli.options import json_option, talks
from fscompress.cli.tables import table


@click.command()
@json_option
@talks
def models(as_json: bool, console: Console) -> None:
    """Show the installed models: name, id, size, description, file.

    They are looked for in the folder FSCOMPRESS_MODELS, in the package, and in the clone it is installed from. An .fsc
    file records name and id of the model that it needs.
    """
    found = [(model, store.read_metadata(model.path)) for model in store.installed()]
    if as_json:
        click.echo(json.dumps([_as_json(model, metadata) for model, metadata in found], indent=2))
        return
    if not found:
        console.notice("no models installed; searched: " + ", ".join(map(str, store.folders())))
        return
    rows = [
        [model.name, model.id.hex()[: 2 * store.ID_BYTES], f"{model.n_bytes:,}", metadata.get("description", "-")]
        for model, metadata in found
    ]
    click.echo(table(["name", "id", "bytes", "description"], rows, left={0, 1, 3}))
    for model, _ in found:
        console.detail(f"{model.name}: {model.path}")


def _as_json(model: store.Installed, metadata: dict[str, str]) -> dict[str, Any]:
    return {
        "name": model.name,
        "id": model.id.hex(),
        "bytes": model.n_bytes,
        "path": str(model.path),
        "metadata": metadata,
    }
