"""``fscompress decode``: .fsc files in, the bytes that were encoded out.  Twin of ``encode.py``."""

from typing import TYPE_CHECKING, BinaryIO

import click

from fscompress import settings, store
from fscompress.cli.console import Console
from fscompress.cli.jobs import Destination, decode_jobs
from fscompress.cli.options import engine_option, known_model_option, memory_option, talks, threads_option, writes
from fscompress.cli.partial import judge, range_decoder, range_option, recover_option, recoverer, refuse_contradictions
from fscompress.cli.scheduler import cluster, scheduler_option
from fscompress.cli.transfer import Convert, Progress, Transfer, run_jobs
from fscompress.parts import read_joined

if TYPE_CHECKING:
    from fscompress.codec import CodingStats
    from fscompress.engine import IntegerModel
    from fscompress.executor import Executor


@click.command()
@writes
@known_model_option
@engine_option
@threads_option
@memory_option
@scheduler_option
@recover_option
@range_option
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
    memory: int,
    scheduler: str | None,
    recover: bool,
    bounds: slice | None,
    console: Console,
) -> None:
    """Decode each FILE.fsc as FILE, or FILE.fsc as OUTPUT.

    Without a FILE, or with -, stdin is decoded to stdout. Of exactly two words the second is OUTPUT if the first ends
    in .fsc (or is -) and the second does not; all other words are inputs. -f overwrites FILE and what -o names, but no
    other OUTPUT. The model is found by the id in the file; --model names the file of one that is not installed.

    --recover writes what a damaged FILE.fsc still holds, with zeros where blocks are lost, says which bytes these are,
    and ends with 3; with 0 if nothing is lost. --range 1000:2000 decodes the blocks that hold these bytes and no
    others, --range -500: the end; the checksum of the whole is then not compared.
    """
    refuse_contradictions(recover, bounds, remove)
    jobs = decode_jobs(words, Destination(output, to_stdout))
    with cluster(scheduler, lambda found: _read(found, model)) as executor:
        run_on = (model, engine, threads or settings.threads(engine), memory)
        if bounds is not None:
            convert = range_decoder(*run_on, bounds, executor)
        else:
            convert = (recoverer if recover else decoder)(*run_on, executor)
        several = executor.map_streams if executor else None
        judged = judge if recover else None
        run_jobs(jobs, Transfer(convert, False, force, remove, map_streams=several, judge=judged), console)


def _read(found: "IntegerModel", given: str | None) -> bytes:
    """The bytes of the file of a model that ``store.finder(given)`` has found."""
    return read_joined(store.find_by_id(found.id, found.name, store.find_model(given) if given else None))


def decoder(model: str | None, engine: str, threads: int, memory: int, executor: "Executor | None" = None) -> Convert:
    """The conversion that ``decode`` and ``test`` share; models are loaded once each."""
    find_model = store.finder(model)

    def convert(source: BinaryIO, target: BinaryIO, progress: Progress) -> "CodingStats":
        from fscompress.codec import CodingOptions, decode_stream

        options = CodingOptions(engine, threads, memory=memory)
        return decode_stream(source, target, find_model, options, progress, executor)

    return convert
