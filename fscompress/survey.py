"""Where the intact records of a damaged input are, and how many plain bytes are missing between them.

Every record carries its own CRC-32.  Where one does not hold, the next place is searched at which one does; a head that
is intact says how long its block is, whatever became of its payload.  Nothing is decoded here.
Guarded by ``tests/test_recovery.py``.
"""

import os
import re
import zlib
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from fscompress.container import (
    BLOCK_LOG2_MAX,
    MAX_PLAIN_PER_CODED,
    MAX_RECORD,
    RAW_OVERHEAD,
    BlockInfo,
    End,
    Head,
    Header,
    ModelRecord,
    Reader,
    read_lone_head,
)
from fscompress.container.layout import END, HEADER
from fscompress.errors import DamagedError
from fscompress.streams import CHUNK

# How a record may begin: magic; end, in whose SHA-256 something is not zero; raw block; coded block; model.
_BEGIN = re.compile(rb"(?=\xf5FSC|\x00{4}(?!\x00{40})|\x01\x00{3}|\x02[\x00\x01]|\x03[\x01-\x40]\x00\x00)", re.DOTALL)
_STREAMS_MEET = END.size + HEADER.size  # bytes where one ends and the next begins
_MOST_CHECKED = 16  # inputs
_FIRST_CHUNK, _CHUNK = 1 << 12, 1 << 20  # searched at a time: little at first, for a gap is often a few bytes


@dataclass(frozen=True)
class Gap:
    """Bytes ``offset`` to ``end`` of the input without a whole record, and how many plain bytes they stood for.

    ``n_plain`` is None until it is estimated; ``exact``: it is certain.
    """

    offset: int
    end: int
    n_plain: int | None = None
    exact: bool = False

    @property
    def may_hide_an_end(self) -> bool:
        """Whether nothing is missing here by an end record that may be another stream's: its own may be in the gap."""
        return self.n_plain == 0 and self.end - self.offset >= _STREAMS_MEET


Piece = ModelRecord | BlockInfo | Gap


@dataclass
class Stream:
    """Models, blocks and gaps in their order; ``end`` is None if the end record is lost, ``n_block`` if the header."""

    n_block: int | None = None
    pieces: list[Piece] = field(default_factory=list)
    end: End | None = None


def survey(source: BinaryIO) -> list[Stream]:
    """The streams of a seekable input, every gap with an ``n_plain``: all blocks and gaps together are no longer than
    what an intact input of this size can hold, whatever heads and end records say.

    Raises what ``Reader`` raises at the first record where no record at all is intact, UnsupportedVersionError as it.
    """
    going = _Survey(source)
    found = going.pieces()
    if all(isinstance(each, Gap) for each in found):
        source.seek(0)
        next(Reader(source))
    streams = _streams(found)
    for stream in streams:
        stream.pieces = _with_hidden_blocks(stream, going)
    room = MAX_PLAIN_PER_CODED * source.seek(0, os.SEEK_END)
    room -= sum(each.n_plain for stream in streams for each in stream.pieces if isinstance(each, BlockInfo))
    for stream in streams:
        stream.pieces, room = _within(room, _estimated(stream))
    return streams


def _streams(found: list[Head | Gap]) -> list[Stream]:
    """Heads and gaps by the streams that they belong to."""
    streams = [Stream()]
    for each in found:
        if isinstance(each, Header):
            if streams[-1] == Stream():
                streams.pop()
            streams.append(Stream(1 << each.block_log2))
        elif isinstance(each, End):
            streams[-1].end = each
        else:
            if streams[-1].end is not None:
                streams.append(Stream())
            streams[-1].pieces.append(each)
    return streams


def _with_hidden_blocks(stream: Stream, going: "_Survey") -> list[Piece]:
    """The pieces; where the end record tells of more blocks, and no gap is, those that a damaged one before them hides.

    As many bytes of that one are lost as they have, so that its head leads to what is behind them.
    """
    unknown = any(isinstance(each, Gap) and each.n_plain is None for each in stream.pieces)
    missing = 0 if unknown else _missing(stream) or 0
    pieces: list[Piece] = []
    for piece in stream.pieces:
        if missing > 0 and isinstance(piece, BlockInfo):
            hidden = going.blocks_in(piece, stream)
            n_hidden = sum(block.n_plain for block in hidden)
            if hidden and n_hidden <= missing:
                missing -= n_hidden
                pieces += [Gap(piece.offset, hidden[0].offset, piece.n_plain, exact=True), *hidden]
                continue
        pieces.append(piece)
    return pieces


class _Survey:
    """Goes through an input once, from record to record."""

    def __init__(self, source: BinaryIO) -> None:
        self._source, self._size = source, source.seek(0, os.SEEK_END)
        self._n_block = 1 << BLOCK_LOG2_MAX
        self._n_checked = 0

    def pieces(self) -> list[Head | Gap]:
        """All intact heads whose payloads are long enough, whatever these hold, and the gaps between them."""
        found: list[Head | Gap] = []
        at = 0
        while at < self._size:
            head, after = self._head_at(at) or (None, at)
            if isinstance(head, BlockInfo) and head.end > self._size:
                after = self._next_record(after)
                found.append(Gap(at, after, head.n_plain, exact=True))
            elif head is None:
                after = self._bridge(found, at)
            else:
                found.append(head)
                after = head.end if isinstance(head, BlockInfo) else after
                self._n_block = 1 << head.block_log2 if isinstance(head, Header) else self._n_block
            at = after
        return found

    def _bridge(self, found: list[Head | Gap], at: int) -> int:
        """Adds a gap for what is damaged at ``at``; returns where the next intact record is.

        If that is before ``at``, bytes of the block before are missing, and the block has become the gap.
        """
        last = found[-1] if found else None
        if isinstance(last, BlockInfo) and not self._is_intact_raw(last):
            after = self._next_record(last.end - last.n_stored)
            if after < at:
                found[-1] = Gap(last.offset, after, last.n_plain, exact=True)
                return after
        else:
            after = self._next_record(at + 1)
        found.append(Gap(at, after))
        return after

    def blocks_in(self, head: BlockInfo, stream: Stream) -> list[BlockInfo]:
        """Blocks in a payload, one behind the other up to its end; none where a raw payload is good."""
        if self._is_intact_raw(head):
            return []
        self._n_block = stream.n_block or 1 << BLOCK_LOG2_MAX
        found: list[BlockInfo] = []
        at = self._next_record(head.end - head.n_stored)
        while at < head.end:
            block, _ = self._head_at(at) or (None, at)
            if not isinstance(block, BlockInfo):
                return []
            found.append(block)
            at = block.end
        return found if at == head.end else []

    def _is_intact_raw(self, head: BlockInfo) -> bool:
        """Whether the payload is known to be good; of a coded block that takes decoding.

        Forged heads may each claim the rest of the input, so no more is read than a few times the input.
        """
        self._n_checked += head.n_stored
        if head.scheme is not None or self._n_checked > _MOST_CHECKED * self._size:
            return False
        start, crc = head.end - head.n_stored, 0
        self._source.seek(start)
        for at in range(start, head.end, CHUNK):
            crc = zlib.crc32(self._source.read(min(CHUNK, head.end - at)), crc)
        return crc == head.crc

    def _head_at(self, at: int) -> tuple[Head, int] | None:
        """The head at ``at`` and the offset after it; None where none is intact."""
        self._source.seek(at)
        return self._parse(self._source.read(MAX_RECORD), at)

    def _parse(self, record: bytes, at: int) -> tuple[Head, int] | None:
        try:
            return read_lone_head(record, at, self._n_block)
        except DamagedError:
            return None

    def _next_record(self, start: int) -> int:
        """Offset of the first intact record from ``start`` on; the size of the input if there is none."""
        at, n = start, _FIRST_CHUNK
        while at < self._size:
            self._source.seek(at)
            data = self._source.read(n + MAX_RECORD)
            for match in _BEGIN.finditer(data):
                if match.start() >= n:
                    break
                if self._parse(data[match.start() : match.start() + MAX_RECORD], at + match.start()):
                    return at + match.start()
            at, n = at + n, min(2 * n, _CHUNK)
        return self._size


def _missing(stream: Stream) -> int | None:
    """Plain bytes that the end record counts beyond the known lengths; None where it is lost."""
    if stream.end is None:
        return None
    lengths = (each.n_plain for each in stream.pieces if not isinstance(each, ModelRecord))
    return max(0, stream.end.n_plain - sum(n or 0 for n in lengths))


def _estimated(stream: Stream) -> list[Piece]:
    """The pieces, the length of every gap filled in: what the end record says is missing, else a block for each gap."""
    lengths = [each.n_plain for each in stream.pieces if not isinstance(each, ModelRecord)]
    unknown = [each for each in stream.pieces if isinstance(each, Gap) and each.n_plain is None]
    holding = _that_hold_blocks(stream) if len(unknown) > 1 else unknown
    block = stream.n_block or max((n for n in lengths if n), default=0)
    left = _missing(stream)
    estimates = {each: replace(each, n_plain=0, exact=True) for each in unknown}
    for i, gap in enumerate(holding):
        last = i == len(holding) - 1
        n = (0 if gap is stream.pieces[-1] else block) if left is None else left if last else min(block, left)
        left = left and left - n
        estimates[gap] = replace(gap, n_plain=n, exact=left is not None and len(holding) == 1)
    return [estimates.get(each, each) if isinstance(each, Gap) else each for each in stream.pieces]


def _within(room: int, pieces: list[Piece]) -> tuple[list[Piece], int]:
    """The pieces, gaps shortened to ``room`` plain bytes together, and what is left of it."""
    kept: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, Gap) and piece.n_plain:
            n = min(piece.n_plain, room)
            kept.append(piece if n == piece.n_plain else replace(piece, n_plain=n, exact=False))
            room -= n
        else:
            kept.append(piece)
    return kept, room


def _that_hold_blocks(stream: Stream) -> list[Gap]:
    """Gaps of unknown length that are more than a header or, before a stream's first block, the record of its model."""
    found, longest_without = [], MAX_RECORD
    for each in stream.pieces:
        if not isinstance(each, Gap):
            longest_without = RAW_OVERHEAD
        elif each.n_plain is None and each.end - each.offset > longest_without:
            found.append(each)
    return found
