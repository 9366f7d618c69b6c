"""Reads the container: records with their payloads, or heads alone.  Twin of ``writer.py``."""

import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from fscompress.container.heads import Head, read_heads
from fscompress.container.records import BlockInfo, CodedBlock, End, Header, ModelRecord, RawBlock
from fscompress.container.rules import Rule, broken
from fscompress.container.source import ByteSource

Record = Header | ModelRecord | RawBlock | CodedBlock | BlockInfo | End


class Reader:
    """Iterates over the records of an input; at most one payload is in memory.

    ``admit`` is called with the head of each block before its payload is read, and may raise to refuse it.

    Raises what docs/FORMAT.md section 9 lists, but for R28 and R29 (``CodedBlock.check``, ``Verifier``), R30 and R31
    (the codec).  After a ChecksumError (a damaged raw block) iteration may go on; after any other it is exhausted.
    A block that is not ``wanted`` is passed over as by ``skim``: its BlockInfo takes its place.
    """

    def __init__(
        self,
        source: BinaryIO,
        admit: Callable[[BlockInfo], object] | None = None,
        wanted: Callable[[BlockInfo], bool] | None = None,
    ) -> None:
        self._source, self._admit, self._wanted = ByteSource(source), admit, wanted
        self._heads = read_heads(self._source)

    @property
    def n_read(self) -> int:
        """Bytes of the input consumed so far."""
        return self._source.offset

    def __iter__(self) -> Iterator[Record]:
        return self

    def __next__(self) -> Record:
        head = next(self._heads)
        if not isinstance(head, BlockInfo):
            return head
        if self._wanted and not self._wanted(head):
            self._source.skip(head.n_stored, Rule.SHORT_PAYLOAD)
            return head
        if self._admit:
            self._admit(head)
        payload = self._source.read(head.n_stored, Rule.SHORT_PAYLOAD)
        return block_of(head, payload)


def block_of(head: BlockInfo, payload: bytes) -> RawBlock | CodedBlock:
    """The block of that head and those ``n_stored`` bytes; raises ChecksumError (R27) for a damaged raw block."""
    if head.scheme is not None:
        return CodedBlock(head.scheme, head.lanes, head.parameters, head.n_plain, head.crc, payload, offset=head.offset)
    got = zlib.crc32(payload)
    if got != head.crc:
        raise broken(Rule.RAW_CRC, f"{got:08x}", f"{head.crc:08x}", head.offset)
    return RawBlock(payload)


def skim(source: BinaryIO) -> Iterator[Head]:
    """Heads alone: payloads are passed over, by seeks where ``source`` allows, and their checksums not compared.

    Raises what ``Reader`` raises, but for R27.
    """
    stream = ByteSource(source)
    for head in read_heads(stream):
        yield head
        if isinstance(head, BlockInfo):
            stream.skip(head.n_stored, Rule.SHORT_PAYLOAD)
