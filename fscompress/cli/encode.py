"""``fscompress encode``: files in, .fsc files out."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, BinaryIO

import click

from fscompress import settings, store
from fscompress.cli.console import Console
from fscompress.cli.jobs import Destination, encode_jobs
from fscompress.cli.options import engine_option, level_option, models_option, talks, threads_option, writes
from fscompress.cli.scheduler import cluster, scheduler_option
from fscompress.cli.transfer import Convert, Progress, Transfer, run_jobs
from fscompress.parts import read_joined

if TYPE_CHECKING:
    from fscompress.codec import CodingStats
    from fscompress.engine import IntegerModel
    from fscompress.executor import Executor


@click.command()
@writes
@level_option
@models_option
@engine_option
@threads_option
@scheduler_option
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
    scheduler: str | None,
    console: Console,
) -> None:
    """Encode each FILE as FILE.fsc, or FILE as OUTPUT.

    Without a FILE, or with -, stdin is encoded to stdout. Of exactly two words the second is OUTPUT if it ends in .fsc
    and the first does not; all other words are inputs. -f overwrites FILE.fsc and what -o names, but no other OUTPUT.

    Level fast codes with the network alone, which knows English text and little else; normal mixes it with what the
    file itself has shown so far; light does so with fewer contexts and in four lanes, twice as fast; best with more
    contexts and memory, more slowly. Level bulk is level fast in thousands of lanes, for --engine cuda and large files:
    somewhat larger, and any engine decodes it.
    """
    jobs = encode_jobs(words, Destination(output, to_stdout))
    names = names or (store.DEFAULT,)
    memory = settings.memory() if remove else settings.DEFAULT_MEMORY  # of verifying: a bad setting is refused first

    @cache
    def models() -> "list[IntegerModel]":
        return [store.load(name) for name in names]

    def read(wanted: "IntegerModel") -> bytes:
        at = [model.id for model in models()].index(wanted.id)
        return read_joined(store.find_model(names[at]))

    with cluster(scheduler, read) as executor:
        convert, verify = _directions(models, level, engine, threads or settings.threads(engine), memory, executor)
        several = executor.map_streams if executor else None
        run_jobs(jobs, Transfer(convert, True, force, remove, verify, several), console)


def _directions(
    models: "Callable[[], list[IntegerModel]]",
    level: str,
    engine: str,
    threads: int,
    memory: int,
    executor: "Executor | None",
) -> tuple[Convert, Convert]:
    """Encoding, and decoding, in so much memory, of what was encoded."""

    def find(model_id: bytes, _name: str) -> "IntegerModel":
        return next(model for model in models() if model.id.startswith(model_id))

    def convert(source: BinaryIO, target: BinaryIO, progress: Progress) -> "CodingStats":
        from fscompress.codec import CodingOptions, encode_stream

        return encode_stream(source, target, models(), CodingOptions(engine, threads, level), progress, executor)

    def verify(source: BinaryIO, sink: BinaryIO, progress: Progress) -> "CodingStats":
        from fscompress.codec import CodingOptions, decode_stream

        return decode_stream(source, sink, find, CodingOptions(engine, threads, memory=memory), progress, executor)

    return convert, verify
