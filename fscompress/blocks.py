"""One block through predictor and coder.

Step t codes byte t of every lane; within a step the order is (bit, lane), most significant bit first.
"""

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import BinaryIO

import numpy as np

from fscompress.coder import BinaryDecoder, BinaryEncoder
from fscompress.container import CodedBlock, Rule, broken
from fscompress.errors import DamagedError
from fscompress.lanes import U8, active_lanes, from_rows, to_rows
from fscompress.parallel import NO_THREADS, Threads, in_order
from fscompress.predictor import U16, Predictor
from fscompress.streams import read_up_to

TICK_STEPS, TICK_BYTES = 64, 256  # a run of steps has at least so many, unless the block ends
AHEAD = 2  # runs that networks may be ahead of the coder in a thread of their own
TRIAL = 4  # runs with a second thread and without one, after which the better way is kept for so many, then tried again
SHORTEST_HOLD, LONGEST_HOLD = 32, 512

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


class _SecondThread:
    """A thread for the networks of a block, while one is free and makes it faster; close it at the end."""

    def __init__(self, predictor: Predictor, threads: Threads) -> None:
        self._predictor, self._threads, self._stack = predictor, threads, ExitStack()
        self._taken: bool | None = None  # as the generator must be sent at first
        self._wanted = _by_the_clock()

    def adapt(self) -> None:
        """Before each run of steps: takes a free thread, or gives it back."""
        wanted = self._wanted.send(self._taken)
        if self._taken and (not wanted or self._threads.overdrawn):
            self.close()
        elif wanted and not self._taken and self._threads.take():
            self._stack.callback(self._threads.give)
            self._stack.enter_context(self._predictor.second_thread())
            self._taken = True

    def close(self) -> None:
        """Gives the thread back, if there is one."""
        self._taken = False
        self._stack.close()


def _by_the_clock() -> Generator[bool, bool | None, None]:
    """Whether a second thread is wanted for the next run of steps; is sent whether the last one had it.

    Others may want its processor, and what the system calls two processors may be one that multiplies no faster.
    """
    better, hold = True, SHORTEST_HOLD
    while True:
        spent = {}
        for wanted in (True, False):
            began, n_so = time.perf_counter(), 0
            for _ in range(TRIAL):
                n_so += bool((yield wanted)) == wanted
            spent[wanted] = time.perf_counter() - began if n_so == TRIAL else 0.0
        before, better = better, spent[True] < spent[False] or not spent[True]
        hold = min(2 * hold, LONGEST_HOLD) if better == before else SHORTEST_HOLD
        for _ in range(hold):
            yield better


def encode_block(
    plain: bytes,
    lanes: int,
    predictor: Predictor,
    progress: Progress = silent,
    threads: Threads = NO_THREADS,
    ahead: bool = False,
) -> bytes:
    """Coded bytes of a block, the same however it is done.

    Args:
        progress: gets the number of bytes newly done and may raise to stop.
        threads: of which the networks may take one to share their steps.
        ahead: of which they take one first, to read ahead of mixer and coder.
    """
    coder, rows = BinaryEncoder(), to_rows(plain, lanes)
    runs = (rows[start:stop, :n] for start, stop, n in _runs(len(plain), lanes))
    with closing((_read_ahead if ahead else _read)(predictor, runs, threads)) as read:  # no thread outlives the block
        for here, networks in read:
            p1 = predictor.mixed_p1(here, networks)
            bits = np.unpackbits(here[:, None], axis=1)  # [steps, 8, n], most significant bit first
            coder.encode(bits.reshape(-1), p1.reshape(-1))
            progress(here.size)
    return coder.finish()


Read = Generator[tuple[U8, U16], None, None]  # each run of steps with what the networks say of it


def _read(predictor: Predictor, runs: Iterable[U8], threads: Threads) -> Read:
    with closing(_SecondThread(predictor, threads)) as second:
        for rows in runs:
            second.adapt()
            yield rows, predictor.network_p1(rows)


def _read_ahead(predictor: Predictor, runs: Iterable[U8], threads: Threads) -> Read:
    """``_read`` in a thread of its own, up to ``AHEAD`` runs before they are asked for, if there is one."""
    if not threads.take():
        yield from _read(predictor, runs, threads)
        return
    second = _SecondThread(predictor, threads)

    def network_p1(rows: U8) -> U16:
        second.adapt()
        return predictor.network_p1(rows)

    try:
        with closing(second), ThreadPoolExecutor(1) as thread:
            submitted = ((rows, thread.submit(network_p1, rows)) for rows in runs)
            yield from in_order(submitted, lambda n_waiting: n_waiting <= AHEAD, lambda: None)
    finally:
        threads.give()


def decode_block(
    block: CodedBlock, predictor: Predictor, progress: Progress = silent, threads: Threads = NO_THREADS
) -> bytes:
    """Plain bytes of a block, compared with its checksum.

    Args:
        progress, threads: as for ``encode_block``.
    Raises:
        ChecksumError: the bytes are not those that were encoded.  DamagedError: coded words are left over.
    """
    coder = BinaryDecoder(block.coded)
    rows: U8 = np.zeros((-(-block.n_plain // block.lanes), block.lanes), np.uint8)
    try:
        with closing(_SecondThread(predictor, threads)) as second:
            for start, stop, n in _runs(block.n_plain, block.lanes):
                second.adapt()
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
