"""What the program says, on stderr: notices, details, progress, and every error as one line."""

import errno
import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import click

from fscompress.errors import EXIT_REFUSED, FscompressError
from fscompress.files import printable

NAME = "fscompress"


@dataclass
class Console:
    """``level`` is the number of -v less the number of -q; ``progress`` False hides bars and nothing else."""

    level: int = 0
    progress: bool = True

    def notice(self, text: str) -> None:
        """Said unless -q."""
        if self.level >= 0:
            _say(text)

    def detail(self, text: str) -> None:
        """Said with -v."""
        if self.level >= 1:
            _say(text)

    def error(self, error: BaseException, subject: str = "") -> int:
        """Reports ``error``, which befell ``subject``, unless -qq, and returns the exit code it stands for.

        Notes that were added to the error are notices, said before it.
        """
        for note in getattr(error, "__notes__", ()):
            self.notice(note)
        if self.level >= 2:
            for line in "".join(traceback.format_exception(error)).splitlines():
                _say(line)
        if self.level > -2:
            _say(f"{NAME}: {describe(error, subject)}")
        return error.exit_code if isinstance(error, FscompressError) else EXIT_REFUSED

    @property
    def hides_bars(self) -> bool | None:
        """What tqdm takes as ``disable``; its None hides a bar unless stderr is a terminal."""
        return True if not self.progress or self.level < 0 else None

    @contextmanager
    def bar(self, total: int | None, label: str) -> Iterator[Callable[[int], None]]:
        """A progress bar, only on a terminal; yields the function that takes the number of bytes newly done."""
        if self.hides_bars or not os.isatty(2):
            yield _hidden
            return
        from tqdm import tqdm

        with tqdm(total=total, desc=label, unit="B", unit_scale=True, leave=False, disable=self.hides_bars) as bar:

            def advance(n_bytes: int) -> None:
                bar.update(n_bytes)

            yield advance

    @contextmanager
    def download_bar(self) -> Iterator[Callable[[str, int, int], None]]:
        """A bar for a corpus that may have to be downloaded; yields what takes its name, bytes done and in all."""
        from tqdm import tqdm

        with tqdm(unit="B", unit_scale=True, disable=self.hides_bars, leave=False, delay=1) as bar:

            def report(what: str, done: int, total: int) -> None:
                bar.set_description(what)
                bar.total = total or None
                bar.update(done - bar.n)

            yield report


@contextmanager
def about(subject: str) -> Iterator[None]:
    """Puts ``subject`` before the message of an error raised by code that sees streams and not their names."""
    try:
        yield
    except FscompressError as error:
        error.args = (f"{subject}: {error}",)
        raise


def _say(text: str) -> None:
    """A line on stderr; work goes on where nobody can hear: its disk is full, or the terminal is closed."""
    with suppress(OSError):
        click.echo(printable(text), err=True)


def _hidden(_n_bytes: int) -> None:
    """The progress of no bar."""


def describe(error: BaseException, subject: str = "") -> str:
    """``error`` as one lower-case line; ``subject`` names the file where the system's own error does not."""
    if isinstance(error, FscompressError):
        return str(error)
    if isinstance(error, OSError):
        where = str(error.filename) if error.filename is not None else subject
        reason = error.strerror or str(error) or errno.errorcode.get(error.errno or 0, "input/output error")
        return f"{where}: {reason[:1].lower()}{reason[1:]}" if where else f"{reason[:1].lower()}{reason[1:]}"
    if isinstance(error, MemoryError):
        return f"{subject}: out of memory" if subject else "out of memory"
    return f"internal error: {type(error).__name__}: {' '.join(str(error).split())}; -vv shows where"
