"""A part of the plain text: only the blocks that hold it are decoded, the others passed over.

The bounds are those of a Python slice, over the plain text of the whole input.  Guarded by ``tests/test_ranges.py``.
"""

import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import BinaryIO

from fscompress.blocks import Progress
from fscompress.codec import CodingOptions, CodingStats, FindModel, decodable, submit_coded
from fscompress.container import BlockInfo, End, RawBlock, Reader, Record, skim
from fscompress.errors import RefusedError
from fscompress.executor import Executor, LocalExecutor, budgeted
from fscompress.memory import Budget
from fscompress.parallel import Cancel
from fscompress.streams import write_all


class _Window:
    """Which blocks hold the bytes ``start`` to ``stop``; asked once about each, in their order."""

    def __init__(self, start: int, stop: int | None) -> None:
        self.start, self.stop = start, stop
        self.skipped = 0  # plain bytes before the first block that is needed
        self._at = 0

    def needs(self, block: BlockInfo) -> bool:
        """Whether a byte of the block is in the window."""
        begin, self._at = self._at, self._at + block.n_plain
        if self._at <= self.start:
            self.skipped = self._at
        return self._at > self.start and (self.stop is None or begin < self.stop > self.start)

    @property
    def passed(self) -> bool:
        """Whether no later block can be needed."""
        return self.stop is not None and (self._at >= self.stop or self.start >= self.stop)

    def until_passed(self, records: Reader) -> Iterator[Record]:
        """The records up to the last one needed: what follows is not read."""
        for record in records:
            yield record
            if self.passed:
                return


def decode_range(
    source: BinaryIO,
    target: BinaryIO,
    find_model: FindModel,
    bounds: slice,
    options: CodingOptions,
    progress: Progress,
    executor: Executor | None = None,
) -> CodingStats:
    """Writes what ``plain[bounds]`` would be, every block of it checked; SHA-256 and length of the whole are not.

    Blocks before are passed over by seeks where ``source`` allows; of what follows the last block needed nothing is
    read.  Arguments, errors and result are else those of ``decode_stream``; ``n_plain`` counts the bytes written.

    Raises:
        RefusedError: a negative bound, which counts from the end, and ``source`` cannot be read twice.
    """
    began, stats, cancel = time.monotonic(), CodingStats(), Cancel()
    window, budget = _Window(*_absolute(source, bounds)), Budget(options.memory, executor is not None)
    reader = Reader(source, budget.admit, window.needs)
    with nullcontext(executor) if executor else LocalExecutor(options.threads) as run:
        blocks = decodable(window.until_passed(reader), find_model, options.engine, budget)
        at = None
        for record, plain in budgeted(submit_coded(blocks, run, cancel.before(progress), budget), run, budget, cancel):
            if isinstance(record, End):
                continue
            at = window.skipped if at is None else at
            part = plain[max(0, window.start - at) : None if window.stop is None else window.stop - at]
            write_all(target, part)
            at += len(plain)
            stats.n_plain += len(part)
            stats.n_blocks += 1
            stats.n_raw_blocks += isinstance(record, RawBlock)
    stats.n_coded, stats.seconds = reader.n_read, time.monotonic() - began
    return stats


def _absolute(source: BinaryIO, bounds: slice) -> tuple[int, int | None]:
    """``bounds`` counted from the beginning; None: to the end."""
    start, stop = bounds.start or 0, bounds.stop
    if start >= 0 and (stop is None or stop >= 0):
        return start, stop
    if not source.seekable():
        raise RefusedError("a negative bound counts from the end, which a pipe does not tell; name a file")
    here = source.tell()
    total = sum(head.n_plain for head in skim(source) if isinstance(head, BlockInfo))
    source.seek(here)
    return bounds.indices(total)[:2]
