"""What encode and decode have in common: each job's input opened, converted, verified, published, and then reported."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

import click

from fscompress.cli.console import Console, about
from fscompress.cli.jobs import Job
from fscompress.errors import FscompressError
from fscompress.files import STANDARD, Output, check_output, open_input, open_output, remove_input

if TYPE_CHECKING:
    from fscompress.codec import CodingStats

Progress = Callable[[int], None]
Item = TypeVar("Item")
Convert = Callable[[BinaryIO, BinaryIO, Progress], "CodingStats"]


@dataclass(frozen=True)
class Transfer:
    """One direction of coding.

    Args:
        convert: (source, target, progress) -> statistics; progress takes the number of plain bytes newly done.
        encoding: the output is compressed data, else the input is.
        force: -f; remove: --rm.
        verify: decodes an encoded file again, raising if it is damaged; None where converting has verified already.
    """

    convert: Convert
    encoding: bool
    force: bool
    remove: bool
    verify: Convert | None = None


def run_jobs(jobs: Iterable[Job], transfer: Transfer, console: Console) -> None:
    """Does every job, going on after a failure; ends with the highest exit code if there was one."""
    each(jobs, lambda job: _run(job, transfer, console), console, _subject)


def each(items: Iterable[Item], work: Callable[[Item], None], console: Console, subject: Callable[[Item], str]) -> None:
    """Calls ``work`` on every item; errors are reported under the item's name and do not stop the others."""
    worst = 0
    for item in items:
        try:
            work(item)
        except BrokenPipeError:
            raise
        except (FscompressError, OSError) as error:
            worst = max(worst, console.error(error, subject(item)))
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
    from fscompress.jit import kernels_are_cold

    if kernels_are_cold():
        console.notice("first use on this machine: compiling, some seconds")


def _run(job: Job, transfer: Transfer, console: Console) -> None:
    target = job.output()
    check_output(target, job.source, transfer.force, transfer.encoding)
    with open_input(job.source, binary_expected=not transfer.encoding, force=transfer.force) as source:
        before = os.fstat(source.fileno()) if job.source != STANDARD else None
        with open_output(target, job.source, transfer.force, transfer.encoding) as output:
            announce_compilation(console)
            total = plain_size(job.source) if transfer.encoding else None
            with console.bar(total, shown(job.source)) as progress, about(shown(job.source)):
                stats = transfer.convert(source, output.file, progress)
            if transfer.remove and before and output.written:
                _verify(output, transfer, stats.n_plain, console)
    console.detail(_figures(job, transfer, stats))
    if transfer.remove and before and output.written:
        remove_input(job.source, before)


def _subject(job: Job) -> str:
    return f"{shown(job.source)} -> {shown(job.target or STANDARD, 'stdout')}"


def _verify(output: Output, transfer: Transfer, total: int, console: Console) -> None:
    output.file.flush()
    if transfer.verify and output.written:
        with (
            output.written.open("rb") as again,
            open(os.devnull, "wb") as sink,
            console.bar(total, "verifying") as progress,
            about(f"{output.written}: not verified"),
        ):
            transfer.verify(again, sink, progress)


def _figures(job: Job, transfer: Transfer, stats: "CodingStats") -> str:
    sizes = (stats.n_plain, stats.n_coded) if transfer.encoding else (stats.n_coded, stats.n_plain)
    return (
        f"{_subject(job)}: {sizes[0]:,} -> {sizes[1]:,} bytes, "
        f"{stats.bits_per_byte:.4f} bpc, {stats.kilobytes_per_second:.1f} kB/s"
    )
