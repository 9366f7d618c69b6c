"""Writes what ``fscompress bench`` measured into a document: the command and its Markdown, between two markers."""

import os
import shlex
from pathlib import Path

import click

from fscompress.errors import RefusedError
from fscompress.files import open_output, printable

WORDS = "fscompress.words"  # key of the command's words in the context
BEGIN, END = "<!-- fscompress bench", "<!-- end -->"


class RecordedCommand(click.Command):
    """A command that knows the words it was called with."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As every command, but remembers ``args``."""
        ctx.meta[WORDS] = tuple(args)
        return super().parse_args(ctx, args)


def write_into(target: str, name: str, markdown: str | None) -> None:
    """Replaces what stands in a document between ``<!-- fscompress bench NAME -->`` and the next ``<!-- end -->``.

    The document keeps its line ends, owner and mode.

    Args:
        target: path of the document, or path#NAME.
        name: NAME where ``target`` has none.
        markdown: what is measured; None: only see whether the markers are there.
    Raises:
        RefusedError: they are not, or the document is not UTF-8.
    """
    path, _, chosen = target.partition("#")
    begin = f"{BEGIN} {chosen or name} -->"
    before, block, after = _around(path, begin)
    if markdown is None:
        return
    command = printable(shlex.join(["fscompress", "bench", *click.get_current_context().meta[WORDS]]))
    text = f"{begin}\n\n```sh\n{command}\n```\n\n{markdown.rstrip()}\n\n{END}"
    if block.startswith("\r\n"):
        text = text.replace("\n", "\r\n")
    with open_output(path, force=True, status=Path(path).stat()) as output:
        output.write(f"{before}{text}{after}".encode())
    os.utime(path)  # its bytes are new: what is made from it is to be made again


def _around(path: str, begin: str) -> tuple[str, str, str]:
    """The document before the block that ``begin`` opens, the block, and the document after it."""
    try:
        text = Path(path).read_bytes().decode()
    except UnicodeDecodeError as error:
        raise RefusedError(f"{path}: is not UTF-8 at offset {error.start}; --into writes into UTF-8 alone") from error
    before, found, rest = text.partition(begin)
    block, ended, after = rest.partition(END)
    if not found or not ended:
        raise RefusedError(f"{path}: has no lines {begin} and {END} to write between; add them where the table belongs")
    if BEGIN in block:  # all up to the end of the other block would be lost
        raise RefusedError(f"{path}: another block begins before the {END} of {begin}; add it where the table ends")
    return before, block, after
