"""What a block's coded words look like to the kernels that decode them."""

import numpy as np
import numpy.typing as npt

from fscompress.coder.kernels import BROKEN, FULL, READ
from fscompress.errors import DamagedError


class BinaryDecoder:
    """Words and state for ``decode_bit``; it hardly notices damage, so its output must be checked.

    Attributes:
        state: uint64 [4].
        words: uint32 [n].
    """

    def __init__(self, coded: bytes) -> None:
        self.words: npt.NDArray[np.uint32] = np.frombuffer(coded, "<u4").astype(np.uint32)
        first = [*self.words[:2].tolist(), 0, 0]
        self.state = np.array([first[0] << 32 | first[1], int(FULL), 2, 0], np.uint64)

    def check(self) -> None:
        """Raises DamagedError if the words have led outside all intervals, which no encoder's words do."""
        if self.state[BROKEN]:
            raise DamagedError("an impossible coder state")

    def exhausted(self) -> bool:
        """False if words are left over; a single one that is read ahead is not noticed."""
        return int(self.state[READ]) >= len(self.words)
