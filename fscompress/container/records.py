"""The records of a stream as frozen values, and the two checks that need decoded bytes."""

import hashlib
import zlib
from dataclasses import dataclass, field

from fscompress.container.layout import CODED, RAW
from fscompress.container.rules import Rule, broken


@dataclass(frozen=True)
class Header:
    """Begins a stream; ``flags`` still holds the unused bits."""

    version: int
    flags: int
    block_log2: int


@dataclass(frozen=True)
class ModelRecord:
    """Names a model that coded blocks use; ``model_id`` is the first 8 bytes of the SHA-256 of the model file.

    ``offset``, here and below, counts bytes from the start of the input to the record.
    """

    model_id: bytes
    name: str
    offset: int = 0


@dataclass(frozen=True)
class BlockInfo:
    """A block without its payload of ``n_stored`` bytes; ``scheme`` is None and ``lanes`` is 0 for a raw block."""

    offset: int
    scheme: int | None
    lanes: int
    n_plain: int
    n_stored: int
    crc: int
    parameters: bytes = b""

    @property
    def end(self) -> int:
        """Offset after the payload."""
        return self.offset + (RAW.size if self.scheme is None else CODED.size) + self.n_stored


@dataclass(frozen=True)
class RawBlock:
    """Plain bytes, 1 to 2**block_log2, already checked."""

    plain: bytes = field(repr=False)


@dataclass(frozen=True)
class CodedBlock:
    """Coded bytes and what their decoder needs; ``crc`` is the CRC-32 of the ``n_plain`` plain bytes."""

    scheme: int
    lanes: int
    parameters: bytes
    n_plain: int
    crc: int
    coded: bytes = field(repr=False)
    offset: int = 0

    @property
    def n_stored(self) -> int:
        """Length of ``coded``."""
        return len(self.coded)

    def check(self, plain: bytes) -> None:
        """Raises ChecksumError (R28) unless ``plain``, decoded from this block, is what was encoded."""
        got = zlib.crc32(plain)
        if (len(plain), got) != (self.n_plain, self.crc):
            expected = f"{self.n_plain} bytes of crc {self.crc:08x}"
            raise broken(Rule.CODED_CRC, f"{len(plain)} bytes of crc {got:08x}", expected, self.offset)


@dataclass(frozen=True)
class End:
    """Ends a stream: length and SHA-256 of all its plain bytes."""

    n_plain: int
    sha256: bytes
    offset: int = 0


class Verifier:
    """Compares decoded bytes with end records; one serves all streams of an input, since ``check`` begins anew."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def update(self, plain: bytes) -> None:
        """Takes the next decoded bytes, in the order of the input."""
        self._hash.update(plain)

    def check(self, end: End) -> None:
        """Raises ChecksumError (R29) unless the bytes since the last check are those that ``end`` describes."""
        got, self._hash = self._hash.hexdigest(), hashlib.sha256()
        if got != end.sha256.hex():
            raise broken(Rule.SHA256, f"sha256 {got}", end.sha256.hex(), end.offset)
