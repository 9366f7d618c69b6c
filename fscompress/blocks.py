"""One block through network and coder: encoder and decoder run the very same loop.

Step t codes byte t of every lane; within a step the order is (bit, lane), most significant bit first.
"""

from collections.abc import Callable

import numpy as np

from fscompress.coder import BinaryCoder, BinaryDecoder, BinaryEncoder
from fscompress.container import CodedBlock, Rule, broken
from fscompress.engine import Engine
from fscompress.engine.kernels import node_p1
from fscompress.errors import DamagedError
from fscompress.lanes import U8, active_lanes, from_rows, to_rows

TICK_STEPS = 64

Progress = Callable[[int], None]


def code_rows(rows: U8, n_bytes: int, engine: Engine, coder: BinaryCoder, progress: Progress) -> None:
    """Codes the bytes of ``rows`` (uint8 [steps, S]) and writes back what the coder says they are."""
    steps, lanes = rows.shape
    engine.start(lanes)
    node, p1 = np.empty(lanes, np.int32), np.empty(lanes, np.int32)
    done = 0
    for t in range(steps):
        n = active_lanes(n_bytes, lanes, t)
        if t:
            engine.advance(rows[t - 1, :n])
        known = rows[t, :n].astype(np.int32)
        node[:n] = 1
        for bit in range(7, -1, -1):
            node_p1(engine.tree, node[:n], p1)
            node[:n] = 2 * node[:n] + coder.code(known >> bit & 1, p1[:n])
        rows[t, :n] = node[:n] - 256
        done += n
        if t % TICK_STEPS == TICK_STEPS - 1 or t == steps - 1:
            progress(done)
            done = 0


def encode_block(plain: bytes, lanes: int, engine: Engine, progress: Progress) -> bytes:
    """Coded bytes of a block; ``progress`` gets the number of bytes newly done and may raise to stop."""
    coder = BinaryEncoder()
    code_rows(to_rows(plain, lanes), len(plain), engine, coder, progress)
    return coder.finish()


def decode_block(block: CodedBlock, engine: Engine, progress: Progress) -> bytes:
    """Plain bytes of a block, compared with its checksum.

    Raises:
        ChecksumError: the bytes are not those that were encoded.  DamagedError: coded words are left over.
    """
    coder = BinaryDecoder(block.coded)
    rows = np.zeros((-(-block.n_plain // block.lanes), block.lanes), np.uint8)
    try:
        code_rows(rows, block.n_plain, engine, coder, progress)
    except DamagedError as error:
        raise broken(Rule.CODED_CRC, error, f"crc {block.crc:08x}", block.offset) from error
    plain = from_rows(rows, block.n_plain)
    block.check(plain)
    if not coder.exhausted():
        raise broken(Rule.CODER_END, "words left over", "none", block.offset)
    return plain
