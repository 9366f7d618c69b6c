"""The temporary file that an output is until it is whole: beside its target, locked, readable by its owner alone.

A failure or an interruption removes it.  What no program can clean up after (kill -9, a power cut) leaves
``.fscompress-*.tmp``, until the next process that writes into that folder removes it: a living process holds a lock on
its temporary file, so one without a lock is nobody's.  Guarded by ``tests/test_temporary.py``.
"""

import contextlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

_BEGIN, _END, _RANDOM_BYTES = ".fscompress-", ".tmp", 8  # of its name
_OURS = re.compile(rf"{re.escape(_BEGIN)}[0-9a-f]{{{2 * _RANDOM_BYTES}}}{re.escape(_END)}")
_FLAGS = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
# Whoever may write to the folder may have put a link or a pipe there: neither is followed or waited for.
_WARY = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


@contextmanager
def temporary_beside(target: Path) -> Iterator[tuple[Path, int]]:
    """Path and descriptor of a new file, mode 0600, in the folder of ``target``; removed at the end if still there.

    Raises OSError that names ``target``.
    """
    _sweep(target.parent)
    temporary, descriptor = _new_name(target), None
    try:  # from here on: a signal may come before the descriptor is known
        while descriptor is None:
            descriptor = _create(temporary, target)
            if not temporary.exists():  # a sweeper came before the lock
                os.close(descriptor)
                temporary, descriptor = _new_name(target), None
        yield temporary, descriptor
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if descriptor is not None:
            os.close(descriptor)  # last, so that the lock holds as long as the name


def _new_name(target: Path) -> Path:
    """Its own short name, not one made from the target's: that may already have the longest length allowed."""
    return target.parent / f"{_BEGIN}{secrets.token_hex(_RANDOM_BYTES)}{_END}"


def _create(temporary: Path, target: Path) -> int:
    """A locked descriptor of the new file; raises OSError that names ``target``."""
    try:
        descriptor = os.open(temporary, _FLAGS, 0o600)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from error
    _lock(descriptor, wait=True)
    return descriptor


def _lock(descriptor: int, wait: bool) -> bool:
    """Whether this process now holds the file; False where another does, or where files cannot be locked."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True


@cache  # once a folder: it may have a million other files
def _sweep(folder: Path) -> None:
    """Removes the temporary files of processes that are no more."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _OURS.fullmatch(entry.name):
                _remove_if_abandoned(entry.path)


def _remove_if_abandoned(path: str) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(path, _WARY)
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode) and _lock(descriptor, wait=False):
                os.unlink(path)
        finally:
            os.close(descriptor)
