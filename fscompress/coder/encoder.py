"""Binary range encoding of many decisions in one call, by constriction."""

import constriction
import numpy as np
import numpy.typing as npt

P1_BITS = 16
_STEP = 1 << 24 - P1_BITS  # constriction's precision is 24 bits
_TOTAL = (1 << 24) - 2


def _weights(p1: npt.NDArray[np.uint16]) -> npt.NDArray[np.float64]:
    """Weights [n, 2] that constriction cannot round.

    Its fast categorical model scales weights to a sum of 2**24 - 2 and adds one to each.  Ours are integers with just
    that sum, so the scale is exactly 1 and a one gets 256 * p1 parts of 2**24 (docs/INTEGER.md, "Coder").
    """
    weights = np.empty((len(p1), 2))
    np.subtract(p1.astype(np.int32) * _STEP, 1, out=weights[:, 1])
    np.subtract(_TOTAL, weights[:, 1], out=weights[:, 0])
    return weights


class BinaryEncoder:
    """Collects words; ``finish`` gives them as little-endian bytes."""

    def __init__(self) -> None:
        self._family = constriction.stream.model.Categorical(perfect=False)
        self._queue = constriction.stream.queue.RangeEncoder()

    def encode(self, bits: npt.NDArray[np.uint8], p1: npt.NDArray[np.uint16]) -> None:
        """Codes bits uint8 [n] (0 or 1) whose probabilities of a one are p1 uint16 [n], 1..65535 out of 2**16."""
        if len(bits):
            self._queue.encode(bits.astype(np.int32), self._family, _weights(p1))

    def finish(self) -> bytes:
        """All words, uint32 little-endian."""
        return bytes(self._queue.get_compressed().astype("<u4"))
