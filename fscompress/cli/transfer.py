"""What encode and decode have in common: each job's input opened, converted, verified, published, and then reported."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import click

from fscompress.cli.console import Console, about
from fscompress.cli.jobs import Job
from fscompress.errors import FscompressError
from fscompress.files import STANDARD, Output, check_output, check_removable, open_input, open_output, remove_input

if TYPE_CHECKING:
    from fscompress.codec import CodingStats

Progress = Callable[[int], None]
Item = TypeVar("Item")
Report = str | FscompressError | OSError | MemoryError | None  # figures, or what went wrong
Convert = Callable[[BinaryIO, BinaryIO, Progress], "CodingStats"]
MapStreams = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


@dataclass(frozen=True)
class Transfer:
    """One direction of coding.

    Args:
        convert: (source, target, progress) -> statistics; progress takes the number of plain bytes newly done.
        encoding: the output is compressed data, else the input is.
        force: -f; remove: --rm.
        verify: decodes an encoded file again, raising if it is damaged; None where converting has verified already.
        judge: called once the output is in place, with the input's name as messages have it; raises if the output is
            not all that was asked for.
        map_streams: like ``map``, for files converted elsewhere, several at a time; None: here, one after another.
    """

    convert: Convert
    encoding: bool
    force: bool
    remove: bool
    verify: Convert | None = None
    map_streams: MapStreams | None = None
    judge: "Callable[[CodingStats, str], None] | None" = None


def run_jobs(jobs: list[Job], transfer: Transfer, console: Console) -> None:
    """Does every job, going on after a failure; ends with the highest exit code if there was one."""
    one_by_one = any(job.target == STANDARD for job in jobs)  # stdout takes one stream after another
    map_streams = None if one_by_one else transfer.map_streams
    each(jobs, lambda job: _run(job, transfer, console), console, _subject, map_streams or map)


def each(
    items: Iterable[Item],
    work: Callable[[Item], str | None],
    console: Console,
    subject: Callable[[Item], str],
    map_streams: MapStreams = map,
) -> None:
    """Calls ``work`` on every item; errors are reported under the item's name and do not stop the others.

    Reports are made here and in the order of the items; what ``work`` returns is a detail.
    """

    def attempt(item: Item) -> tuple[Item, Report]:
        try:
            return item, work(item)
        except BrokenPipeError:
            raise
        except (FscompressError, OSError, MemoryError) as error:  # what one input lacks memory for, another may not
            return item, error

    worst = 0
    for item, report in map_streams(attempt, items):
        if isinstance(report, str):
            console.detail(report)
        elif report is not None:
            worst = max(worst, console.error(report, subject(item)))
    if worst:
        raise click.exceptions.Exit(worst)


def shown(name: str, stream: str = "stdin") -> str:
    """``name`` as messages have it."""
    return stream if name == STANDARD else name


def plain_size(name: str) -> int | None:
    """Size of a regular file, None for stdin, pipes and devices: the total of a progress bar."""
    return Path(name).stat().st_size if name != STANDARD and Path(name).is_file() else None


def announce_compilation(console: Console) -> None:
    """Says why the first use on a machine takes longer."""
    from fscompress import jit

    if jit.kernels_are_cold():
        console.notice("first use on this machine: the first text takes some seconds more, to compile")


def _run(job: Job, transfer: Transfer, console: Console) -> str:
    target = job.output()
    check_output(target, job.source, transfer.force, transfer.encoding)
    if transfer.remove and job.source != STANDARD:
        check_removable(job.source)
    with open_input(job.source, binary_expected=not transfer.encoding, force=transfer.force) as source:
        before = os.fstat(source.fileno()) if job.source != STANDARD else None
        with open_output(target, job.source, transfer.force, transfer.encoding, before) as output:
            if transfer.map_streams is None:
                announce_compilation(console)
            total = plain_size(job.source) if transfer.encoding else None
            with console.bar(total, shown(job.source)) as progress, about(shown(job.source)):
                stats = transfer.convert(source, output.file, progress)
            if transfer.remove and before and output.written:
                _verify(output, job, transfer, stats.n_plain, console)
    if transfer.remove and before and output.written:
        remove_input(job.source, before)
    if transfer.judge:
        transfer.judge(stats, shown(job.source))
    return _figures(job, transfer, stats)


def _subject(job: Job) -> str:
    return f"{shown(job.source)} -> {shown(job.target or STANDARD, 'stdout')}"


def _verify(output: Output, job: Job, transfer: Transfer, total: int, console: Console) -> None:
    output.file.flush()
    if transfer.verify and output.written:
        with (
            output.written.open("rb") as again,
            open(os.devnull, "wb") as sink,
            console.bar(total, "verifying") as progress,
            about(f"{shown(job.source)}: not verified"),
        ):
            transfer.verify(again, sink, progress)


def _figures(job: Job, transfer: Transfer, stats: "CodingStats") -> str:
    sizes = (stats.n_plain, stats.n_coded) if transfer.encoding else (stats.n_coded, stats.n_plain)
    return (
        f"{_subject(job)}: {sizes[0]:,} -> {sizes[1]:,} bytes, "
        f"{stats.bits_per_byte:.4f} bpc, {stats.kilobytes_per_second:.1f} kB/s"
    )
