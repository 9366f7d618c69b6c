"""Byte tables and constants of format version 1: the one place where an offset or a limit is written down.

A test compares the tables below with those of docs/FORMAT.md, field by field.
"""

import re
import struct
import zlib
from typing import Any

MAGIC = b"\xf5FSC"  # F5 occurs neither in ASCII nor in UTF-8: no text file begins so
VERSION = 1

KIND_END, KIND_RAW, KIND_CODED, KIND_MODEL = 0, 1, 2, 3
SCHEME_NETWORK = 0
SCHEMES = (SCHEME_NETWORK,)

RESERVED_FLAGS = 0x0F  # the other four bits are unused: written as zero, ignored when read
BLOCK_LOG2_MIN, BLOCK_LOG2_MAX = 10, 30
CODER_WORD = 4  # bytes
MAX_LANES = 4096  # an engine allocates by lanes, so a lying head must not ask for many
MAX_PLAIN_PER_CODED = 1 << 16  # a decision costs at least log2(65536 / 65535) bits: 45,448 plain bytes a coded one
MAX_MODELS = 4
MAX_NAME = 64
MODEL_ID = 8  # bytes
NAME = re.compile(rb"[a-z0-9][a-z0-9._-]*")  # no leading dot or dash: a name becomes part of a path


class Layout:
    """A record's fields in order, little-endian and without padding; the last one is a CRC-32 of all others.

    ``fields`` are (name, struct code); codes are B (u8), H (u16), I (u32), Q (u64) and ns (n bytes).
    """

    def __init__(self, *fields: tuple[str, str]) -> None:
        codes = "".join(code for _, code in fields)
        self.fields = fields
        self._all = struct.Struct("<" + codes)
        self._body = struct.Struct("<" + codes[:-1])
        self.size = self._all.size

    def offset(self, name: str) -> int:
        """Bytes from the record's start to the field ``name``."""
        names = [field for field, _ in self.fields]
        return struct.calcsize("<" + "".join(code for _, code in self.fields[: names.index(name)]))

    def pack(self, *values: int | bytes) -> bytes:
        """The record with its CRC-32, from the values of all other fields."""
        body = self._body.pack(*values)
        return body + struct.pack("<I", zlib.crc32(body))

    def unpack(self, record: bytes) -> tuple[Any, ...]:
        """The values of all fields, unchecked; ``record`` has ``size`` bytes."""
        return self._all.unpack(record)


HEADER = Layout(
    ("magic", "4s"),
    ("version", "B"),
    ("flags", "B"),
    ("block_log2", "B"),
    ("reserved", "B"),
    ("record_crc32", "I"),
)
RAW = Layout(
    ("kind", "B"),
    ("reserved", "3s"),
    ("n_plain", "I"),
    ("plain_crc32", "I"),
    ("record_crc32", "I"),
)
CODED = Layout(
    ("kind", "B"),
    ("scheme", "B"),
    ("lanes", "H"),
    ("n_plain", "I"),
    ("n_coded", "I"),
    ("plain_crc32", "I"),
    ("parameters", "12s"),
    ("record_crc32", "I"),
)
END = Layout(
    ("kind", "B"),
    ("reserved", "3s"),
    ("n_plain", "Q"),
    ("sha256", "32s"),
    ("record_crc32", "I"),
)
RAW_OVERHEAD = RAW.size
CODED_OVERHEAD = CODED.size


def model_layout(n_name: int) -> Layout:
    """Layout of a model record whose name has ``n_name`` bytes, 1 to 64."""
    return Layout(
        ("kind", "B"),
        ("n_name", "B"),
        ("reserved", "2s"),
        ("model_id", "8s"),
        ("name", f"{n_name}s"),
        ("record_crc32", "I"),
    )


def model_record_size(name: str) -> int:
    """Bytes that a model record takes: what a first coded block costs beside its own record."""
    return model_layout(len(name)).size
