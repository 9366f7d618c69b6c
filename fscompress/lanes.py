"""How a block is cut into lanes (docs/FORMAT.md, "Lanes"): bytes [n] to rows [steps, S] and back."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class LaneRule:
    """How many lanes a block has: one for each so many bytes, and one at least.  The machine never decides."""

    bytes_per_lane: int
    most: int

    def lanes(self, n_bytes: int) -> int:
        """Lanes of a block of ``n_bytes``: 1..most, and no more than it has bytes, unless it has none."""
        return min(max(n_bytes // self.bytes_per_lane, 1), self.most)


EVALUATION_LANES, EVALUATION_WINDOW = 32, 64


def evaluation_lanes(n_bytes: int, lanes: int = EVALUATION_LANES) -> int:
    """As many of ``lanes`` as have a window of bytes each when a network is measured alone; one at least."""
    return LaneRule(EVALUATION_WINDOW, lanes).lanes(n_bytes)


def lane_lengths(n_bytes: int, lanes: int) -> list[int]:
    """The first n mod S lanes have one byte more than the others."""
    short, longer = divmod(n_bytes, lanes)
    return [short + 1] * longer + [short] * (lanes - longer)


def to_rows(plain: bytes, lanes: int) -> U8:
    """uint8 [steps, S]; row t holds byte t of every lane, zero where a lane has ended."""
    rows = np.zeros((-(-len(plain) // lanes), lanes), np.uint8)
    at = 0
    for lane, length in enumerate(lane_lengths(len(plain), lanes)):
        rows[:length, lane] = np.frombuffer(plain, np.uint8, length, at)
        at += length
    return rows


def from_rows(rows: U8, n_bytes: int) -> bytes:
    """The inverse of ``to_rows``."""
    lengths = lane_lengths(n_bytes, rows.shape[1])
    return b"".join(rows[:length, lane].tobytes() for lane, length in enumerate(lengths))


def active_lanes(n_bytes: int, lanes: int, step: int) -> int:
    """Lanes that have a byte at that step: all, but for the last step of a block whose lanes are not all equal."""
    return lanes if (step + 1) * lanes <= n_bytes else n_bytes - step * lanes
