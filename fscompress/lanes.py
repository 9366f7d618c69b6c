"""How a block is cut into lanes (docs/FORMAT.md, "Lanes"): bytes [n] to rows [steps, S] and back."""

import numpy as np
import numpy.typing as npt

BYTES_PER_LANE = 1 << 14
MAX_LANES = 64
BULK_BYTES_PER_LANE = 1 << 12
BULK_MAX_LANES = 4096  # the most that a block may have

U8 = npt.NDArray[np.uint8]


def lanes_for(n_bytes: int) -> int:
    """Lanes of a block: one for each 16 KiB, 1 to 64.  A rule of the length alone, never of the machine."""
    return min(max(n_bytes // BYTES_PER_LANE, 1), MAX_LANES)


def bulk_lanes_for(n_bytes: int) -> int:
    """The same for devices that want thousands of rows: one for each 4 KiB, 1 to 4096."""
    return min(max(n_bytes // BULK_BYTES_PER_LANE, 1), BULK_MAX_LANES)


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
