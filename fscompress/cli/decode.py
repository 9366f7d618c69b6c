"""``fscompress decode``: .fsc files in, the bytes that were encoded out.  Twin of ``encode.py``."""

from typing import TYPE_CHECKING, BinaryIO

import click

from fscompress import settings, store
from fscompress.cli.console import Console
from fscompress.cli.jobs import Destination, decode_jobs
from fscompress.cli.options import engine_option, known_model_option, talks, threads_option, writes
from fscompress.cli.transfer import Convert, Progress, Transfer, run_jobs

if TYPE_CHECKING:
    from fscompress.codec import CodingStats


@click.command()
@writes
@known_model_option
@engine_option
@threads_option
@talks
def decode(
    words: tuple[str, ...],
    output: str | None,
    to_stdout: bool,
    force: bool,
    remove: bool,
    model: str | None,
    engine: str,
    threads: int | None,
    console: Console,
) -> None:
    """Decode each FILE.fsc as FILE, or FILE.fsc as OUTPUT.

    Without a FILE, or with -, stdin is decoded to stdout. Of exactly two words the second is OUTPUT if the first ends
    in .fsc (or is -) and the second does not; all other words are inputs. -f overwrites FILE and what -o names, but no
    other OUTPUT. The model is found by the id in the file; --model names the file of one that is not installed.
    """
    jobs = decode_jobs(words, Destination(output, to_stdout))
    convert = decoder(model, engine, threads or settings.threads())
    run_jobs(jobs, Transfer(convert, False, force, remove), console)


def decoder(model: str | None, engine: str, threads: int) -> Convert:
    """The conversion that ``decode`` and ``test`` share; models are loaded once each."""
    find_model = store.finder(model)

    def convert(source: BinaryIO, target: BinaryIO, progress: Progress) -> "CodingStats":
        from fscompress.codec import CodingOptions, decode_stream

        return decode_stream(source, target, find_model, CodingOptions(engine, threads), progress)

    return convert
