"""``fscompress encode``: files in, .fsc files out."""

from functools import cache
from typing import TYPE_CHECKING, BinaryIO

import click

from fscompress import settings, store
from fscompress.cli.console import Console
from fscompress.cli.jobs import Destination, encode_jobs
from fscompress.cli.options import engine_option, level_option, models_option, talks, threads_option, writes
from fscompress.cli.transfer import Progress, Transfer, run_jobs

if TYPE_CHECKING:
    from fscompress.codec import CodingStats
    from fscompress.engine import IntegerModel


@click.command()
@writes
@level_option
@models_option
@engine_option
@threads_option
@talks
def encode(
    words: tuple[str, ...],
    output: str | None,
    to_stdout: bool,
    force: bool,
    remove: bool,
    level: str,
    names: tuple[str, ...],
    engine: str,
    threads: int | None,
    console: Console,
) -> None:
    """Encode each FILE as FILE.fsc, or FILE as OUTPUT.

    Without a FILE, or with -, stdin is encoded to stdout. Of exactly two words the second is OUTPUT if it ends in .fsc
    and the first does not; all other words are inputs. -f overwrites FILE.fsc and what -o names, but no other OUTPUT.

    Level fast codes with the network alone; normal mixes it with what the file itself has shown so far; best does so
    with more contexts and memory, more slowly.
    """
    jobs = encode_jobs(words, Destination(output, to_stdout))
    run_jobs(jobs, _transfer(names, level, engine, threads or settings.threads(), force, remove), console)


def _transfer(names: tuple[str, ...], level: str, engine: str, threads: int, force: bool, remove: bool) -> Transfer:
    @cache
    def models() -> "list[IntegerModel]":
        return [store.load(name) for name in names or (store.DEFAULT,)]

    def find(model_id: bytes, _name: str) -> "IntegerModel":
        return next(model for model in models() if model.id.startswith(model_id))

    def convert(source: BinaryIO, target: BinaryIO, progress: Progress) -> "CodingStats":
        from fscompress.codec import CodingOptions, encode_stream

        return encode_stream(source, target, models(), CodingOptions(engine, threads, level), progress)

    def verify(source: BinaryIO, sink: BinaryIO, progress: Progress) -> "CodingStats":
        from fscompress.codec import CodingOptions, decode_stream

        return decode_stream(source, sink, find, CodingOptions(engine, threads), progress)

    return Transfer(convert, True, force, remove, verify)
