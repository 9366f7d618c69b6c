"""Exact products u8 x s8 -> int32 inside compiled kernels, by the processor's own instructions.

A tile is ``TILE_ROWS`` rows of a weight matrix against a few lanes: its sums stay in registers while the columns go by,
four at a time, so that a weight is read once for all lanes.  Three instructions can do it, all exact because
|w| <= 63: VNNI's vpdpbusd, AVX2's vpmaddubsw (whose 16-bit sums of two products of at most 255 * 63 cannot saturate),
and plain integer arithmetic for other processors.  Which one is used is decided by what numba compiles for.

AVX2 spends half of its multiplications on widening the 16-bit sums.  Those of two groups of columns can be added first
where the weights of the tile are so small that no sum of four products leaves 16 bits: most are.  ``pack`` looks at the
weights, and puts such pairs of groups ahead of the others.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import cgutils, config
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic

from fscompress.engine.spec import I8, I64
from fscompress.intrinsics import INT8, INT16, INT32, INT64, address_of, call, load, procedure, same, splat, store

ANY_NUMBER = sys.maxsize  # of lanes
GROUP = 4  # columns that an instruction takes at once
PAIR = 2  # groups whose 16-bit sums may be added before they are widened
LARGEST_FOURS = 128  # of weights of one sign: 128 * 255 = 32,640 is the last multiple of 255 in 16 bits
HEAD_ALIGN = 64  # bytes

# (builder, sums, lane's bytes of each group, weights of each group), vectors of int32; one group or a pair
MultiplyAdd = Callable[[Any, Any, list[Any], list[Any]], Any]


@dataclass(frozen=True)
class Instructions:
    """``width`` int32 a vector; ``multiply_add`` writes the code of ``sums += four products`` for each of them.

    ``tile_vectors`` of rows in a tile; with ``pairs`` three, so that the weights of both groups fit the registers too.
    ``pairs``: ``multiply_add`` also takes two groups whose sums of four products fit 16 bits.

    ``tile_lanes``: 2 or 4 a tile: AVX512 has 32 registers, others 16, which the sums of four lanes alone would fill.
    ``few_lanes``: up to so many lanes tiles are faster than onnxruntime's products of whole matrices (measured: those
    of AVX512-VNNI make a product in 98 % of the time that its instructions take; with AVX2 the library has the same
    three instructions for 32 products, and two lanes keep the processor busy with them).
    """

    name: str
    width: int
    multiply_add: MultiplyAdd
    tile_lanes: int
    few_lanes: int
    tile_vectors: int = 4
    pairs: bool = False

    @property
    def tile_rows(self) -> int:
        """Rows of a weight matrix in a tile."""
        return self.tile_vectors * self.width


def _vnni(bits: int) -> MultiplyAdd:
    def multiply_add(builder: Any, sums: Any, lane: list[Any], weights: list[Any]) -> Any:
        return call(builder, f"x86.avx512.vpdpbusd.{bits}", sums.type, sums, *lane, *weights)

    return multiply_add


def _avx2(builder: Any, sums: Any, lane: list[Any], weights: list[Any]) -> Any:
    in_bytes, in_twos = ir.VectorType(INT8, 32), ir.VectorType(INT16, 16)
    twos = [
        call(builder, "x86.avx2.pmadd.ub.sw", in_twos, builder.bitcast(mine, in_bytes), builder.bitcast(by, in_bytes))
        for mine, by in zip(lane, weights, strict=True)
    ]
    narrow = builder.add(*twos) if len(twos) == PAIR else twos[0]
    return builder.add(sums, call(builder, "x86.avx2.pmadd.wd", sums.type, narrow, same(in_twos, 1)))


def _plain(builder: Any, sums: Any, lanes: list[Any], by: list[Any]) -> Any:
    (lane,), (weights,) = lanes, by
    for byte in range(GROUP):
        unsigned = builder.and_(builder.lshr(lane, same(sums.type, 8 * byte)), same(sums.type, 255))
        signed = builder.ashr(builder.shl(weights, same(sums.type, 24 - 8 * byte)), same(sums.type, 24))
        sums = builder.add(sums, builder.mul(unsigned, signed))
    return sums


INSTRUCTIONS = {
    "avx512vnni": Instructions("avx512vnni", 16, _vnni(512), tile_lanes=4, few_lanes=ANY_NUMBER),
    "avxvnni": Instructions("avxvnni", 8, _vnni(256), tile_lanes=2, few_lanes=8),
    "avx2": Instructions("avx2", 8, _avx2, tile_lanes=2, few_lanes=ANY_NUMBER, tile_vectors=3, pairs=True),
    "plain": Instructions("plain", 4, _plain, tile_lanes=2, few_lanes=0),
}


def compiled_features() -> set[str]:
    """LLVM's names of the processor's features that numba compiles for."""
    chosen = getattr(config, "CPU_FEATURES", None)
    features = get_host_cpu_features() if chosen is None else chosen
    return {word[1:] for word in features.split(",") if word.startswith("+")}


def best_instructions(features: set[str]) -> Instructions:
    """The first of ``INSTRUCTIONS`` among those features."""
    return next(found for name, found in INSTRUCTIONS.items() if name in features or name == "plain")


class _Tile:
    """The code of one tile for so many lanes, being written."""

    def __init__(
        self, chosen: Instructions, lanes: int, context: Any, builder: Any, kinds: Any, arguments: Any
    ) -> None:
        out, out_at, self._out_step, z, z_at, self._z_step, packed, packed_at, _ = arguments
        self._chosen, self._builder, self._lanes = chosen, builder, range(lanes)
        self._vector = ir.VectorType(INT32, chosen.width)
        self._out = address_of(context, builder, kinds[0], out, out_at)
        self._z = address_of(context, builder, kinds[3], z, z_at)
        self._head = address_of(context, builder, kinds[6], packed, packed_at)
        self._weights = builder.add(self._head, self._head_entry(INT64(1))) if chosen.pairs else self._head
        zero = same(self._vector, 0)
        self._sums = [
            [cgutils.alloca_once_value(builder, zero) for _ in range(chosen.tile_vectors)] for _ in self._lanes
        ]

    def n_pairs(self) -> Any:
        """How many pairs of groups come first, int64."""
        return self._head_entry(INT64(0)) if self._chosen.pairs else INT64(0)

    def add_groups(self, first: Any, n: int) -> None:
        """The products of ``n`` groups from that one on, in the order of the packed weights."""
        builder, chosen = self._builder, self._chosen
        places = [self._weights_at(builder.add(first, INT64(i))) for i in range(n)]
        bytes_of_lane = [self._bytes_of(lane, self._columns_of(first), n) for lane in self._lanes]
        for i in range(chosen.tile_vectors):
            offset = INT64(4 * chosen.width * i)
            weights = [load(builder, builder.add(place, offset), self._vector, 4) for place in places]
            for row, groups in zip(self._sums, bytes_of_lane, strict=True):
                builder.store(chosen.multiply_add(builder, builder.load(row[i]), groups, weights), row[i])

    def store_sums(self) -> None:
        """Writes the finished sums."""
        builder = self._builder
        for lane, row in zip(self._lanes, self._sums, strict=True):
            at = builder.add(self._out, builder.mul(self._out_step, INT64(4 * lane)))
            for i, total in enumerate(row):
                store(builder, builder.load(total), builder.add(at, INT64(4 * self._chosen.width * i)), 4)

    def _weights_at(self, place: Any) -> Any:
        return self._builder.add(self._weights, self._builder.mul(place, INT64(GROUP * self._chosen.tile_rows)))

    def _bytes_of(self, lane: int, columns: Any, n: int) -> list[Any]:
        """Each of the lane's ``n`` groups of inputs from a column on, in every element of a vector."""
        builder = self._builder
        at = builder.add(builder.add(self._z, builder.mul(self._z_step, INT64(lane))), columns)
        groups = (load(builder, builder.add(at, INT64(GROUP * i)), INT32, 1) for i in range(n))
        return [splat(builder, group, self._vector) for group in groups]

    def _columns_of(self, place: Any) -> Any:
        """First column of the group at that place; those of a pair are side by side."""
        if self._chosen.pairs:
            return self._head_entry(self._builder.add(place, INT64(2)))
        return self._builder.mul(place, INT64(GROUP))

    def _head_entry(self, index: Any) -> Any:
        at = self._builder.add(self._head, self._builder.mul(index, INT64(4)))
        return self._builder.zext(load(self._builder, at, INT32, 4), INT64)


def tile_of(chosen: Instructions, lanes: int) -> Any:
    """A numba intrinsic: one tile for that many lanes.

    It takes (out, out_at, out_step, z, z_at, z_step, packed, packed_at, groups): ``out`` int32, ``z`` uint8 and
    ``packed`` int8 are contiguous arrays, ``_at`` and ``_step`` count their elements from the beginning and from lane
    to lane.  Nothing is checked: the caller's layout is right.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        tile = _Tile(chosen, lanes, context, builder, signature.args, arguments)
        n_pairs = tile.n_pairs()
        if chosen.pairs:
            with cgutils.for_range(builder, n_pairs) as loop:
                tile.add_groups(builder.mul(loop.index, INT64(PAIR)), PAIR)
        first = builder.mul(n_pairs, INT64(PAIR))
        with cgutils.for_range(builder, builder.sub(arguments[-1], first)) as loop:
            tile.add_groups(builder.add(first, loop.index), 1)
        tile.store_sums()
        return context.get_dummy_value()

    @intrinsic
    def tile(_typing, out, out_at, out_step, z, z_at, z_step, packed, packed_at, groups):  # type: ignore[no-untyped-def]
        return procedure(out, out_at, out_step, z, z_at, z_step, packed, packed_at, groups), code

    return tile


FEATURES = compiled_features()
CHOSEN = best_instructions(FEATURES)
TILE_ROWS = CHOSEN.tile_rows
# A multiple of this are the columns of packed weights: AMX takes 64.
COLUMN_STEP = 64 if CHOSEN.width == 16 else PAIR * GROUP


class Packed(NamedTuple):
    """A weight matrix as tiles read it: ``tiles`` int8 [tiles, bytes], so many groups of columns in each.

    A tile is its weights [groups, tile rows, 4], zeros added.  Where there are pairs, a head goes before them: int32
    [2 + groups], the number of pairs, the bytes of the head, and the first column of each group, padded to whole
    cache lines.
    """

    tiles: I8
    groups: int


def pack(weight: I8, chosen: Instructions = CHOSEN) -> Packed:
    """Weights int8 [N, K] in the order in which tiles read them."""
    (n, k), rows = weight.shape, chosen.tile_rows
    whole = np.zeros((-(-n // rows) * rows, -(-k // COLUMN_STEP) * COLUMN_STEP), np.int8)
    whole[:n, :k] = weight
    tiles = np.ascontiguousarray(whole.reshape(-1, rows, whole.shape[1] // GROUP, GROUP).transpose(0, 2, 1, 3))
    groups = tiles.shape[1]
    if not chosen.pairs:
        return Packed(tiles.reshape(len(tiles), -1), groups)
    order, n_pairs = _schedule(tiles)
    head_bytes = -(-4 * (2 + groups) // HEAD_ALIGN) * HEAD_ALIGN
    head = np.zeros((len(tiles), head_bytes // 4), np.int32)
    head[:, 0], head[:, 1], head[:, 2 : 2 + groups] = n_pairs, head_bytes, GROUP * order
    words = np.take_along_axis(tiles.view(np.int32)[..., 0], order[:, :, None], 1).reshape(len(tiles), -1)
    return Packed(np.concatenate((head, words), axis=1).view(np.int8), groups)


def _schedule(tiles: I8) -> tuple[I64, I64]:
    """Of tiles [n, groups, rows, 4]: their groups, those that may be added in pairs first [n, groups], pairs [n].

    A pair adds columns 0 and 1 of both groups, and columns 2 and 3; each sum of four products must fit 16 bits.  Four
    weights of one group and row are looked at as one number, since this is done whenever a program starts.
    """
    n, groups, _, _ = tiles.shape
    fits = np.ones((n, groups // PAIR), np.bool_)
    low, carry = np.uint32(0x00FF00FF), np.uint32(0x00010001)
    for one_sign in (np.maximum(tiles, 0), -np.minimum(tiles, 0)):
        words = one_sign.view(np.uint32)[..., 0]
        sums = words[:, ::PAIR] + words[:, 1::PAIR]  # of at most 126 in each byte
        sums = (sums & low) + (sums >> np.uint32(8) & low) + carry * np.uint32(255 - LARGEST_FOURS)
        fits &= ~(sums & carry << np.uint32(8)).any(axis=2)
    pairs = np.argsort(~fits, axis=1, kind="stable")
    return (PAIR * pairs[:, :, None] + np.arange(PAIR)).reshape(n, groups), fits.sum(axis=1)
