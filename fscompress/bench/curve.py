"""Bits per byte along a file: what the adaptive parts of a level learn from it, and how soon."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fscompress.code_lengths import F64, byte_bits, coded_p1, decisions, file_order
from fscompress.engine import Engine
from fscompress.levels import Level, plan
from fscompress.planned import blocks

FIRST = 1 << 10  # the first place; each next one is twice as far


@dataclass(frozen=True)
class Place:
    """Ideal bits per byte of a file's first ``n_plain`` bytes, and of those since the place before alone."""

    file: str
    level: str
    n_plain: int
    so_far: float
    here: float


def places(n_bytes: int) -> list[int]:
    """1 KiB, 2 KiB, 4 KiB and so on, and the end of a file of ``n_bytes``."""
    doubled = (FIRST << k for k in range(n_bytes.bit_length()))
    return [*(place for place in doubled if place < n_bytes), n_bytes]


def measure_curve(file: str, data: bytes, chosen: Level, engine: Engine) -> Iterator[Place]:
    """The places of ``data`` (not empty), cut into the level's blocks and lanes.

    A lane begins without a past, so with several the curve is lifted at the beginning of each.
    """
    sums = np.cumsum(np.concatenate([_bits(plain, chosen, engine) for plain in blocks(data, chosen)]))
    start, before = 0, 0.0
    for end in places(len(data)):
        total = float(sums[end - 1])
        yield Place(file, chosen.name, end, total / end, (total - before) / (end - start))
        start, before = end, total


def _bits(plain: bytes, chosen: Level, engine: Engine) -> F64:
    """Ideal bits float64 [n] of each byte of a block."""
    planned = plan(chosen, len(plain), 1)
    parts = decisions(plain, planned.lanes, engine)
    p1 = coded_p1(planned.mixer_settings, parts)
    return file_order([byte_bits(part, said) for part, said in zip(parts, p1, strict=True)])
