"""``fscompress encode``: files in, .fsc files out."""

from functools import cache
from typing import TYPE_CHECKING, BinaryIO

import click

from fscompress import settings, store
from fscompress.cli.console import Console
from fscompress.cli.jobs import Destination, encode_jobs
from fscompress.cli.options import engine_option, model_option, talks, threads_option, writes
from fscompress.cli.transfer import Progress, Transfer, run_jobs

if TYPE_CHECKING:
    from fscompress.codec import CodingStats
    from fscompress.engine import IntegerModel


@click.command()
@writes
@model_option
@engine_option
@threads_option
@talks
def encode(
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
    """Encode each FILE as FILE.fsc, or FILE as OUTPUT.

    Without a FILE, or with -, stdin is encoded to stdout. Of exactly two words the second is OUTPUT if it ends in .fsc
    and the first does not; all other words are inputs. -f overwrites FILE.fsc and what -o names, but no other OUTPUT.
    """
    jobs = encode_jobs(words, Destination(output, to_stdout))
    run_jobs(jobs, _transfer(model, engine, threads or settings.threads(), force, remove), console)


def _transfer(name: str | None, engine: str, threads: int, force: bool, remove: bool) -> Transfer:
    @cache
    def model() -> "IntegerModel":
        return store.load(name or store.DEFAULT)

    def convert(source: BinaryIO, target: BinaryIO, progress: Progress) -> "CodingStats":
        from fscompress.codec import CodingOptions, encode_stream

        return encode_stream(source, target, model(), CodingOptions(engine, threads), progress)

    def verify(source: BinaryIO, sink: BinaryIO, progress: Progress) -> "CodingStats":
        from fscompress.codec import CodingOptions, decode_stream

        return decode_stream(source, sink, lambda _id, _name: model(), CodingOptions(engine, threads), progress)

    return Transfer(convert, True, force, remove, verify)
