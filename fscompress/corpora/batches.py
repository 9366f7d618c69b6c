"""Deterministic training batches: B lanes, each reading its stretches of the corpus from beginning to end.

A corpus of one file is cut into B contiguous stretches, one a lane, epoch after epoch (the paper's way).  A corpus of
several files is cut into segments of 64 KiB (a shorter document is one segment); a lane that comes to the end of one
takes the next from a queue that draws a group, so that each has its share of the bytes, and goes through each group's
segments in a shuffled order.
The order depends on the seed alone, so a run resumed at step n sees the batches that an uninterrupted run would have
seen, and processes that read some lanes each see the lanes of one process that reads them all.

Files stay on disk.  What this holds grows with the number of files, by 8 bytes a segment and by a segment a lane, never
with the text.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from fscompress.corpora.source import Bytes, Corpus, Group, Source
from fscompress.errors import CorpusError

SEGMENT_BYTES = 65536
ORDER = 2  # of segments; a resumed run needs that of its beginning.  1: weights were shares of segments, not of bytes

Rows = npt.NDArray[np.int64]


class _Segments:
    """Consecutive ranges of ``length`` bytes of all sources; a source's last one of up to half of it is dropped."""

    def __init__(self, group: Group, length: int) -> None:
        self._sources = [source for source in group.sources if len(source) > 1]
        self._length = length
        whole = np.array([len(source) for source in self._sources], np.int64)
        n_segments = np.maximum(1, -((length // 2 - whole) // length))
        self._ends = n_segments.cumsum()
        self.n_bytes = int(np.minimum(whole, n_segments * length).sum())

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: int) -> Source:
        which = int(np.searchsorted(self._ends, index, "right"))
        source = self._sources[which]
        before = int(self._ends[which - 1]) if which else 0
        start = source.start + (index - before) * self._length
        return Source(source.path, start, min(start + self._length, source.stop))


def _shuffled(segments: _Segments, rng: np.random.Generator) -> Iterator[Source]:
    while True:
        for index in rng.permutation(len(segments)):
            yield segments[int(index)]


def _mixed(groups: tuple[Group, ...], seed: int) -> Iterator[Source]:
    rng = np.random.default_rng(seed)
    segments = [_Segments(group, SEGMENT_BYTES) for group in groups]
    draws = np.array([group.weight * len(each) / each.n_bytes for group, each in zip(groups, segments, strict=True)])
    queues = [_shuffled(each, rng) for each in segments]
    while True:
        yield next(queues[rng.choice(len(groups), p=draws / draws.sum())])


def _stretches(source: Source, batch: int) -> Iterator[Source]:
    length = len(source) // batch
    while True:
        for lane in range(batch):
            yield Source(source.path, source.start + lane * length, source.start + (lane + 1) * length)


class Batches:
    """Endless windows int64 [window + 1, n_lanes]: rows 0..window-1 are inputs, rows 1..window the bytes to predict.

    Consecutive windows of a lane overlap by one byte, so every byte is predicted once.  Every window is gathered into
    the same array, so it holds until the next one is taken.

    Args:
        corpus: what is read, its training part.
        batch: lanes of the whole grid.
        window: bytes predicted in each lane by one window.
        seed: of the order of segments.
        lanes: the lanes of the grid that are read; None: all of them.
    Raises:
        CorpusError: the one file does not fill a window of every lane, or no file has two bytes.
    """

    def __init__(self, corpus: Corpus, batch: int, window: int, seed: int, lanes: slice | None = None) -> None:
        groups = tuple(group for group in corpus.train if any(len(source) > 1 for source in group.sources))
        if not groups:
            raise CorpusError(f"corpus '{corpus.name}' has no file of two bytes or more; give more text")
        single = groups[0].sources[0] if len(groups) == 1 and len(groups[0].sources) == 1 else None
        if single and len(groups[0]) < batch * (window + 1):
            raise CorpusError(f"corpus '{corpus.name}' has less than one window of {window} bytes in {batch} lanes")
        self.mixed = single is None  # whether the order is one of segments
        queue = _stretches(single, batch) if single else _mixed(groups, seed)
        self._window = window
        # Lanes that are not read move on as well: all draw from one queue, and the order of drawing is the grid's.
        self._lanes = [_Lane(queue) for _ in range(batch)]
        self._whole = (single, single.read()) if single else None  # mapped once: a mapped file is an open one
        self._read = dict(enumerate(range(batch)[lanes or slice(None)]))
        self._rows: Rows = np.zeros((window + 1, len(self._read)), np.int64)
        self._advance(1)

    def skip(self, steps: int) -> None:
        """Moves on by that many windows without reading more than the last of them."""
        for _ in range(steps - 1):
            for lane in self._lanes:
                lane.ranges(self._window)
        if steps > 0:
            next(self)

    def __iter__(self) -> Iterator[Rows]:
        return self

    def __next__(self) -> Rows:
        self._rows[0] = self._rows[-1]
        self._advance(self._window)
        return self._rows

    def _advance(self, n: int) -> None:
        """Gathers the next n bytes of each lane that is read into the last n rows."""
        ranges = [lane.ranges(n) for lane in self._lanes]
        for column, lane in self._read.items():
            row = self._window + 1 - n
            for segment, start, stop in ranges[lane]:
                self._rows[row : row + stop - start, column] = self._bytes(lane, segment)[start:stop]
                row += stop - start

    def _bytes(self, lane: int, segment: Source) -> Bytes:
        """The segment that the lane is in, uint8 [n]."""
        if self._whole is None:
            return self._lanes[lane].copied(segment)
        source, data = self._whole
        return data[segment.start - source.start : segment.stop - source.start]


class _Lane:
    """Goes on through the segments that it draws from the queue it shares with the other lanes."""

    def __init__(self, queue: Iterator[Source]) -> None:
        self._queue = queue
        self._segment = next(queue)
        self._at = 0
        self._copied: tuple[Source, Bytes] | None = None

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

    def copied(self, segment: Source) -> Bytes:
        """The segment's bytes, uint8 [n]; one segment a lane is kept."""
        if self._copied is None or self._copied[0] is not segment:
            self._copied = (segment, np.array(segment.read()))
        return self._copied[1]
