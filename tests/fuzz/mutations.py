"""How ``mutate.py`` makes hostile files: damage of chance, and lies whose checksums have been made good."""

import io
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from safetensors.numpy import load

from fscompress.container import BlockInfo, End, Header, ModelRecord, skim
from fscompress.engine.model_file import write_model
from tests.golden.make_models import changed, smallest, with_header
from tests.helpers import GOLDEN, TINY

SIZES = {Header: 12, End: 48}
TELLING = [0, 1, 2, 3, 4, 5, 7, 8, 10, 16, 24, 25, 30, 31, 32, 63, 64, 65, 127, 128, 255, 256, 1023, 4095, 4096, 4097]
TELLING += [65535, 65536, 1 << 20, 1 << 24, 1 << 30, (1 << 31) - 1, 1 << 31, (1 << 32) - 1]
LARGEST = 1 << 13  # plain bytes that a lie may ask for: more would only ask for patience


@dataclass(frozen=True)
class Case:
    """Bytes to decode, or, ``is_model``, to read as a model file."""

    data: bytes
    threads: int = 1
    is_model: bool = False


def sealed(body: bytes) -> bytes:
    """A record with its checksum made good."""
    return body + zlib.crc32(body).to_bytes(4, "little")


def records(data: bytes) -> list[tuple[int, int, object]]:
    """Start, size without payload, and head of each record of an intact input."""
    found, at = [], 0
    for head in skim(io.BytesIO(data)):
        if isinstance(head, BlockInfo):
            size = 16 if head.scheme is None else 32
        else:
            size = 16 + len(head.name) if isinstance(head, ModelRecord) else SIZES[type(head)]
        found.append((at, size, head))
        at += size + (head.n_stored if isinstance(head, BlockInfo) else 0)
    return found


class Mutator:
    """An endless row of cases; the same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        paths = sorted((GOLDEN / "v1").glob("*/*.fsc"))
        self._all = [path.read_bytes() for path in paths]
        self._good = [path.read_bytes() for path in paths if path.parent.name == "accept"]
        streams: list[Callable[[], bytes]] = [
            self._flips, self._cut, self._splice, self._lie, self._lie, self._parameters, self._parameters, self._words,
        ]  # fmt: skip
        self._streams = streams
        self._models: list[Callable[[], bytes]] = [self._model_bytes, self._model_value, self._model_header]

    def seed_case(self) -> Case:
        """A file as it is: what decoding needs is loaded by it."""
        return Case(next(data for data in self._good if len(data) > 300))

    def next(self) -> Case:
        """The next case; one in eight is a model file."""
        if self._rng.integers(8) == 0:
            return Case(self._one(self._models)(), is_model=True)
        return Case(self._one(self._streams)(), threads=1 + int(self._rng.integers(8) == 0))

    def _one(self, choices: list[Any]) -> Any:
        return choices[self._rng.integers(len(choices))]

    def _number(self, n_bytes: int) -> bytes:
        """Telling or of chance."""
        telling = self._rng.integers(3) > 0
        value = self._one(TELLING) if telling else int.from_bytes(self._rng.bytes(n_bytes), "little")
        return (value % (1 << 8 * n_bytes)).to_bytes(n_bytes, "little")

    def _flips(self) -> bytes:
        data = bytearray(self._one(self._all) or b"\0")
        for _ in range(self._rng.integers(1, 6)):
            data[self._rng.integers(len(data))] ^= 1 << self._rng.integers(8)
        return bytes(data)

    def _cut(self) -> bytes:
        data = self._one(self._all)
        first, last = sorted(self._rng.integers(0, len(data) + 1, 2))
        return bytes(data[:last] if self._rng.integers(2) else data[:first] + data[last:])

    def _splice(self) -> bytes:
        """At any place, or between records."""
        left, right = self._one(self._good), self._one(self._good)
        if self._rng.integers(2):
            return bytes(left[: self._rng.integers(len(left))] + right[self._rng.integers(len(right)) :])
        head = self._one([start for start, _, _ in records(left)])
        return bytes(left[:head] + right[self._one([start for start, _, _ in records(right)]) :])

    def _record(self, wanted: type) -> tuple[bytes, int, int]:
        """A stream, and start and size of one of its records of that type."""
        while True:
            data = self._one(self._good)
            found = [(start, size) for start, size, head in records(data) if isinstance(head, wanted)]
            if found:
                return (data, *self._one(found))

    def _repaired(self, data: bytes, start: int, body: bytes, size: int) -> bytes:
        return data[:start] + sealed(body) + data[start + size :]

    def _lie(self) -> bytes:
        """A field of any record, its checksum made good."""
        data, start, size = self._record(self._one([Header, ModelRecord, BlockInfo, BlockInfo, BlockInfo, End]))
        body = bytearray(data[start : start + size - 4])
        n = self._one([1, 2, 4])
        at = self._rng.integers(0, size - 4 - n + 1)
        body[at : at + n] = self._number(n)
        return self._repaired(data, start, self._patient(body), size)

    def _parameters(self) -> bytes:
        """A coded block with other lanes, length and mixer, each in bounds as often as not."""
        data, start, size = self._record(BlockInfo)
        body = bytearray(data[start : start + size - 4])
        if body[0] != 2:
            return self._lie()
        body[1] = self._rng.integers(2)
        lanes = self._one([1, 2, 3, 60, int.from_bytes(body[2:4], "little"), int(self._rng.integers(1 << 12))])
        body[2:4] = body[20:22] = int(lanes).to_bytes(2, "little")
        body[16] = self._rng.integers(256)
        body[17:20] = [self._one([1, 1, 1, 2, 4]), self._one([4, 5, 12, 16, 22, 24]), self._one([0, 8, 9, 16, 7])]
        body[22:28] = self._rng.bytes(5) + bytes([self._rng.integers(2)])
        if body[1] == 0:
            body[16:28] = bytes(12)
        return self._repaired(data, start, self._patient(body), size)

    def _patient(self, body: bytearray) -> bytes:
        """A coded block asks for few plain bytes, but for one in a few hundred that asks for all it can."""
        if body[0] == 2 and len(body) == 28 and self._rng.integers(300):
            n_plain = int.from_bytes(body[4:8], "little")
            if LARGEST < n_plain <= 1 << 22:
                body[4:8] = int(self._rng.integers(1, LARGEST)).to_bytes(4, "little")
        return bytes(body)

    def _words(self) -> bytes:
        """Other coded bytes, the record true to their number."""
        data, start, size = self._record(BlockInfo)
        body = bytearray(data[start : start + size - 4])
        if body[0] != 2:
            return self._cut()
        n_coded = int.from_bytes(body[8:12], "little")
        coded = bytearray(data[start + size : start + size + n_coded])
        at = int(self._rng.integers(0, n_coded // 4)) * 4
        coded[at : at + 4 * int(self._rng.integers(4))] = self._one([b"", bytes(4), b"\xff" * 8, self._rng.bytes(4)])
        body[8:12] = len(coded).to_bytes(4, "little")
        return data[:start] + sealed(bytes(body)) + bytes(coded) + data[start + size + n_coded :]

    def _model_bytes(self) -> bytes:
        """Flipped or cut anywhere, mostly in the header."""
        data = bytearray(changed())
        for _ in range(self._rng.integers(1, 4)):
            limit = len(data) if self._rng.integers(4) == 0 else 8 + int.from_bytes(data[:2], "little")
            data[self._rng.integers(min(limit, len(data)))] ^= 1 << self._rng.integers(8)
        return bytes(data[: self._rng.integers(len(data))]) if self._rng.integers(4) == 0 else bytes(data)

    def _model_value(self) -> bytes:
        """A tensor of another type, shape or value: NaN, infinities and numbers beyond the bounds among them."""
        tensors, metadata = smallest() if self._rng.integers(4) else (load(TINY.read_bytes()), {})
        metadata = metadata or {"name": "tiny", "n_cells": "4", "output_shift": "31", "canary_hash": "0"}
        name = self._one(sorted(tensors))
        tensor = tensors[name].copy()
        kind = self._rng.integers(4)
        if kind == 0:
            tensor = np.full(tensor.shape, self._one([np.nan, np.inf, -np.inf, 1e308, 0.5]))
        elif kind == 1:
            tensor = tensor.reshape(-1)[: self._rng.integers(tensor.size + 1)]
        elif kind == 2:
            tensor = np.resize(tensor, self._rng.integers(0, 9, self._rng.integers(0, 4)))
        else:
            limits = np.iinfo(tensor.dtype)
            tensor.reshape(-1)[self._rng.integers(tensor.size)] = self._one([limits.min, limits.max, 64, 0])
        return write_model(tensors | {name: tensor}, metadata)

    def _model_header(self) -> bytes:
        """A header that lies of a tensor, or a value in it of another kind."""
        strange = [None, [], {}, -1, 1 << 70, "I8", "F64", "BF16", [0, 0], [1 << 40] * 2, [-1, 4], [[1]], 0.5, True]

        def change(header: dict[str, Any]) -> None:
            entry = header[self._one(sorted(header))]
            key = self._one(sorted(entry))
            entry[key] = json.loads(json.dumps(self._one(strange)))
            if self._rng.integers(4) == 0:
                header[self._one(["", "extra", "embedding"])] = self._one(strange)

        return with_header(change)
