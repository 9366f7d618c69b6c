"""One block through predictor and coder.

Step t codes byte t of every lane; within a step the order is (bit, lane), most significant bit first.
"""

from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np

from fscompress.coder import BinaryDecoder, BinaryEncoder
from fscompress.container import CodedBlock, Rule, broken
from fscompress.errors import DamagedError
from fscompress.lanes import U8, active_lanes, from_rows, to_rows
from fscompress.predictor import Predictor
from fscompress.streams import read_up_to

TICK_STEPS = 64

Progress = Callable[[int], None]


def silent(_n_bytes: int) -> None:
    """Reports no progress."""


def _runs(n_bytes: int, lanes: int) -> Iterator[tuple[int, int, int]]:
    """(start, stop, active lanes) of at most TICK_STEPS steps that have the same active lanes."""
    whole = n_bytes // lanes
    for start in range(0, whole, TICK_STEPS):
        yield start, min(start + TICK_STEPS, whole), lanes
    if n_bytes % lanes:
        yield whole, whole + 1, active_lanes(n_bytes, lanes, whole)


def encode_block(plain: bytes, lanes: int, predictor: Predictor, progress: Progress = silent) -> bytes:
    """Coded bytes of a block; ``progress`` gets the number of bytes newly done and may raise to stop."""
    coder, rows = BinaryEncoder(), to_rows(plain, lanes)
    for start, stop, n in _runs(len(plain), lanes):
        p1 = np.empty((stop - start, 8, n), np.uint16)
        predictor.predict(rows[start:stop, :n], p1)
        bits = np.unpackbits(rows[start:stop, None, :n], axis=1)  # [steps, 8, n], most significant bit first
        coder.encode(bits.reshape(-1), p1.reshape(-1))
        progress((stop - start) * n)
    return coder.finish()


def decode_block(block: CodedBlock, predictor: Predictor, progress: Progress = silent) -> bytes:
    """Plain bytes of a block, compared with its checksum.

    Raises:
        ChecksumError: the bytes are not those that were encoded.  DamagedError: coded words are left over.
    """
    coder = BinaryDecoder(block.coded)
    rows: U8 = np.zeros((-(-block.n_plain // block.lanes), block.lanes), np.uint8)
    try:
        for start, stop, n in _runs(block.n_plain, block.lanes):
            predictor.decode(coder, rows[start:stop, :n])
            coder.check()
            progress((stop - start) * n)
    except DamagedError as error:
        raise broken(Rule.CODED_CRC, error, f"crc {block.crc:08x}", block.offset) from error
    plain = from_rows(rows, block.n_plain)
    block.check(plain)
    if not coder.exhausted():
        raise broken(Rule.CODER_END, "words left over", "none", block.offset)
    return plain


def cut(source: BinaryIO, n_block: int) -> Iterator[bytes]:
    """Whole blocks from a source that may give fewer bytes than asked for; the last one may be short."""
    while plain := read_up_to(source, n_block):
        yield plain
        if len(plain) < n_block:
            return
