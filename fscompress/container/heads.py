"""The grammar of a stream: which record may stand where and with which values (docs/FORMAT.md, sections 3 to 8).

Everything but the payloads is read and checked here, and whoever iterates must read or skip the payload of each
BlockInfo before asking for the next head.  A checksum is compared before any other field of its record, so that
chance damage is reported as damage, never as an unknown version or scheme.
"""

import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

from fscompress.container import layout
from fscompress.container.layout import CODED, END, HEADER, MIXED, RAW, Layout, model_layout, wrong_parameter
from fscompress.container.records import BlockInfo, End, Header, ModelRecord
from fscompress.container.rules import Rule, broken
from fscompress.container.source import ByteSource

Head = Header | ModelRecord | BlockInfo | End


def read_heads(source: ByteSource) -> Iterator[Head]:
    """All heads of all streams of an input; raises at the first broken rule and is exhausted after it."""
    header = _read_header(source, first=True)
    while header is not None:
        yield header
        yield from _Body(source, 1 << header.block_log2).heads()
        header = _read_header(source, first=False)


def read_lone_head(record: bytes, offset: int, n_block: int) -> tuple[Head, int]:
    """The head that ``record`` begins with, and the offset after it, whatever may have become of other records.

    For recovery: nothing is required that another record would have to say (R19, R22 to R26, ``n_networks``).

    Args:
        record: what stands at ``offset`` of an input, ``layout.MAX_RECORD`` bytes where it has as many.
        n_block: longest block, in bytes.
    Raises:
        DamagedError, UnsupportedVersionError: it is no record, or breaks a rule of its own.
    """
    source = ByteSource(BytesIO(record))
    source.offset = offset
    if record.startswith(layout.MAGIC):
        head: Head | None = _read_header(source, first=True)
    else:
        head = next(_Body(source, n_block, alone=True).heads())
    assert head is not None
    return head, source.offset


def _require(holds: bool, rule: Rule, got: object, expected: object, offset: int) -> None:
    if not holds:
        raise broken(rule, got, expected, offset)


def _require_crc(record: bytes, stored: int, rule: Rule, start: int) -> None:
    actual = zlib.crc32(record[:-4])
    _require(stored == actual, rule, f"{stored:08x}", f"{actual:08x}", start + len(record) - 4)


def _read_header(source: ByteSource, first: bool) -> Header | None:
    """The header, or None where the input ends after an end record instead."""
    start = source.offset
    record = source.read_up_to(HEADER.size)
    if not record and not first:
        return None
    begin = record[: len(layout.MAGIC)]
    foreign = Rule.MAGIC if first else Rule.TRAILING
    _require(layout.MAGIC.startswith(begin), foreign, begin.hex(), layout.MAGIC.hex(), start)
    _require(len(record) == HEADER.size, Rule.SHORT_HEADER, f"{len(record)} bytes", HEADER.size, start)
    _, version, flags, block_log2, reserved, crc = HEADER.unpack(record)
    _require_crc(record, crc, Rule.HEADER_CRC, start)
    _require(version == layout.VERSION, Rule.VERSION, version, layout.VERSION, start + HEADER.offset("version"))
    low, high = layout.BLOCK_LOG2_MIN, layout.BLOCK_LOG2_MAX
    _require(not flags & layout.RESERVED_FLAGS, Rule.FLAGS, f"{flags:08b}", "xxxx0000", start + HEADER.offset("flags"))
    at = start + HEADER.offset("block_log2")
    _require(low <= block_log2 <= high, Rule.BLOCK_LOG2, f"2**{block_log2}", f"2**{low} to 2**{high}", at)
    _require(reserved == 0, Rule.HEADER_RESERVED, reserved, 0, start + HEADER.offset("reserved"))
    return Header(version, flags, block_log2)


class _Body:
    """The records between a header and its end record, with what the later ones are checked against."""

    def __init__(self, source: ByteSource, n_block: int, alone: bool = False) -> None:
        self._source = source
        self._alone = alone
        self._n_block = n_block
        self._models: list[bytes] = []
        self._coded = False
        self._n_plain = 0
        self._start = 0  # of the record being read

    def heads(self) -> Iterator[Head]:
        readers: dict[int, Callable[[bytes], Head]] = {
            layout.KIND_END: self._read_end,
            layout.KIND_RAW: self._read_raw,
            layout.KIND_CODED: self._read_coded,
            layout.KIND_MODEL: self._read_model,
        }
        head: Head | None = None
        while not isinstance(head, End):
            self._start = self._source.offset
            kind = self._source.read(1, Rule.SHORT_RECORD)
            self._require(kind[0] in readers, Rule.KIND, kind[0], "0 to 3")
            head = readers[kind[0]](kind)
            yield head

    def _require(self, holds: bool, rule: Rule, got: object, expected: object, at: int = 0) -> None:
        _require(holds, rule, got, expected, self._start + at)

    def _read_fields(self, table: Layout, begun: bytes) -> tuple[Any, ...]:
        """The fields of the record that begins with ``begun``, its checksum compared."""
        record = begun + self._source.read(table.size - len(begun), Rule.SHORT_RECORD)
        values = table.unpack(record)
        _require_crc(record, values[-1], Rule.RECORD_CRC, self._start)
        return values

    def _require_zeros(self, table: Layout, reserved: bytes) -> None:
        self._require(not any(reserved), Rule.RESERVED, reserved.hex(), "zeros", table.offset("reserved"))

    def _require_range(self, table: Layout, name: str, rule: Rule, got: int, high: int) -> None:
        self._require(1 <= got <= high, rule, got, f"1 to {high}", table.offset(name))

    def _read_model(self, kind: bytes) -> ModelRecord:
        n_name = self._source.read(1, Rule.SHORT_RECORD)
        self._require(1 <= n_name[0] <= layout.MAX_NAME, Rule.NAME_LENGTH, n_name[0], f"1 to {layout.MAX_NAME}", 1)
        table = model_layout(n_name[0])
        _, _, reserved, model_id, name, _ = self._read_fields(table, kind + n_name)
        self._require_zeros(table, reserved)
        valid = layout.NAME.fullmatch(name) is not None
        self._require(valid, Rule.NAME, name, layout.NAME.pattern.decode(), table.offset("name"))
        self._require(not self._coded, Rule.LATE_MODEL, "a model record", "a block or the end")
        self._require(model_id not in self._models, Rule.SAME_MODEL, model_id.hex(), "another id")
        self._models.append(model_id)
        self._require(len(self._models) <= layout.MAX_MODELS, Rule.MANY_MODELS, len(self._models), layout.MAX_MODELS)
        return ModelRecord(model_id, name.decode("ascii"), self._start)

    def _read_raw(self, kind: bytes) -> BlockInfo:
        _, reserved, n_plain, crc, _ = self._read_fields(RAW, kind)
        self._require_zeros(RAW, reserved)
        self._require_range(RAW, "n_plain", Rule.N_PLAIN, n_plain, self._n_block)
        self._n_plain += n_plain
        return BlockInfo(self._start, None, 0, n_plain, n_plain, crc)

    def _read_coded(self, kind: bytes) -> BlockInfo:
        _, scheme, lanes, n_plain, n_coded, crc, parameters, _ = self._read_fields(CODED, kind)
        known = scheme in layout.SCHEMES
        self._require(known, Rule.SCHEME, scheme, f"0 to {layout.SCHEMES[-1]}", CODED.offset("scheme"))
        self._require_range(CODED, "n_plain", Rule.N_PLAIN, n_plain, self._n_block)
        self._require_range(CODED, "lanes", Rule.LANES, lanes, min(n_plain, layout.MAX_LANES))
        self._require_range(CODED, "n_coded", Rule.N_CODED, n_coded, n_plain - 1)
        fewest = -(-n_plain // layout.MAX_PLAIN_PER_CODED)
        self._require(n_coded >= fewest, Rule.N_CODED, n_coded, f"{fewest} or more", CODED.offset("n_coded"))
        words = n_coded % layout.CODER_WORD == 0
        self._require(words, Rule.CODER_WORDS, n_coded, "a multiple of 4", CODED.offset("n_coded"))
        self._require(self._alone or bool(self._models), Rule.NO_MODEL, "a coded block", "a model record before it")
        self._require_parameters(scheme, parameters, lanes)
        self._coded = True
        self._n_plain += n_plain
        return BlockInfo(self._start, scheme, lanes, n_plain, n_coded, crc, parameters)

    def _require_parameters(self, scheme: int, parameters: bytes, lanes: int) -> None:
        n_models = layout.MAX_MODELS if self._alone else len(self._models)
        wrong = wrong_parameter(scheme, parameters, lanes, n_models)
        if wrong:
            name, got, expected = wrong
            at = CODED.offset("parameters") + (0 if name == "parameters" else MIXED.offset(name))
            self._require(False, Rule.PARAMETERS, f"{name} {got}", expected, at)

    def _read_end(self, kind: bytes) -> End:
        _, reserved, n_plain, sha256, _ = self._read_fields(END, kind)
        self._require_zeros(END, reserved)
        self._require(
            self._alone or n_plain == self._n_plain, Rule.TOTAL, n_plain, self._n_plain, END.offset("n_plain")
        )
        return End(n_plain, sha256, self._start)
