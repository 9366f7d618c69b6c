"""Bytes of an untrusted input: counted, read in pieces, and never allocated because a length says so."""

import os
from typing import BinaryIO

from fscompress.container.rules import Rule, broken
from fscompress.streams import CHUNK, read_up_to


class ByteSource:
    """Wraps a binary file; ``offset`` counts bytes from where the file stood when it was given."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._seekable = file.seekable()
        self.offset = 0

    def read_up_to(self, n: int) -> bytes:
        """``n`` bytes, or fewer where the input ends."""
        data = read_up_to(self._file, n)
        self.offset += len(data)
        return data

    def read(self, n: int, rule: Rule) -> bytes:
        """``n`` bytes; raises the error of ``rule`` where the input ends before."""
        start = self.offset
        data = self.read_up_to(n)
        if len(data) < n:
            raise broken(rule, f"{len(data)} bytes", n, start)
        return data

    def skip(self, n: int, rule: Rule) -> None:
        """Passes over ``n`` >= 1 bytes, by a seek where the file allows; raises like ``read``."""
        if not self._seekable:
            for start in range(0, n, CHUNK):
                self.read(min(CHUNK, n - start), rule)
            return
        # A seek beyond the end succeeds, so the last byte is read.
        self._file.seek(n - 1, os.SEEK_CUR)
        self.offset += n - 1
        self.read(1, rule)
