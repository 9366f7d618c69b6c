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
SCHEME_NETWORK, SCHEME_MIXED = 0, 1
SCHEMES = (SCHEME_NETWORK, SCHEME_MIXED)

RESERVED_FLAGS = 0x0F  # the other four bits are unused: written as zero, ignored when read
BLOCK_LOG2_MIN, BLOCK_LOG2_MAX = 10, 30
CODER_WORD = 4  # bytes
MAX_LANES = 4096  # an engine allocates by lanes, so a lying head must not ask for many
MAX_PLAIN_PER_CODED = 1 << 16  # a decision costs at least log2(65536 / 65535) bits: 45,425 plain bytes a coded one
MAX_MODELS = 4
MAX_NAME = 64
MAX_PRIORS = 1  # ids of a mixer's initial state: 0 blank, 1 the stored one
MODEL_ID_BYTES = 8  # of a model's id, in .fsc files and in messages
NAME = re.compile(rb"[a-z0-9][a-z0-9._-]*")  # no leading dot or dash: a name becomes part of a path


class Fields:
    """Fields in order, little-endian and without padding.

    ``fields`` are (name, struct code); codes are B (u8), H (u16), I (u32), Q (u64) and ns (n bytes).
    """

    def __init__(self, *fields: tuple[str, str]) -> None:
        self.fields = fields
        self._codes = "<" + "".join(code for _, code in fields)
        self.size = struct.calcsize(self._codes)

    def offset(self, name: str) -> int:
        """Bytes from the start to the field ``name``."""
        names = [field for field, _ in self.fields]
        return struct.calcsize("<" + "".join(code for _, code in self.fields[: names.index(name)]))

    def unpack(self, data: bytes) -> tuple[Any, ...]:
        """The values of all fields, unchecked; ``data`` has ``size`` bytes."""
        return struct.unpack(self._codes, data)


class Layout(Fields):
    """A record; its last field is a CRC-32 of all others."""

    def pack(self, *values: int | bytes) -> bytes:
        """The record with its CRC-32, from the values of all other fields."""
        body = struct.pack(self._codes[:-1], *values)
        return body + struct.pack("<I", zlib.crc32(body))


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
MIXED = Fields(  # parameters of scheme 1
    ("rate", "B"),
    ("n_networks", "B"),
    ("table_log2", "B"),
    ("sse_log2", "B"),
    ("lanes", "H"),
    ("contexts", "I"),
    ("sets", "B"),
    ("priors", "B"),
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


MAX_RECORD = model_layout(MAX_NAME).size  # of all records, heads of blocks included


def model_record_size(name: str) -> int:
    """Bytes that a model record takes: what a first coded block costs beside its own record."""
    return model_layout(len(name)).size


def wrong_parameter(scheme: int, parameters: bytes, lanes: int, n_models: int) -> tuple[str, object, object] | None:
    """What in a coded block's parameters cannot be: (field, got, expected); None where the container has no objection.

    Scheme 1's other values are limited by ``MixerSettings.unpack``, above.

    Args:
        scheme: a known one.
        lanes: of the block's head.
        n_models: model records of the stream.
    """
    if scheme == SCHEME_NETWORK:
        return ("parameters", parameters.hex(), "zeros") if any(parameters) else None
    _, n_networks, _, _, own_lanes, _, _, priors = MIXED.unpack(parameters)
    if not 1 <= n_networks <= n_models:
        return "n_networks", n_networks, f"1 to {n_models}"
    if own_lanes != lanes:
        return "lanes", own_lanes, lanes
    return ("priors", priors, f"0 to {MAX_PRIORS}") if priors > MAX_PRIORS else None
