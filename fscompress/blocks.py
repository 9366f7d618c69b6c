"""One block through predictor and coder.

Step t codes byte t of every lane; within a step the order is (bit, lane), most significant bit first.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import BinaryIO

import numpy as np

from fscompress.coder import BinaryDecoder, BinaryEncoder
from fscompress.container import CodedBlock, Rule, broken
from fscompress.errors import DamagedError
from fscompress.lanes import U8, active_lanes, from_rows, to_rows
from fscompress.parallel import in_order
from fscompress.predictor import U16, Predictor
from fscompress.streams import read_up_to

TICK_STEPS, TICK_BYTES = 64, 256  # a run of steps has at least so many, unless the block ends
AHEAD = 2  # runs that networks may be ahead of the coder in a thread of their own

Progress = Callable[[int], None]


def silent(_n_bytes: int) -> None:
    """Reports no progress."""


def _runs(n_bytes: int, lanes: int) -> Iterator[tuple[int, int, int]]:
    """(start, stop, active lanes) of runs of steps that have the same active lanes."""
    whole, steps = n_bytes // lanes, max(TICK_STEPS, TICK_BYTES // lanes)
    for start in range(0, whole, steps):
        yield start, min(start + steps, whole), lanes
    if n_bytes % lanes:
        yield whole, whole + 1, active_lanes(n_bytes, lanes, whole)


def encode_block(
    plain: bytes, lanes: int, predictor: Predictor, progress: Progress = silent, ahead: bool = False
) -> bytes:
    """Coded bytes of a block, the same however it is done.

    Args:
        progress: gets the number of bytes newly done and may raise to stop.
        ahead: networks read in a second thread, ahead of mixer and coder.
    """
    coder, rows = BinaryEncoder(), to_rows(plain, lanes)
    runs = (rows[start:stop, :n] for start, stop, n in _runs(len(plain), lanes))
    with closing((_read_ahead if ahead else _read)(predictor, runs)) as read:  # no thread outlives the block
        for here, networks in read:
            p1 = predictor.mixed_p1(here, networks)
            bits = np.unpackbits(here[:, None], axis=1)  # [steps, 8, n], most significant bit first
            coder.encode(bits.reshape(-1), p1.reshape(-1))
            progress(here.size)
    return coder.finish()


def _read(predictor: Predictor, runs: Iterable[U8]) -> Generator[tuple[U8, U16], None, None]:
    """Each run with what the networks say of it."""
    return ((rows, predictor.network_p1(rows)) for rows in runs)


def _read_ahead(predictor: Predictor, runs: Iterable[U8]) -> Generator[tuple[U8, U16], None, None]:
    """``_read`` in a second thread, up to ``AHEAD`` runs before they are asked for."""
    with ThreadPoolExecutor(1) as thread:
        submitted = ((rows, thread.submit(predictor.network_p1, rows)) for rows in runs)
        yield from in_order(submitted, lambda n_waiting: n_waiting <= AHEAD, lambda: None)


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
