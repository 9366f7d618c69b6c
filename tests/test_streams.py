"""Files that give and take less than they are asked for lose nothing."""

import errno
import io
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from fscompress import compress, compress_stream, decompress
from fscompress.streams import CHUNK, flush_all, read_all, read_up_to, write_all

DATA = bytes(range(256)) * 1500  # more than a pipe holds


class Dripping(io.RawIOBase):
    """Takes and gives at most seven bytes at a time, like a slow device."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data)

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        n = min(7, len(buffer), len(self.data))
        buffer[:n] = self.data[:n]
        del self.data[:n]
        return n

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.data += data[:7]
        return min(7, len(data))


def pipe() -> tuple[int, int]:
    """Descriptors that do not block."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    return reading, writing


def slowly(descriptor: int, data: bytes) -> None:
    for at in range(0, len(data), 50_000):
        threading.Event().wait(0.002)
        left = memoryview(data[at : at + 50_000])
        while left:
            try:
                left = left[os.write(descriptor, left) :]
            except BlockingIOError:
                threading.Event().wait(0.002)
    os.close(descriptor)


@pytest.mark.parametrize("buffering", [0, -1])
@pytest.mark.parametrize(
    "read", [read_all, lambda source: read_up_to(source, len(DATA)), lambda s: read_up_to(s, CHUNK)]
)
def test_a_source_that_does_not_block_is_waited_for(buffering: int, read: Callable[[BinaryIO], bytes]) -> None:
    reading, writing = pipe()
    writer = threading.Thread(target=slowly, args=(writing, DATA))
    writer.start()
    with open(reading, "rb", buffering=buffering) as source:
        assert read(source) == DATA
    writer.join()


@pytest.mark.parametrize("buffering", [0, -1])
def test_a_target_that_does_not_block_is_waited_for(buffering: int) -> None:
    reading, writing = pipe()
    os.set_blocking(reading, True)
    got = bytearray()

    def read() -> None:
        while piece := os.read(reading, 30_000):
            got.extend(piece)
            threading.Event().wait(0.001)

    reader = threading.Thread(target=read)
    reader.start()
    with open(writing, "wb", buffering=buffering) as target:
        write_all(target, DATA[:100])
        write_all(target, DATA[100:])
        flush_all(target)
    reader.join()
    assert got == DATA


def test_few_bytes_at_a_time() -> None:
    assert read_all(Dripping(DATA[:1000])) == DATA[:1000]  # type: ignore[arg-type]
    assert read_up_to(Dripping(DATA[:1000]), 990) == DATA[:990]  # type: ignore[arg-type]
    target = Dripping()
    write_all(target, DATA[:1000])  # type: ignore[arg-type]
    assert target.data == DATA[:1000]


def test_an_unbuffered_target_gets_the_whole_file(installed: Path) -> None:
    target = Dripping()
    compress_stream(Dripping(DATA[:900]), target)  # type: ignore[arg-type]
    assert decompress(bytes(target.data)) == DATA[:900]


@pytest.mark.parametrize("nothing", [None, 5, "text"])
def test_what_is_no_bytes_is_a_type_error(nothing: object) -> None:
    for function in (compress, decompress):
        with pytest.raises(TypeError):
            function(nothing)  # type: ignore[arg-type]


def test_writers_that_say_nothing_are_taken_at_their_word() -> None:
    class Silent:
        def __init__(self) -> None:
            self.data = b""

        def write(self, data: bytes) -> None:
            self.data += data

    target = Silent()
    write_all(target, b"abc")  # type: ignore[arg-type]
    assert target.data == b"abc"


class Counting:
    """Says with ``write`` another number than that of the bytes it takes, as compressing writers may."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> int:
        self.data += data
        return len(self.data) % 3


def test_numbers_count_for_files_alone(tmp_path: Path) -> None:
    target = Counting()
    for at in range(0, 100, 10):
        write_all(target, DATA[at : at + 10])  # type: ignore[arg-type]
    assert target.data == DATA[:100]
    with tempfile.NamedTemporaryFile(dir=tmp_path, buffering=0) as file:
        write_all(file, DATA)  # type: ignore[arg-type]
        assert Path(file.name).read_bytes() == DATA


def test_a_file_that_takes_nothing_is_an_error() -> None:
    class Full(Dripping):
        def write(self, data: bytes) -> int:  # type: ignore[override]
            return 0

    class Busy(io.RawIOBase):
        def write(self, data: bytes) -> int:  # type: ignore[override]
            raise BlockingIOError(errno.EAGAIN, "busy")

    with pytest.raises(OSError, match="nothing is taken"):
        write_all(Full(), b"x")
    with pytest.raises(BlockingIOError):
        write_all(Busy(), b"x")


def test_what_cannot_be_waited_for_is_an_error() -> None:
    class Empty(io.RawIOBase):
        def read(self, _n: int = -1) -> None:  # type: ignore[override]
            return None

    with pytest.raises(BlockingIOError):
        read_all(Empty())  # type: ignore[arg-type]
