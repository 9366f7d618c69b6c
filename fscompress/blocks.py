"""One block through predictor and coder: encoder and decoder run the very same loop.

Step t codes byte t of every lane; within a step the order is (bit, lane), most significant bit first.
"""

from collections.abc import Callable

import numpy as np

from fscompress.coder import BinaryCoder, BinaryDecoder, BinaryEncoder
from fscompress.container import CodedBlock, Rule, broken
from fscompress.errors import DamagedError
from fscompress.lanes import U8, active_lanes, from_rows, to_rows
from fscompress.predictor import I32, Predictor

TICK_STEPS = 64

Progress = Callable[[int], None]


def code_rows(rows: U8, n_bytes: int, predictor: Predictor, coder: BinaryCoder, progress: Progress) -> None:
    """Codes the bytes of ``rows`` (uint8 [steps, S]) and writes back what the coder says they are."""
    steps, lanes = rows.shape
    bits: I32 | None = None
    done = 0
    for t in range(steps):
        n = active_lanes(n_bytes, lanes, t)
        known = np.unpackbits(rows[t : t + 1, :n], axis=0).astype(np.int32)  # [8, n], most significant bit first
        for k in range(8):
            bits = coder.code(known[k], predictor.p1(bits))
            known[k] = bits
        rows[t, :n] = np.packbits(known.astype(np.uint8), axis=0)
        done += n
        if t % TICK_STEPS == TICK_STEPS - 1 or t == steps - 1:
            progress(done)
            done = 0


def encode_block(plain: bytes, lanes: int, predictor: Predictor, progress: Progress) -> bytes:
    """Coded bytes of a block; ``progress`` gets the number of bytes newly done and may raise to stop."""
    coder = BinaryEncoder()
    code_rows(to_rows(plain, lanes), len(plain), predictor, coder, progress)
    return coder.finish()


def decode_block(block: CodedBlock, predictor: Predictor, progress: Progress) -> bytes:
    """Plain bytes of a block, compared with its checksum.

    Raises:
        ChecksumError: the bytes are not those that were encoded.  DamagedError: coded words are left over.
    """
    coder = BinaryDecoder(block.coded)
    rows = np.zeros((-(-block.n_plain // block.lanes), block.lanes), np.uint8)
    try:
        code_rows(rows, block.n_plain, predictor, coder, progress)
    except DamagedError as error:
        raise broken(Rule.CODED_CRC, error, f"crc {block.crc:08x}", block.offset) from error
    plain = from_rows(rows, block.n_plain)
    block.check(plain)
    if not coder.exhausted():
        raise broken(Rule.CODER_END, "words left over", "none", block.offset)
    return plain
