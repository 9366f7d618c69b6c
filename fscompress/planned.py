"""Blocks as an encoder cuts and codes them, one after the other, with a clock beside.

For measurements: ``codec.py`` codes files.  Guarded by ``tests/test_code_lengths.py``.
"""

import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from fscompress.blocks import decode_block, encode_block
from fscompress.container import CodedBlock
from fscompress.engine import Engine
from fscompress.levels import Level, Plan, predictor
from fscompress.parallel import NO_THREADS, Threads

Result = TypeVar("Result")


def blocks(data: bytes, chosen: Level) -> Iterator[bytes]:
    """The blocks of ``data`` at that level."""
    size = 1 << chosen.block_log2
    return (data[start : start + size] for start in range(0, len(data), size))


def encode(plain: bytes, planned: Plan, engines: Sequence[Engine], threads: Threads = NO_THREADS) -> CodedBlock:
    """One block coded as planned; its ``coded`` are the bytes that a file would hold.  ``threads`` are free to take."""
    predicting = predictor(planned, len(plain), engines)
    coded = encode_block(plain, planned.lanes, predicting, threads=threads)
    return CodedBlock(planned.scheme, planned.lanes, planned.parameters, len(plain), zlib.crc32(plain), coded)


def decode(block: CodedBlock, engines: Sequence[Engine], threads: Threads = NO_THREADS) -> bytes:
    """The plain bytes; raises ChecksumError if they are not those that were encoded.  ``threads`` are free to take."""
    planned = Plan(block.scheme, block.lanes, block.parameters)
    return decode_block(block, predictor(planned, block.n_plain, engines), threads=threads)


def timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """The result of ``work`` and the seconds that it took."""
    began = time.perf_counter()
    result = work()
    return result, time.perf_counter() - began
