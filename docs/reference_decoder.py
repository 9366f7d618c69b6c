"""A second decoder of .fsc files: slow, short, and written from docs/FORMAT.md and docs/INTEGER.md alone.

It shares no code with the package `fscompress`; it needs Python 3.11 and numpy.  Where it and the package differ, the
two documents decide.  Comments name their sections: F5.2 is in FORMAT.md, I7.3 in INTEGER.md.

    python docs/reference_decoder.py MODEL.safetensors [MODEL2.safetensors ...] < in.fsc > out

Exit codes: 0 decoded and verified, 1 I/O error or refusal, 2 wrong usage, 3 damaged or foreign file, 4 not decodable
here.  The whole input is held in memory, and nothing is written before all of it has been verified.
"""

import hashlib
import json
import math
import struct
import sys
import zlib
from bisect import bisect_left
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np

PRIORS = Path(__file__).resolve().parent.parent / "fscompress" / "mixer" / "priors.safetensors"
PRIORS_SHA256 = "a5f7dd322d292e993602bf831d35e4d8c0b9789d7b9201ffe2f6c68cde83d220"
EXIT_CODES = {"R04": 4, "R14": 4, "R31": 4, "M04": 4, "M13": 1}  # of all other codes 3


class Refused(Exception):
    """A file that a decoder must refuse; `code` is its row in F9 or I2.1."""

    def __init__(self, code: str) -> None:
        super().__init__(f"refused [{code}]")
        self.code = code
        self.exit_code = EXIT_CODES.get(code, 3)


def refuse(code: str) -> NoReturn:
    raise Refused(code)


def require(holds: bool, code: str) -> None:
    if not holds:
        refuse(code)


# --- The container: F2 to F8 ------------------------------------------------------------------------------------------


class Source:
    """The input, and how far it has been read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def ended(self) -> bool:
        return self.position == len(self.data)

    def take(self, n: int, code: str) -> bytes:
        taken = self.data[self.position : self.position + n]
        require(len(taken) == n, code)
        self.position += n
        return taken

    def record(self, kind: bytes, n: int) -> bytes:
        """A whole record of n bytes of which `kind` has been read; its checksum is the last four (F1)."""
        record = kind + self.take(n - len(kind), "R09")
        require(struct.unpack("<I", record[-4:])[0] == zlib.crc32(record[:-4]), "R11")
        return record


def decode(data: bytes, models: dict[bytes, "Model"]) -> bytes:
    """The plain bytes of all streams of an input; `models` are found by the first 8 bytes of their SHA-256."""
    source = Source(data)
    plain = decode_stream(source, models, "R02")
    while not source.ended():
        plain += decode_stream(source, models, "R26")
    return plain


def read_header(source: Source, foreign: str) -> int:
    """F3: the largest length of a block."""
    magic = source.data[source.position : source.position + 4]
    require(b"\xf5FSC".startswith(magic), foreign)
    header = source.take(12, "R01")
    version, flags, block_log2, reserved, crc = struct.unpack("<4BI", header[4:])
    require(crc == zlib.crc32(header[:8]), "R03")
    require(version == 1, "R04")
    require(flags & 15 == 0, "R05")
    require(10 <= block_log2 <= 30, "R06")
    require(reserved == 0, "R07")
    return 1 << block_log2


def decode_stream(source: Source, models: dict[bytes, "Model"], foreign: str) -> bytes:
    """F2: one stream, header to end record."""
    largest = read_header(source, foreign)
    plain, named, coded_seen = b"", [], False
    while True:
        kind = source.take(1, "R09")
        if kind == b"\0":
            check_end(source.record(kind, 48), plain)
            return plain
        if kind == b"\1":
            plain += read_raw(source, kind, largest)
        elif kind == b"\2":
            coded_seen = True
            plain += read_coded(source, kind, largest, named, models)
        elif kind == b"\3":
            named.append(read_model_record(source, kind, named, coded_seen))
        else:
            refuse("R08")


def check_end(record: bytes, plain: bytes) -> None:
    """F7."""
    require(record[1:4] == bytes(3), "R12")
    require(struct.unpack("<Q", record[4:12])[0] == len(plain), "R25")
    require(record[12:44] == hashlib.sha256(plain).digest(), "R29")


def read_raw(source: Source, kind: bytes, largest: int) -> bytes:
    """F4."""
    record = source.record(kind, 16)
    n_plain, crc = struct.unpack("<II", record[4:12])
    require(record[1:4] == bytes(3), "R12")
    require(1 <= n_plain <= largest, "R13")
    plain = source.take(n_plain, "R10")
    require(zlib.crc32(plain) == crc, "R27")
    return plain


def read_model_record(source: Source, kind: bytes, named: list[bytes], coded_seen: bool) -> bytes:
    """F6: the id."""
    n_name = source.take(1, "R09")
    require(1 <= n_name[0] <= 64, "R20")
    record = source.record(kind + n_name, 16 + n_name[0])
    model_id, name = record[4:12], record[12:-4]
    require(record[2:4] == bytes(2), "R12")
    require(is_name(name), "R21")
    require(not coded_seen, "R23")
    require(len(named) < 4, "R22")
    require(model_id not in named, "R24")
    return model_id


def is_name(name: bytes) -> bool:
    """F6: whether the bytes are those of a model's name."""
    letters = b"abcdefghijklmnopqrstuvwxyz0123456789"
    return 1 <= len(name) <= 64 and name[0] in letters and set(name) <= set(letters + b"._-")


def read_coded(source: Source, kind: bytes, largest: int, named: list[bytes], models: dict[bytes, "Model"]) -> bytes:
    """F5."""
    record = source.record(kind, 32)
    scheme, n_lanes, n_plain, n_coded, crc = struct.unpack("<xBHIII", record[:16])
    require(scheme in (0, 1), "R14")
    require(1 <= n_plain <= largest, "R13")
    require(1 <= n_lanes <= min(n_plain, 4096), "R15")
    require(1 <= n_coded < n_plain <= n_coded * 65536, "R16")
    require(n_coded % 4 == 0, "R17")
    require(bool(named), "R19")
    settings = read_settings(record[16:28], n_lanes, len(named)) if scheme else None
    require(scheme == 1 or record[16:28] == bytes(12), "R18")
    words = struct.unpack(f"<{n_coded // 4}I", source.take(n_coded, "R10"))
    used = named[: settings.n_networks if settings else 1]
    require(all(model_id in models for model_id in used), "R31")
    decoder = RangeDecoder(words)
    plain = decode_block(decoder, n_plain, n_lanes, settings, [models[model_id] for model_id in used])
    require(zlib.crc32(plain) == crc, "R28")
    require(decoder.position >= len(words), "R30")
    return plain


def read_settings(parameters: bytes, n_lanes: int, n_models: int) -> SimpleNamespace:
    """F5.3."""
    names = ("rate", "n_networks", "table_log2", "sse_log2", "lanes", "contexts", "sets", "priors")
    s = SimpleNamespace(**dict(zip(names, struct.unpack("<4BHIBB", parameters), strict=True)))
    sizes = 1 <= s.n_networks <= n_models and 4 <= s.table_log2 <= 24 and (s.sse_log2 == 0 or 8 <= s.sse_log2 <= 16)
    choices = s.contexts & 0x7FFFFFFF != 0 and s.sets != 0 and s.priors in (0, 1)
    require(s.rate > 0 and sizes and choices and s.lanes == n_lanes, "R18")
    return s


# --- The range decoder: I8 --------------------------------------------------------------------------------------------


class RangeDecoder:
    """32-bit words to decisions."""

    def __init__(self, words: tuple[int, ...]) -> None:
        self.words = words
        self.position = 0
        self.range = 2**64 - 1
        self.point = self.next_word() << 32
        self.point |= self.next_word()

    def next_word(self) -> int:
        word = self.words[self.position] if self.position < len(self.words) else 0
        self.position += 1
        return word

    def decide(self, p1: int) -> int:
        scale = self.range >> 24
        zero = scale * (2**24 - 256 * p1)
        bit = int(self.point >= zero)
        if bit:
            self.point -= zero
            self.range = scale * 256 * p1
            require(self.point < self.range, "R28")
        else:
            self.range = zero
        if self.range < 2**32:
            self.range <<= 32
            self.point = (self.point << 32 | self.next_word()) % 2**64
        return bit


def decode_block(
    decoder: RangeDecoder, n_plain: int, n_lanes: int, settings: SimpleNamespace | None, models: list["Model"]
) -> bytes:
    """F5.1: lanes side by side, (step, bit, lane)."""
    lengths = [n_plain // n_lanes + (lane < n_plain % n_lanes) for lane in range(n_lanes)]
    lanes = [bytearray() for _ in range(n_lanes)]
    networks = [Network(model, n_lanes) for model in models]
    mixer = Mixer(settings, n_plain, n_lanes, len(models)) if settings else None
    for step in range(lengths[0]):
        active = sum(length > step for length in lengths)
        trees = [network.trees(active).tolist() for network in networks]
        nodes = [1] * active
        for _ in range(8):
            tops = [[network_p1(tree[lane], nodes[lane]) for tree in trees] for lane in range(active)]
            p1s = [mixer.predict(lane, top) for lane, top in enumerate(tops)] if mixer else [top[0] for top in tops]
            bits = [decoder.decide(p1) for p1 in p1s]
            if mixer:
                mixer.learn(bits)
            nodes = [2 * node + bit for node, bit in zip(nodes, bits, strict=True)]
        read = [node - 256 for node in nodes]
        for lane, byte in zip(lanes, read, strict=False):
            lane.append(byte)
        for network in networks:
            network.read(read)
        if mixer:
            mixer.read(read)
    return b"".join(lanes)


def network_p1(tree: list[int], node: int) -> int:
    """I6, step 4."""
    return min(max((tree[2 * node + 1] << 16) // tree[node], 32), 65504)


# --- The network: I2 to I6, I9, I10 -----------------------------------------------------------------------------------

TYPES = {f"{kind}{8 * n}": f"<{kind.lower()}{n}" for kind in "IUF" for n in (1, 2, 4, 8) if kind + str(n) != "F1"}
TOP = 2**31 - 1


def read_safetensors(data: bytes) -> tuple[dict[str, str], dict[str, Any]]:
    """I2: metadata and tensors."""
    n_header = int.from_bytes(data[:8], "little")
    require(len(data) >= 8 and n_header <= min(len(data) - 8, 10**8), "M02")
    try:
        header = json.loads(data[8 : 8 + n_header])
        metadata, body, tensors = header.pop("__metadata__", {}), data[8 + n_header :], {}
        end = 0
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            begin, dtype = end, np.dtype(TYPES[entry["dtype"]])
            require(entry["data_offsets"][0] == begin, "M02")
            end = entry["data_offsets"][1]
            tensors[name] = np.frombuffer(body[begin:end], dtype).reshape(entry["shape"])
        require(end == len(body), "M02")
        require(all(isinstance(value, str) for value in metadata.values()), "M02")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise Refused("M02") from error
    return metadata, tensors


# I2.2: of each kind of cells G, the rows of the bias, the parts of a state, the normalisations and the scalars.
KINDS = {
    "lstm": (4, 5, 2, 5, 0),
    "lstm-plain": (4, 4, 2, 0, 0),
    "gru": (4, 4, 1, 0, 0),
    "rnn": (1, 1, 1, 0, 0),
    "fast-rnn": (1, 1, 1, 0, 2),
    "fast-grnn": (1, 2, 1, 0, 2),
}
SCHEME_2_NAMES = {"initial.fast": "initial.0", "initial.slow": "initial.1"}
SCHEME_2_NAMES |= {f"input.{part}": f"cell.0.input.{part}" for part in ("weight", "multiplier")}
Expected = dict[str, tuple[str, tuple[int, ...], int, int]]  # type, shape, least and largest value of each tensor


def length(tensors: dict[str, Any], name: str, axis: int, most: int) -> int:
    """Of an axis, but in 1..most: of a tensor that is missing or has another length, the shape is then not expected."""
    shape = tensors[name].shape if name in tensors else ()
    return min(max(shape[axis] if shape else 0, 1), most)


def as_scheme_2(tensors: dict[str, Any], n_cells: int) -> dict[str, Any]:
    """I2.2: the tensors of a file of scheme 1 under the names of scheme 2, of which it is a special case."""
    require(not tensors.keys() & {"places", "groups", "read_out", *SCHEME_2_NAMES.values()}, "M07")
    tensors = {SCHEME_2_NAMES.get(name, name): tensor for name, tensor in tensors.items()}
    places = [(0, -1, 1, 32), (1, 0, 0, 32), (0, 1, 0, 32)] + [(0, -1, 0, 32)] * (n_cells - 3)
    groups = [length(tensors, f"initial.{j}", -1, 4096) for j in (0, 1)]
    wiring = {"places": places, "groups": groups, "read_out": (0, 0)}
    return tensors | {name: np.array(values, "<i4") for name, values in wiring.items()}


def expected_wiring(n_cells: int, n_groups: int) -> Expected:
    """I2.2: the tensors that say what others there are."""
    return {
        "places": ("<i4", (n_cells, 4), -1, 64),
        "groups": ("<i4", (n_groups,), 1, 4096),
        "read_out": ("<i4", (2,), 0, n_groups - 1),
    }


def expected_tensors(kind: str, places: list[list[int]], groups: list[int], n_read_out: int, e: int) -> Expected:
    """The tables of I2 and I2.2."""
    g, n_biases, n_parts, n_norms, n_scalars = KINDS[kind]
    expected: Expected = {
        "embedding": ("<i1", (256, e), -128, 127),
        "output.weight": ("<i1", (256, n_read_out), -63, 63),
        "output.multiplier": ("<i4", (256,), 1, TOP),
        "output.bias": ("<i4", (256,), -(2**24), 2**24),
        "table.sigmoid": ("<i2", (8192,), 0, 32767),
        "table.tanh": ("<i2", (8192,), -32767, 32767),
        "table.exp2": ("<i4", (1024,), 1, 2**22),
        "canary": ("<u1", (256,), 0, 255),
    }
    expected |= {f"initial.{j}": ("<i4", (n_parts, h), 1 - 2**24, 2**24 - 1) for j, h in enumerate(groups)}
    for i, (group, source, reads, _) in enumerate(places):
        prefix, h = f"cell.{i}.", groups[group]
        expected |= {
            prefix + "weight": ("<i1", (g * h, (groups[source] if source >= 0 else 0) + h), -63, 63),
            prefix + "multiplier": ("<i4", (g * h,), 1, TOP),
            prefix + "bias": ("<i4", (n_biases, h), -(2**20), 2**20),
            prefix + "keep": ("<i4", (n_parts,), 0, 2**15),
        }
        if reads:
            expected[prefix + "input.weight"] = ("<i1", (g * h, e), -63, 63)
            expected[prefix + "input.multiplier"] = ("<i4", (g * h,), 1, TOP)
        if n_norms:
            expected[prefix + "epsilon"] = ("<i8", (n_norms,), 1, 2**48)
            expected[prefix + "gain"] = ("<i4", (n_norms, h), -TOP, TOP)
        if n_scalars:
            expected[prefix + "scalars"] = ("<i4", (n_scalars,), 0, 2**15)
    return expected


def check_tensors(tensors: dict[str, Any], expected: Expected) -> None:
    require(expected.keys() <= tensors.keys(), "M06")
    require(all(tensors[name].dtype == row[0] for name, row in expected.items()), "M08")
    require(all(tensors[name].shape == row[1] for name, row in expected.items()), "M09")
    filled = {n: row for n, row in expected.items() if tensors[n].size}
    require(all(row[2] <= tensors[n].min() and tensors[n].max() <= row[3] for n, row in filled.items()), "M10")


def unpack_sparse(tensors: dict[str, Any], name: str, shape: tuple[int, ...]) -> None:
    """I2.3: puts a matrix in the place of its mask and values, if it has them."""
    mask, values = f"{name}.mask", f"{name}.values"
    if mask in tensors:
        require(name not in tensors, "M07")
        check_tensors(tensors, {mask: ("<u1", (shape[0], -(-shape[1] // 8)), 0, 255)})
        bits = np.unpackbits(tensors.pop(mask), axis=1)
        check_tensors(tensors, {values: ("<i1", (int(bits.sum()),), -128, 127)})
        require(not bits[:, shape[1] :].any() and tensors[values].all(), "M10")
        tensors[name] = np.zeros(shape, "<i1")
        tensors[name][bits[:, : shape[1]] == 1] = tensors.pop(values)


def multiply_out(tensors: dict[str, Any], prefix: str, expected: Expected) -> None:
    """I2.3: puts the matrices of a cell, whose rows of `expected` are given, in the place of its factors."""
    require(not expected.keys() & tensors.keys(), "M07")
    right = prefix + ("right.mask" if prefix + "right.mask" in tensors else "right")
    rank, rows = length(tensors, right, 0, 4096), next(iter(expected.values()))[1][0]
    shapes = {"left": (rows, rank), "right": (rank, sum(row[1][1] for row in expected.values()))}
    for name, shape in shapes.items():
        unpack_sparse(tensors, prefix + name, shape)
    check_tensors(tensors, {prefix + name: ("<i1", shape, -128, 127) for name, shape in shapes.items()})
    sums, first = tensors.pop(prefix + "left").astype(np.int64) @ tensors.pop(prefix + "right"), 0
    for name, row in expected.items():
        factor = name.removesuffix("weight") + "factor"
        check_tensors(tensors, {factor: ("<i4", (rows,), 1, TOP)})
        part, first = sums[:, first : first + row[1][1]], first + row[1][1]
        tensors[name] = saturated(part * tensors.pop(factor)[:, None].astype(np.int64) + 2**31 >> 32, 63).astype("<i1")


def expand(tensors: dict[str, Any], n_cells: int, expected: Expected) -> None:
    """I2.3: puts all matrices of cells in the place of their compact forms, once it is known how large they are."""
    matrices = {
        prefix: [name for name in (prefix + "input.weight", prefix + "weight") if name in expected]
        for prefix in (f"cell.{i}." for i in range(n_cells))
    }
    require(sum(math.prod(expected[name][1]) for names in matrices.values() for name in names) <= 2**30, "M09")
    for prefix, names in matrices.items():
        if prefix + "factor" in tensors:
            multiply_out(tensors, prefix, {name: expected[name] for name in names})
        for name in names:
            unpack_sparse(tensors, name, expected[name][1])


class Model:
    """The tensors of a model file as int64, its input tables, and its promises checked (I2.1)."""

    def __init__(self, data: bytes) -> None:
        require(len(data) <= 2**30, "M01")
        metadata, tensors = read_safetensors(data)
        require(metadata.get("architecture") in ("fs-lstm", "recurrent") and "scheme" in metadata, "M03")
        first = metadata["architecture"] == "fs-lstm"
        require(metadata["scheme"] == ("1" if first else "2"), "M04")
        metadata |= {"cell": "lstm"} if first else {"n_cells": "3"}
        require({"name", "cell", "n_cells", "output_shift", "canary_hash"} <= metadata.keys(), "M05")
        n_cells, self.output_shift = (
            int(word) if word.isdecimal() and word.isascii() and len(word) < 5 else 0
            for word in (metadata["n_cells"], metadata["output_shift"])
        )
        self.kind = metadata["cell"]
        require(3 <= n_cells <= 64 and 16 <= self.output_shift <= 32, "M05")
        require(self.kind in KINDS and is_name(metadata["name"].encode()), "M05")
        self.id = hashlib.sha256(data).digest()[:8]
        self.check(as_scheme_2(tensors, n_cells) if first else tensors, compact=not first)
        self.tables = [self.input_table(i) for i in range(len(self.places))]
        self.check_bounds()
        self.check_canary(metadata["canary_hash"])

    def check(self, tensors: dict[str, Any], compact: bool) -> None:
        """I2, I2.2 and, where it may be, I2.3."""
        wiring = expected_wiring(length(tensors, "places", 0, 64), length(tensors, "groups", 0, 64))
        check_tensors(tensors, wiring)
        self.places, groups, (first, last) = (tensors[name].tolist() for name in wiring)
        require(all(self.is_allowed(place, len(groups)) for place in self.places), "M10")
        require(self.places[0][2] == 1 and first <= last, "M10")
        self.n_groups, self.read_out = len(groups), range(first, last + 1)
        n_read_out = sum(groups[first : last + 1])
        require(n_read_out <= 65536, "M09")
        e = length(tensors, "embedding", -1, 4096)
        expected = wiring | expected_tensors(self.kind, self.places, groups, n_read_out, e)
        if compact:
            expand(tensors, len(self.places), expected)
        require(tensors.keys() <= expected.keys(), "M07")
        check_tensors(tensors, expected)
        self.tensors = {name: tensor.astype(np.int64) for name, tensor in tensors.items()}
        require(all(abs(self[f"initial.{j}"][0]).max() <= 2**14 for j in range(self.n_groups)), "M10")

    def is_allowed(self, place: list[int], n_groups: int) -> bool:
        """Whether this is a row of `places`."""
        group, source, reads, shift = place
        sources = {-1, group - 1, group + 1} & set(range(-1, n_groups))
        shifts = range(32 if self.kind == "lstm" else 16, 33)
        return 0 <= group < n_groups and source in sources and reads in (0, 1) and shift in shifts

    def input_table(self, i: int) -> Any:
        """I3, shape 256, GH; zeros where the cell does not read the byte."""
        if not self.places[i][2]:
            return np.zeros((256, 1), np.int64)
        prefix = f"cell.{i}.input."
        return self["embedding"] @ self[prefix + "weight"].T * self[prefix + "multiplier"] >> self.places[i][3]

    def check_bounds(self) -> None:
        """I9."""
        require(all(abs(table).max() < 2**24 for table in self.tables), "M10")
        for i, (table, place) in enumerate(zip(self.tables, self.places, strict=True)):
            reach = 127 * abs(self[f"cell.{i}.weight"]).sum(1) * self[f"cell.{i}.multiplier"] >> place[3]
            require((reach + 1 + abs(table).max(0)).max() < 2**24, "M11")
        reach = 127 * abs(self["output.weight"]).sum(1) * self["output.multiplier"] >> self.output_shift
        require((reach + 1 + abs(self["output.bias"])).max() < 2**30, "M12")

    def __getitem__(self, name: str) -> Any:
        return self.tensors[name]

    def check_canary(self, expected: str) -> None:
        """I10."""
        canary, trees, network = self["canary"].tolist(), hashlib.sha256(), Network(self, 2)
        trees.update(network.trees(2).astype("<i4").tobytes())
        for t in range(256):
            network.read([canary[t], canary[(t + 128) % 256]])
            trees.update(network.trees(2).astype("<i4").tobytes())
        require(trees.hexdigest() == expected, "M13")


class Network:
    """The state of each group of cells for each lane: h, and c where the kind has it, of shape lanes, H."""

    def __init__(self, model: Model, n_lanes: int) -> None:
        self.model = model
        self.states = [
            [np.repeat(part[None], n_lanes, 0) for part in model[f"initial.{j}"]] for j in range(model.n_groups)
        ]

    def read(self, byte_values: list[int]) -> None:
        """I4: all cells read a byte of each of the first lanes; lanes without one are finished."""
        m = self.model
        self.states = [[part[: len(byte_values)] for part in state] for state in self.states]
        for i, (group, source, _, shift) in enumerate(m.places):
            prefix, old = f"cell.{i}.", self.states[group]
            z = self.eight_bits([group] if source < 0 else [source, group])
            x = (z @ m[prefix + "weight"].T * m[prefix + "multiplier"] >> shift) + m.tables[i][byte_values]
            new = self.cell(prefix, x.reshape(len(x), -1, old[0].shape[1]), *old)
            kept = zip(new, old, m[prefix + "keep"], strict=True)
            self.states[group] = [a + ((b - a) * keep >> 15) for a, b, keep in kept]

    def eight_bits(self, groups: Sequence[int]) -> Any:
        """The h8 of groups, side by side."""
        return np.concatenate([self.states[j][0] * 127 + 2**13 >> 14 for j in groups], axis=1)

    def cell(self, prefix: str, x: Any, h: Any, c: Any = None) -> list[Any]:
        """I4, steps 2 to 5, or I4.1: the new h, and c, from x of shape lanes, G, H."""
        m, kind = self.model, self.model.kind
        sigmoid, tanh = (partial(looked_up, m["table." + name]) for name in ("sigmoid", "tanh"))
        if kind == "lstm":
            parameters = [m[prefix + name] for name in ("epsilon", "gain", "bias")]
            y = norm(x, *(of_all[:4] for of_all in parameters)).swapaxes(0, 1)
        else:
            y = (x + m[prefix + "bias"]).swapaxes(0, 1)
        if c is not None:  # rows f, i, o, g
            c = saturated(sigmoid(y[0]) * c + 2 * sigmoid(y[1]) * tanh(y[3]) + 2**14 >> 15, 2**24 - 1)
            inner = norm(c[:, None], *(of_all[4:] for of_all in parameters))[:, 0] if kind == "lstm" else c + 2**6 >> 7
            return [sigmoid(y[2]) * tanh(inner) + 2**15 >> 16, c]
        if kind == "gru":  # rows r, z, W_n x, U_n h
            n, z = tanh(y[2] + (sigmoid(y[0]) * y[3] + 2**14 >> 15)), sigmoid(y[1])
            return [(2**15 - z) * n + 2 * z * h + 2**15 >> 16]
        if kind == "rnn":
            return [tanh(y[0]) + 1 >> 1]
        w, u = m[prefix + "scalars"]  # alpha and beta, or zeta and nu
        if kind == "fast-grnn":
            w, u = (w * (2**15 - sigmoid(y[0])) + 2**14 >> 15) + u, sigmoid(y[0])
        return [saturated(w * tanh(y[-1]) + 2 * u * h + 2**15 >> 16, 2**14)]

    def trees(self, n_lanes: int) -> Any:
        """I6, steps 1 to 3: shape lanes, 512."""
        m = self.model
        logit = self.eight_bits(m.read_out)[:n_lanes] @ m["output.weight"].T
        logit = (logit * m["output.multiplier"] >> m.output_shift) + m["output.bias"]
        below = logit.max(1, keepdims=True) - logit
        tree = np.zeros((n_lanes, 512), np.int64)
        tree[:, 256:] = np.maximum(1, m["table.exp2"][below & 1023] >> np.minimum(below >> 10, 31))
        for first in (128, 64, 32, 16, 8, 4, 2, 1):  # the nodes of a level are first..2 * first - 1
            tree[:, first : 2 * first] = tree[:, 2 * first : 4 * first].reshape(n_lanes, first, 2).sum(2)
        return tree


def saturated(a: Any, bound: int) -> Any:
    return np.minimum(np.maximum(a, -bound), bound)


def looked_up(table: Any, y: Any) -> Any:
    return table[np.minimum(np.maximum(y + 4096, 0), 8191)]


def norm(x: Any, epsilon: Any, gain: Any, bias: Any) -> Any:
    """I5, over the last axis of an array of shape lanes, gates, H."""
    n_units = x.shape[2]
    d = x - x.sum(2, keepdims=True) // n_units
    variance = (d * d).sum(2) // n_units + epsilon
    root = np.array([[[math.isqrt(v << 8)] for v in row] for row in variance.tolist()])
    shift = 21 - np.array([[[v.bit_length()] for (v,) in row] for row in root.tolist()])
    up, down = np.maximum(shift, 0), np.maximum(-shift, 0)
    n = (d << up >> down) * (2**50 // (root << up >> down)) >> 32
    return (n * gain + 2**31 >> 32) + bias


# --- The mixer: I7 ----------------------------------------------------------------------------------------------------

WORD = 2**64 - 1
G, P, Q = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93, 0xCA5A826395121157


def squash_table() -> dict[int, int]:
    v, table = 2**60, {}
    for k in range(2848):
        table[k] = min(65535, 65536 * v // (v + 2**60))
        table[-k] = 65536 - table[k] if k else table[0]
        v = v * 1157433911791679357 >> 60
    return table


def stretch_table(squash: dict[int, int]) -> list[int]:
    upper = [squash[x] for x in range(2848)]
    table = [0] * 65536
    for p in range(32768, 65536):
        above = min(bisect_left(upper, p), 2847)
        below = bisect_left(upper, upper[max(above - 1, 0)])
        table[p] = below if p - upper[below] <= abs(upper[above] - p) else above
    table[1:32768] = [-table[65536 - p] for p in range(1, 32768)]
    table[0] = table[1]
    return table


def byte_class(v: int) -> int:
    ranges = [(0, 31, 0), (32, 32, 1), (48, 57, 2), (97, 122, 3), (65, 90, 4), (128, 255, 5)]
    return next((number for low, high, number in ranges if low <= v <= high), 6 if v in b".,;:!?'\"" else 7)


SQUASH = squash_table()
STRETCH = stretch_table(SQUASH)
RATE = [131072 // (2 * n + 3) for n in range(256)]
CONFIDENCE = [256 * (2 * n + 1) // (2 * n + 2) for n in range(63)]
COUNT_CLASS = [(n >= 10) + (n >= 20) + (n >= 40) for n in range(63)]
LENGTH_CLASS = [n if n < 16 else 16 + sum(b <= n for b in (20, 24, 32, 48, 64, 128, 256)) for n in range(401)]
BYTE_CLASS = [byte_class(v) for v in range(256)]
BIT_CLASS = [0, 1, 1, 2, 2, 3, 3, 3]
SET_ROWS = [64, 256, 2048, 64, 288, 2048, 2048, 128]


def mix(a: int, b: int) -> int:
    h = (a + G) * P & WORD
    h = ((h ^ h >> 29) + b) * Q & WORD
    return h ^ h >> 32


def learn_slot(slot: int, p: int, bit: int) -> int:
    count, register = slot >> 8 & 63, slot & 255
    p += (bit * 262143 - p) * RATE[count] >> 16
    r = 2 * max(register, 1) + bit
    return p << 14 | min(count + 1, 62) << 8 | (r if r < 256 else 128 + r % 128)


def learn_map(entry: int, bit: int) -> int:
    p, count = entry >> 10, entry & 1023
    p += (bit * 4194303 - p) * RATE[count] >> 16
    return p << 10 | min(count + 1, 255)


def is_letter(v: int) -> bool:
    return 65 <= v <= 90 or 97 <= v <= 122 or v >= 128


class Lane:
    """I7.4: what a lane remembers, the fields of its match (I7.6), its buckets (I7.3) and its notes (I7.7)."""

    def __init__(self, base: int) -> None:
        self.base = base
        self.node, self.o, self.last, self.follow1, self.follow2 = 1, 0, 0, 0, 0
        self.word, self.word_length, self.key_word, self.brackets = [0, 0, 0], 0, 0, 0
        self.tag, self.tag_state, self.first, self.indent, self.shape, self.point = 0, 0, 0, 0, 0, [0, 0]
        self.line, self.line_before, self.field, self.field_at = 0, 0, 0, 0
        self.here, self.before = [0] * 32, [0] * 32
        self.at, self.length, self.misses, self.predicted = 0, 0, 0, 0
        self.hashes: list[int] = []
        self.buckets: list[list[int]] = []
        self.note = SimpleNamespace()

    def low(self, k: int) -> int:
        return self.last % 2 ** (8 * k)

    def remember(self, v: int, f1: dict[int, int], f2: dict[int, int]) -> None:
        self.o += 1
        for table, key in ((f1, self.low(1)), (f2, self.low(2))):
            table[key] = (table.get(key, 0) << 8 | v) % 2**24
        self.last = (self.last << 8 | v) % 2**64
        self.follow1, self.follow2 = f1.get(v, 0), f2.get(self.low(2), 0)
        self.remember_words(v)
        self.remember_line(v)
        digit, small, large = 48 <= v <= 57, 97 <= v <= 122, 65 <= v <= 90
        k = 48 if digit else 97 if small else 65 if large else 128 if v >= 128 else v
        if k not in (48, 97) or k != self.shape % 256:
            self.shape = (self.shape << 8 | k) % 2**48
        if 128 <= v <= 191:
            self.point[0] = (self.point[0] << 6 | v % 64) % 2**24
        else:
            self.point = [v, self.point[0]]

    def remember_words(self, v: int) -> None:
        if is_letter(v):
            self.word_length += 1
            self.word[0] = mix(self.word[0], v | 32 if v < 128 else v)
        else:
            self.word_length = 0
            if self.word[0]:
                self.word = [0, self.word[0], self.word[1]]
        if v in b":=":
            self.key_word = self.word[1]
        if v in b"([{":
            self.brackets = (self.brackets << 8 | v) % 2**40
        elif v in b")]}":
            self.brackets >>= 8
        if v == ord("<"):
            self.tag, self.tag_state = 0, 1
        elif v == ord(">"):
            self.tag_state = 0
        elif self.tag_state == 1 and (is_letter(v) or v == ord("/")):
            self.tag = mix(self.tag, v)
        elif self.tag_state == 1:
            self.tag_state = 2

    def remember_line(self, v: int) -> None:
        if v == 10:
            self.before, self.here = self.here, [self.o] + [0] * 31
            self.line_before, self.line = self.line, self.o
            self.first = self.indent = self.field = 0
            self.field_at = self.o
            return
        if self.first == 0 and v in b" \t":
            self.indent += 1
        elif self.first == 0:
            self.first = v
        if v in b",;| \t":
            self.field = min(self.field + 1, 31)
            self.field_at = self.here[self.field] = self.o

    def contexts(self, chosen: list[int], history: bytearray) -> list[int]:
        """I7.5: the hashes of the chosen contexts."""
        one, low, (word0, word1, word2) = self.low(1), self.low, self.word
        column = self.o - self.line
        q = self.line_before + column
        above, left = (history[self.base + q], history[self.base + q - 1] if q else 0) if q < self.line else (0, 0)
        q = self.before[self.field]
        r = q + self.o - self.field_at
        same = history[self.base + r] + 1 if (q > 0 or self.field == 0) and r < self.line else 0
        match = mix(256 + self.predicted if self.at else 0, min(self.length, 32))
        b = [low(k) for k in range(1, 7)]
        b += [word0 or mix(word1, one), mix(word0, word1) if word0 else mix(mix(word0, word1), mix(word2, one))]
        b += [self.shape, mix(self.brackets, one), match + 65537 * one]
        b += [mix(self.brackets % 2**16, self.shape % 2**24), mix(min(column, 255), above), self.last & 0xF8F0F0F0]
        b += [mix(word0, self.first + 1000), mix(self.follow2 % 2**16, one), mix(self.key_word, low(2))]
        b += [mix(word0, word2 + 1), mix(min(column, 255), one + 256 * min(self.word_length, 3)), self.shape % 2**32]
        b += [mix(same + 65536 * self.field, one), low(3) - one, low(4) - one, mix(self.follow1, one)]
        b += [mix(*self.point), mix(one, above + 256 * left), mix(self.tag + self.tag_state, one)]
        b += [mix(self.indent, self.first) + 7919 * one, 256 * (self.shape % 2**24) + one, low(7)]
        b += [mix(self.shape % 2**40, low(2))]
        return [mix(i + 1, b[i]) for i in chosen]


class Mixer:
    """I7: the state that the lanes of a block share."""

    def __init__(self, settings: SimpleNamespace, n_plain: int, n_lanes: int, n_networks: int) -> None:
        self.chosen = [i for i in range(31) if settings.contexts >> i & 1]
        self.sets = [i for i in range(8) if settings.sets >> i & 1]
        self.matching, self.rate, self.decisions = settings.contexts >> 31, settings.rate, 0
        self.table_mask, self.table = (1 << settings.table_log2) - 1, dict[int, list[int]]()
        self.stride = -(-n_plain // n_lanes) + 1
        self.history, self.links = bytearray(n_lanes * self.stride), dict[int, int]()
        self.key_bits = min(20, max(8, n_plain.bit_length()))
        self.f1, self.f2 = dict[int, int](), dict[int, int]()
        self.sse_log2 = settings.sse_log2
        curve = [SQUASH[min(max(178 * i - 2848, -2847), 2847)] << 16 for i in range(33)]
        self.sse = np.tile(np.array(curve), (2, 1 << self.sse_log2, 1)) if self.sse_log2 else None
        self.blank(n_networks)
        if settings.priors:
            self.stored(n_networks)
        self.lanes = [Lane(lane * self.stride) for lane in range(n_lanes)]
        for lane in self.lanes:
            lane.hashes = lane.contexts(self.chosen, self.history)
            lane.buckets = [self.bucket(h) for h in lane.hashes]

    def blank(self, n_networks: int) -> None:
        """I7.10, priors 0."""
        n_contexts, n_sets = len(self.chosen), len(self.sets)
        registers = [register_p22(g) << 10 for g in range(256)]
        self.maps = [registers * 4 for _ in self.chosen]
        self.match_maps = [(65536 - 65536 // (m + 2) << 6 if m < 24 else 2**21) << 10 for m in range(32)]
        self.node_slots = [2**17 << 14 | 1] * 256
        row = [0, 0] + [min(2**21 // (2 + 2 * n_contexts), 2**17)] * 2 * n_contexts + [209715, 0]
        row[2:-2] = [w for _ in self.chosen for w in (*[min(2**21 // (2 + 2 * n_contexts), 2**17)] * 2, 0)]
        row += [419430 // n_networks, 0] * n_networks
        self.bases = np.cumsum([0] + [SET_ROWS[k] for k in self.sets])[:-1]
        self.weights = np.tile(np.array(row), (sum(SET_ROWS[k] for k in self.sets), 1))
        self.final = np.full((256, n_sets), 2**20 // n_sets)
        self.r_start = 1600

    def stored(self, n_networks: int) -> None:
        """I7.10, priors 1."""
        data = PRIORS.read_bytes()
        if hashlib.sha256(data).hexdigest() != PRIORS_SHA256:
            raise OSError(f"{PRIORS}: not the stored priors 1")
        tensors = {name: tensor.astype(np.int64) for name, tensor in read_safetensors(data)[1].items()}
        self.maps = [[p << 16 | 30 for p in tensors["context_maps"][i].tolist()] for i in self.chosen]
        self.match_maps = [p << 16 | 30 for p in tensors["match_maps"].tolist()]
        self.node_slots = [p << 16 | 6 << 8 | 1 for p in tensors["node_slots"].tolist()]
        columns = [0, 1] + [2 + 3 * i + k for i in self.chosen for k in range(3)] + [95, 96]
        for base, k in zip(self.bases, self.sets, strict=True):
            rows = tensors[f"set{k}"] * 256
            networks = np.tile(rows[:, 97:] // n_networks, n_networks)
            self.weights[base : base + SET_ROWS[k]] = np.concatenate([rows[:, columns], networks], axis=1)
        self.r_start = 600

    def bucket(self, h: int) -> list[int]:
        """I7.3; place 0 of a bucket is its check.  Buckets never used are not stored."""
        check, home = h >> 48 | 1, h >> 20 & self.table_mask
        choices = [self.table.setdefault(index, [0] * 16) for index in (home, home ^ 1, home ^ 2)]
        for bucket in choices:
            if bucket[0] == check:
                return bucket
        bucket = min(choices, key=lambda choice: choice[1] >> 8 & 63)
        bucket[:] = [check] + [0] * 15
        return bucket

    def predict(self, number: int, p1s: list[int]) -> int:
        """I7.7 to I7.9: p1 of a lane; what learning needs is noted."""
        lane = self.lanes[number]
        node, j = lane.node, lane.node.bit_length() - 1
        note = lane.note = SimpleNamespace(contexts=[], match=None)
        state = self.match_state(lane, j)
        x = self.inputs(lane, j, p1s)
        sure = 1 + (STRETCH[p1s[0]] + 2847) * 15 // 5694
        v1, v2, v3 = (lane.last >> shift & 255 for shift in (0, 8, 16))
        classes = 64 * BYTE_CLASS[v1] + 8 * BYTE_CLASS[v2] + BYTE_CLASS[v3]
        rows = [state, node, 8 * v1 + j, 8 * note.order + j, 16 * sure + min(state >> 1, 15), 8 * v2 + j]
        rows += [4 * classes + BIT_CLASS[j], 8 * min(lane.word_length, 15) + j]
        note.rows = self.bases + [rows[k] for k in self.sets]
        note.x = np.array(x)
        note.z = dot(self.weights[note.rows], note.x)
        note.y = int(dot(self.final[node], note.z))
        note.low, note.part = divmod(note.y + 2848, 178)
        if self.sse is None:
            return SQUASH[note.y]
        hashes = ((node + 256 * v1 + 65536 * sure) * G, (node + 256 * lane.low(2)) * Q)
        note.refine = [(h & WORD) >> 40 & (1 << self.sse_log2) - 1 for h in hashes]
        u = [self.refined(e.tolist(), note.low, note.part) for e in self.sse[[0, 1], note.refine]]
        return min(max(2 * SQUASH[note.y] + 3 * u[0] + 3 * u[1] >> 3, 1), 65535)

    @staticmethod
    def refined(e: list[int], low: int, part: int) -> int:
        return (e[low] * (178 - part) + e[low + 1] * part) // 178 >> 16

    def match_state(self, lane: Lane, j: int) -> int:
        x = 256 + lane.predicted
        if not lane.at or x >> 8 - j != lane.node:
            return 0
        e = x >> 7 - j & 1
        missed = lane.misses > 0 and lane.length < 16
        m = 23 + min(lane.misses, 8) if missed else LENGTH_CLASS[lane.length]
        lane.note.match = (m, e)
        return 2 * m + e

    def inputs(self, lane: Lane, j: int, p1s: list[int]) -> list[int]:
        """I7.7."""
        note, node = lane.note, lane.node
        known, note.order = self.node_slots[node] >> 14, 0
        number = node if j < 4 else 2 ** (j - 4) | node % 2 ** (j - 4)
        x = [STRETCH[known >> 2], 256]
        for k, bucket in enumerate(lane.buckets):
            slot = bucket[number]
            p18, count, register = slot >> 14, slot >> 8 & 63, slot & 255
            if register == 0:
                x += [0, 0, 0]
                note.contexts.append((bucket, number, known, None))
                continue
            index = 256 * COUNT_CLASS[count] + register
            p16 = self.maps[k][index] >> 16
            x += [STRETCH[p18 >> 2] * CONFIDENCE[count] >> 8, STRETCH[p16], (p18 >> 2) - 32768 >> 5]
            note.contexts.append((bucket, number, p18, index))
            if k < 6:
                note.order, known = k + 1, p18
        p16, s = 32768, 0
        if note.match:
            p16, s = self.match_maps[note.match[0]] >> 16, 2 * note.match[1] - 1
        x += [s * STRETCH[p16], s * (p16 - 32768 >> 5)]
        return x + [value for p1 in p1s for value in (STRETCH[p1], p1 - 32768 >> 5)]

    def learn(self, bits: list[int]) -> None:
        """I7.1, steps 3 and 4 of a bit."""
        self.decisions += len(bits)
        r = 4 * self.rate + self.r_start * 1024 // (1024 + (self.decisions >> 3))
        for lane, bit in zip(self.lanes, bits, strict=False):
            self.learn_lane(lane, bit, r)
            lane.node = 2 * lane.node + bit
        for lane in self.lanes[: len(bits)]:
            if 16 <= lane.node < 32:
                lane.buckets = [self.bucket(mix(c, lane.node)) for c in lane.hashes]

    def learn_lane(self, lane: Lane, bit: int, r: int) -> None:
        note, node = lane.note, lane.node
        for learned, (bucket, number, p, index) in zip(self.maps, note.contexts, strict=True):
            bucket[number] = learn_slot(bucket[number], p, bit)
            if index is not None:
                learned[index] = learn_map(learned[index], bit)
        self.node_slots[node] = learn_slot(self.node_slots[node], self.node_slots[node] >> 14, bit)
        if note.match:
            m, e = note.match
            self.match_maps[m] = learn_map(self.match_maps[m], int(bit == e))
        errors = [error(z, bit, r) for z in note.z.tolist()]
        self.weights[note.rows] = adjusted(self.weights[note.rows], note.x, np.array(errors)[:, None])
        self.final[node] = adjusted(self.final[node], note.z, error(note.y, bit, 60))
        if self.sse is not None:
            i = note.low + (2 * note.part >= 178)
            for stage, context in enumerate(note.refine):
                self.sse[stage, context, i] += bit * (2**32 - 1) - self.sse[stage, context, i] >> 5

    def read(self, byte_values: list[int]) -> None:
        """I7.1: the four loops after a byte of each lane."""
        lanes = self.lanes[: len(byte_values)]
        for lane, v in zip(lanes, byte_values, strict=True):
            self.history[lane.base + lane.o] = v
            lane.node = 1
            lane.remember(v, self.f1, self.f2)
        keys = [((lane.last << 24) * G & WORD) >> 64 - self.key_bits for lane in lanes]
        for lane, v, key in zip(lanes, byte_values, keys, strict=True):
            if self.matching:
                self.match(lane, v, self.links.get(key, 0))
        for lane, key in zip(lanes, keys, strict=True):
            self.links[key] = lane.base + lane.o
            lane.hashes = lane.contexts(self.chosen, self.history)
        for lane in lanes:
            lane.buckets = [self.bucket(h) for h in lane.hashes]

    def match(self, lane: Lane, v: int, f: int) -> None:
        """I7.6."""
        history, end = self.history, lane.base + lane.o
        if lane.at:
            if history[lane.at] == v:
                lane.length = min(lane.length + 1, 400)
                lane.misses = 0 if lane.length >= 16 else lane.misses
            else:
                lane.length, lane.misses = 0, lane.misses + 1
            lane.at = 0 if lane.misses > 8 else lane.at + 1
        if lane.length < 20 and lane.o >= 5 and f:
            c, most = 0, min(64, lane.o, f)
            while c < most and history[f - 1 - c] == history[end - 1 - c]:
                c += 1
            if c >= 5 and c > lane.length:
                lane.at, lane.length, lane.misses = f, c, 0
        lane.predicted = history[lane.at] if lane.at else 0


def register_p22(register: int) -> int:
    """I7.10: what a history of the last bits suggests."""
    p = 32768
    for a, bit in enumerate(bin(max(register, 1))[3:]):
        p += (65535 * int(bit) - p) * 2 // (2 * a + 3)
    return p << 6


def dot(w: Any, x: Any) -> Any:
    return saturated(((w >> 5) * x >> 8).sum(-1) >> 7, 2847)


def error(z: int, bit: int, r: int) -> int:
    return min(max(((bit << 16) - SQUASH[z]) * r >> 6, -(2**19 - 1)), 2**19 - 1)


def adjusted(w: Any, x: Any, e: Any) -> Any:
    return saturated(w + (x * e + 8192 >> 14), 2**23 - 1)


def main(paths: list[str]) -> int:
    """The command line."""
    if not paths:
        print("usage: reference_decoder.py MODEL.safetensors [MODEL2.safetensors ...] < in.fsc > out", file=sys.stderr)
        return 2
    try:
        models = {model.id: model for model in (Model(Path(path).read_bytes()) for path in paths)}
        sys.stdout.buffer.write(decode(sys.stdin.buffer.read(), models))
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return refusal.exit_code
    except OSError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
