"""Deterministic training batches: B lanes, each reading its stretches of the corpus from beginning to end.

A corpus of one file is cut into B contiguous stretches, one a lane, epoch after epoch (the paper's way).  A corpus of
several files is cut into segments of 64 KiB; a lane that comes to the end of one takes the next from a queue that draws
a group by weight and goes through each group's segments in a shuffled order.  The order depends on the seed alone, so
a run resumed at step n sees the batches that an uninterrupted run would have seen.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from fscompress.corpora.source import Bytes, Corpus, Group, Source
from fscompress.errors import CorpusError

SEGMENT_BYTES = 65536


def _cut(source: Source, length: int) -> list[Source]:
    """Consecutive ranges of ``length`` bytes; a last one of less than half of it is dropped."""
    starts = range(source.start, source.stop - length // 2, length) if len(source) >= length else [source.start]
    return [Source(source.path, start, min(start + length, source.stop)) for start in starts]


def _shuffled(group: Group, rng: np.random.Generator) -> Iterator[Source]:
    segments = [segment for source in group.sources for segment in _cut(source, SEGMENT_BYTES) if len(segment) > 1]
    while segments:
        for index in rng.permutation(len(segments)):
            yield segments[index]


def _mixed(groups: tuple[Group, ...], seed: int) -> Iterator[Source]:
    rng = np.random.default_rng(seed)
    weights = np.array([group.weight for group in groups])
    queues = [_shuffled(group, rng) for group in groups]
    while True:
        yield next(queues[rng.choice(len(groups), p=weights / weights.sum())])


def _stretches(source: Source, batch: int) -> Iterator[Source]:
    length = len(source) // batch
    while True:
        for lane in range(batch):
            yield Source(source.path, source.start + lane * length, source.start + (lane + 1) * length)


class Batches:
    """Endless windows uint8 [window + 1, batch]: rows 0..window-1 are inputs, rows 1..window the bytes to predict.

    Consecutive windows of a lane overlap by one byte, so every byte is predicted once.
    """

    def __init__(self, corpus: Corpus, batch: int, window: int, seed: int) -> None:
        groups = tuple(group for group in corpus.train if len(group) > 1)
        single = len(groups) == 1 and len(groups[0].sources) == 1
        if single and len(groups[0]) < batch * (window + 1):
            raise CorpusError(f"corpus '{corpus.name}' has less than one window of {window} bytes in {batch} lanes")
        self._queue = _stretches(groups[0].sources[0], batch) if single else _mixed(groups, seed)
        self._window = window
        self._lanes = [_Lane(self._queue) for _ in range(batch)]
        self._last = np.array([lane.read(1)[0] for lane in self._lanes], np.uint8)

    def skip(self, steps: int) -> None:
        """Moves on by that many windows without reading more than the last of them."""
        for _ in range(steps - 1):
            for lane in self._lanes:
                lane.ranges(self._window)
        if steps > 0:
            next(self)

    def __iter__(self) -> Iterator[npt.NDArray[np.uint8]]:
        return self

    def __next__(self) -> npt.NDArray[np.uint8]:
        fresh = np.stack([lane.read(self._window) for lane in self._lanes], axis=1)
        rows = np.concatenate((self._last[None], fresh))
        self._last = rows[-1]
        return rows


class _Lane:
    """Reads on through the segments that it draws from the queue it shares with the other lanes."""

    def __init__(self, queue: Iterator[Source]) -> None:
        self._queue = queue
        self._segment = next(queue)
        self._at = 0
        self._opened: tuple[Source, Bytes] | None = None

    def ranges(self, n: int) -> list[tuple[Source, int, int]]:
        """The next n bytes as (segment, start, stop) pieces."""
        pieces = []
        while n:
            if self._at == len(self._segment):
                self._segment, self._at = next(self._queue), 0
            step = min(n, len(self._segment) - self._at)
            pieces.append((self._segment, self._at, self._at + step))
            self._at += step
            n -= step
        return pieces

    def read(self, n: int) -> Bytes:
        return np.concatenate([self._bytes(segment)[start:stop] for segment, start, stop in self.ranges(n)])

    def _bytes(self, segment: Source) -> Bytes:
        if self._opened is None or self._opened[0] is not segment:
            self._opened = (segment, segment.read())
        return self._opened[1]
