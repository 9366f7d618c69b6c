"""Binary files that give or take less than they were asked for, read and written whole.

An unbuffered file may take a part of what it is given; one that does not block may have nothing yet, or no room.  Both
say so by what ``read`` and ``write`` return or raise, and a caller that does not look loses bytes.  Guarded by
``tests/test_streams.py``.
"""

import errno
import io
import os
import selectors
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

CHUNK = 1 << 20  # read at a time: a length that an input claims costs at most this much memory beyond what is there


def read_up_to(source: BinaryIO, n: int) -> bytes:
    """``n`` bytes, or fewer where ``source`` ends."""
    data = bytearray()
    while len(data) < n and (piece := _read(source, min(CHUNK, n - len(data)))):
        data += piece
    return bytes(data)


def read_all(source: BinaryIO) -> bytes:
    """All bytes to the end of ``source``."""
    return b"".join(iter(lambda: _read(source, CHUNK), b""))


def write_all(target: BinaryIO, data: bytes) -> None:
    """Writes all of ``data``, or raises.

    What ``write`` returns counts for files of ``io`` alone: others may mean another number by it, and take all.
    """
    file = getattr(target, "file", target)  # of a temporary file
    left = memoryview(data)
    while left:
        try:
            n = cast("int | None", target.write(left))
        except BlockingIOError as error:  # a buffered file says in this way how much it took
            n = getattr(error, "characters_written", 0)
            _wait(target, selectors.EVENT_WRITE)
        else:
            if not isinstance(file, io.RawIOBase) and (n is None or not isinstance(file, io.IOBase)):
                return
            if n is None:
                n = 0
                _wait(target, selectors.EVENT_WRITE)
            elif n == 0:
                raise OSError(errno.EIO, "nothing is taken by what is written to")
        left = left[n:]


def flush_all(target: BinaryIO) -> None:
    """Flushes ``target``, waiting where it does not block."""
    while True:
        try:
            return target.flush()
        except BlockingIOError:
            _wait(target, selectors.EVENT_WRITE)


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Gives the system's errors of reading and writing, which know a descriptor alone, the name of the file."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = name
        raise


def _read(source: BinaryIO, n: int) -> bytes:
    """At least one of ``n`` bytes, none at the end of ``source``."""
    while (piece := cast("bytes | None", source.read(n))) is None:
        _wait(source, selectors.EVENT_READ)
    return piece


def _wait(file: BinaryIO, event: int) -> None:
    """Until the file can be read or written; raises BlockingIOError for what is no file of the system's."""
    try:
        number = file.fileno()
    except (AttributeError, OSError):
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from None
    with selectors.DefaultSelector() as selector:
        selector.register(number, event)
        selector.select()
