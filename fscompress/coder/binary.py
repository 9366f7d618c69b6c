"""Binary range coding in batches: one object with one method, whichever the direction."""

from typing import Protocol

import constriction
import numpy as np
import numpy.typing as npt

from fscompress.errors import DamagedError

I32 = npt.NDArray[np.int32]

P1_BITS = 16
_STEP = 1 << 24 - P1_BITS  # constriction's precision is 24 bits
_TOTAL = (1 << 24) - 2


class BinaryCoder(Protocol):
    """``code(bits, p1)`` codes one bit a lane and gives the bits back; a decoder ignores ``bits`` and reads its own."""

    def code(self, bits: I32, p1: I32) -> I32:
        """Bits int32 [n] for p1 int32 [n], 1 <= p1 <= 65535."""


class _Weights:
    """Weights for constriction that it cannot round.

    Its fast categorical model scales weights to a sum of 2**24 - 2 and adds one to each.  Ours are integers with just
    that sum, so the scale is exactly 1 and a one gets 256 * p1 parts of 2**24 (docs/INTEGER.md, "Coder").
    """

    def __init__(self) -> None:
        self.family = constriction.stream.model.Categorical(perfect=False)
        self._weights = np.empty((0, 2))
        self._zeros, self._ones = self._weights[:, 0], self._weights[:, 1]

    def of(self, p1: I32) -> npt.NDArray[np.float64]:
        n = len(p1)
        if len(self._weights) != n:
            self._weights = np.empty((n, 2))
            self._zeros, self._ones = self._weights[:, 0], self._weights[:, 1]
        np.subtract(p1 * _STEP, 1, out=self._ones)
        np.subtract(_TOTAL, self._ones, out=self._zeros)
        return self._weights


class BinaryEncoder:
    """Collects words; ``finish`` gives them as little-endian bytes."""

    def __init__(self) -> None:
        self._weights = _Weights()
        self._queue = constriction.stream.queue.RangeEncoder()

    def code(self, bits: I32, p1: I32) -> I32:
        """See ``BinaryCoder.code``."""
        self._queue.encode(bits, self._weights.family, self._weights.of(p1))
        return bits

    def finish(self) -> bytes:
        """All words, uint32 little-endian."""
        return bytes(self._queue.get_compressed().astype("<u4"))


class BinaryDecoder:
    """Reads the words of ``BinaryEncoder``; it hardly notices damage, so its output must be checked."""

    def __init__(self, coded: bytes) -> None:
        self._weights = _Weights()
        self._queue = constriction.stream.queue.RangeDecoder(np.frombuffer(coded, "<u4").astype(np.uint32))

    def code(self, bits: I32, p1: I32) -> I32:
        """Raises DamagedError where the words lead outside all intervals, which no encoder's words do."""
        try:
            decoded: I32 = self._queue.decode(self._weights.family, self._weights.of(p1))
        except AssertionError as error:  # so does constriction 0.5 report its InvalidData
            raise DamagedError("an impossible coder state") from error
        return decoded

    def exhausted(self) -> bool:
        """False if words are certainly left over."""
        return bool(self._queue.maybe_exhausted())
