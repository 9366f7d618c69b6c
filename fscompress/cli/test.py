"""``fscompress test``: a full decode, checksums included, that writes nothing."""

import os

import click

from fscompress import settings
from fscompress.cli.console import Console, about
from fscompress.cli.decode import decoder
from fscompress.cli.options import engine_option, known_model_option, memory_option, talks, threads_option
from fscompress.cli.transfer import announce_compilation, each, shown
from fscompress.files import STANDARD, open_input


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("-f", "--force", is_flag=True, help="Read compressed data from a terminal.")
@known_model_option
@engine_option
@threads_option
@memory_option
@talks
def test(
    files: tuple[str, ...],
    force: bool,
    model: str | None,
    engine: str,
    threads: int | None,
    memory: int,
    console: Console,
) -> None:
    """Decode each FILE (stdin without one, or with -) without writing anything, and say whether it is intact."""
    convert = decoder(model, engine, threads or settings.threads(engine), memory)

    def check(name: str) -> None:
        with (
            open_input(name, binary_expected=True, force=force) as source,
            open(os.devnull, "wb") as sink,
        ):
            announce_compilation(console)
            with console.bar(None, shown(name)) as progress, about(shown(name)):
                stats = convert(source, sink, progress)
        console.notice(f"{shown(name)}: intact, {stats.n_plain:,} bytes")

    each(files or (STANDARD,), check, console, shown)
