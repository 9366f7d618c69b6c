"""``fscompress list``: what .fsc files say about themselves; payloads are passed over, so it is instant."""

import json
from dataclasses import dataclass
from typing import Any

import click

from fscompress.cli.console import Console, about
from fscompress.cli.options import json_option, talks
from fscompress.cli.results import show
from fscompress.cli.tables import table
from fscompress.cli.transfer import each, shown
from fscompress.container import BlockInfo, End, Header, ModelRecord, skim
from fscompress.container.layout import END
from fscompress.files import open_input, require_stdout


@dataclass
class Contents:
    """Sums over the records of one file; ``models`` are (name, first bytes of the id in hex)."""

    version: int = 0
    n_plain: int = 0
    n_coded: int = 0
    n_blocks: int = 0
    n_raw_blocks: int = 0
    sha256: str | None = None
    models: tuple[tuple[str, str], ...] = ()

    @property
    def bits_per_byte(self) -> float | None:
        """Coded bits per plain byte, None for an empty input."""
        return 8 * self.n_coded / self.n_plain if self.n_plain else None

    def as_json(self, name: str) -> dict[str, Any]:
        """The entry of ``--json``."""
        return {
            "file": name,
            "format": self.version,
            "plain_bytes": self.n_plain,
            "coded_bytes": self.n_coded,
            "bits_per_byte": self.bits_per_byte,
            "blocks": self.n_blocks,
            "raw_blocks": self.n_raw_blocks,
            "sha256": self.sha256,
            "models": [{"name": name, "id": id_} for name, id_ in self.models],
        }

    def as_row(self, name: str) -> list[str]:
        """The line of the table."""
        bpc = "-" if self.bits_per_byte is None else f"{self.bits_per_byte:.4f}"
        models = ", ".join(f"{model} ({id_})" for model, id_ in self.models) or "-"
        sizes = [f"{self.n_plain:,}", f"{self.n_coded:,}", bpc, f"{self.n_blocks:,}"]
        return [*sizes, models, name]


def read_contents(name: str) -> Contents:
    """Reads the records of ``name``; raises what ``container.skim`` raises."""
    contents, streams = Contents(), 0
    with open_input(name, binary_expected=True) as source, about(shown(name)):
        for head in skim(source):
            if isinstance(head, Header):
                contents.version, streams = head.version, streams + 1
            elif isinstance(head, ModelRecord):
                model = (head.name, head.model_id.hex())
                contents.models += () if model in contents.models else (model,)
            elif isinstance(head, BlockInfo):
                contents.n_blocks += 1
                contents.n_raw_blocks += head.scheme is None
            elif isinstance(head, End):
                contents.n_plain += head.n_plain
                contents.n_coded = head.offset + END.size
                # Of several streams joined there is no checksum of the whole.
                contents.sha256 = head.sha256.hex() if streams == 1 else None
    return contents


@click.command("list")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@json_option
@talks
def list_files(files: tuple[str, ...], as_json: bool, console: Console) -> None:
    """Show sizes, bits per byte, blocks and models of each FILE (stdin with -), read from its records alone.

    Only structure is checked; test checks the contents.
    """
    require_stdout()
    found: list[tuple[str, Contents]] = []

    def read(name: str) -> None:
        found.append((shown(name), read_contents(name)))

    try:
        each(files, read, console, shown)
    finally:
        if as_json:
            show(json.dumps([contents.as_json(name) for name, contents in found], indent=2))
        elif found:
            titles = ["plain", "coded", "bpc", "blocks", "models", "file"]
            show(table(titles, [contents.as_row(name) for name, contents in found], left={4, 5}))
