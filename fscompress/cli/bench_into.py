"""Writes what ``fscompress bench`` measured into a document: the command and its Markdown, between two markers."""

import shlex
from pathlib import Path

import click

from fscompress.errors import RefusedError
from fscompress.files import open_output

WORDS = "fscompress.words"  # key of the command's words in the context
END = "<!-- end -->"


class RecordedCommand(click.Command):
    """A command that knows the words it was called with."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As every command, but remembers ``args``."""
        ctx.meta[WORDS] = tuple(args)
        return super().parse_args(ctx, args)


def write_into(target: str, name: str, markdown: str | None) -> None:
    """Replaces what stands in a document between ``<!-- fscompress bench NAME -->`` and the next ``<!-- end -->``.

    Args:
        target: path of the document, or path#NAME.
        name: NAME where ``target`` has none.
        markdown: what is measured; None: only see whether the markers are there.
    Raises:
        RefusedError: they are not.
    """
    path, _, chosen = target.partition("#")
    begin = f"<!-- fscompress bench {chosen or name} -->"
    before, found, rest = Path(path).read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise RefusedError(f"{path}: has no lines {begin} and {END} to write between; add them where the table belongs")
    if markdown is None:
        return
    command = shlex.join(["fscompress", "bench", *click.get_current_context().meta[WORDS]])
    text = f"{before}{begin}\n\n```sh\n{command}\n```\n\n{markdown.rstrip()}\n\n{END}{after}"
    with open_output(path, force=True) as output:
        output.write(text.encode())
