"""Exact products u8 x s8 -> int32 inside compiled kernels, by the processor's own instructions.

A tile is ``TILE_ROWS`` rows of a weight matrix against a few lanes: its sums stay in registers while the columns go by,
four at a time, so that a weight is read once for all lanes.  Three instructions can do it, all exact because
|w| <= 63: VNNI's vpdpbusd, AVX2's vpmaddubsw (whose 16-bit sums of two products of at most 255 * 63 cannot saturate),
and plain integer arithmetic for other processors.  Which one is used is decided by what numba compiles for.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, config
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic

from fscompress.engine.spec import I8
from fscompress.intrinsics import INT8, INT16, INT32, INT64, address_of, call, load, procedure, splat, store

TILE_VECTORS = 4
ANY_NUMBER = sys.maxsize  # of lanes
GROUP = 4  # columns that an instruction takes at once

MultiplyAdd = Callable[[Any, Any, Any, Any], Any]  # (builder, sums, lane's bytes, weights), vectors of int32


@dataclass(frozen=True)
class Instructions:
    """``width`` int32 a vector; ``multiply_add`` writes the code of ``sums += four products`` for each of them.

    ``tile_lanes``: 2 or 4 a tile: AVX512 has 32 registers, others 16, which the sums of four lanes alone would fill.
    ``few_lanes``: up to so many lanes tiles are faster than onnxruntime's products of whole matrices (measured; with
    AVX2 the library has the same three instructions for 32 products, and two lanes keep the processor busy with them).
    """

    name: str
    width: int
    multiply_add: MultiplyAdd
    tile_lanes: int
    few_lanes: int

    @property
    def tile_rows(self) -> int:
        """Rows of a weight matrix in a tile."""
        return TILE_VECTORS * self.width


def _vnni(bits: int) -> MultiplyAdd:
    def multiply_add(builder: Any, sums: Any, lane: Any, weights: Any) -> Any:
        return call(builder, f"x86.avx512.vpdpbusd.{bits}", sums.type, sums, lane, weights)

    return multiply_add


def _avx2(builder: Any, sums: Any, lane: Any, weights: Any) -> Any:
    in_bytes, in_pairs = ir.VectorType(INT8, 32), ir.VectorType(INT16, 16)
    lane, weights = builder.bitcast(lane, in_bytes), builder.bitcast(weights, in_bytes)
    pairs = call(builder, "x86.avx2.pmadd.ub.sw", in_pairs, lane, weights)
    return builder.add(sums, call(builder, "x86.avx2.pmadd.wd", sums.type, pairs, in_pairs([1] * 16)))


def _plain(builder: Any, sums: Any, lane: Any, weights: Any) -> Any:
    def splat(value: int) -> Any:
        return ir.Constant(sums.type, [value] * sums.type.count)

    for byte in range(GROUP):
        unsigned = builder.and_(builder.lshr(lane, splat(8 * byte)), splat(255))
        signed = builder.ashr(builder.shl(weights, splat(24 - 8 * byte)), splat(24))
        sums = builder.add(sums, builder.mul(unsigned, signed))
    return sums


INSTRUCTIONS = {
    "avx512vnni": Instructions("avx512vnni", 16, _vnni(512), tile_lanes=4, few_lanes=12),
    "avxvnni": Instructions("avxvnni", 8, _vnni(256), tile_lanes=2, few_lanes=8),
    "avx2": Instructions("avx2", 8, _avx2, tile_lanes=2, few_lanes=ANY_NUMBER),
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


def tile_of(chosen: Instructions, lanes: int) -> Any:
    """A numba intrinsic: one tile for that many lanes.

    It takes (out, out_at, out_step, z, z_at, z_step, packed, packed_at, groups): ``out`` int32, ``z`` uint8 and
    ``packed`` int8 are contiguous arrays, ``_at`` and ``_step`` count their elements from the beginning and from lane
    to lane.  Nothing is checked: the caller's layout is right.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out, out_at, out_step, z, z_at, z_step, packed, packed_at, groups = arguments
        out_kind, _, _, z_kind, _, _, packed_kind, _, _ = signature.args
        vector = ir.VectorType(INT32, chosen.width)
        out_address = address_of(context, builder, out_kind, out, out_at)
        z_address = address_of(context, builder, z_kind, z, z_at)
        packed_address = address_of(context, builder, packed_kind, packed, packed_at)
        zero = vector([0] * chosen.width)
        sums = [[cgutils.alloca_once_value(builder, zero) for _ in range(TILE_VECTORS)] for _ in range(lanes)]
        with cgutils.for_range(builder, groups) as loop:
            weight_address = builder.add(packed_address, builder.mul(loop.index, INT64(GROUP * chosen.tile_rows)))
            weights = [
                load(builder, builder.add(weight_address, INT64(4 * chosen.width * i)), vector, 4)
                for i in range(TILE_VECTORS)
            ]
            for lane, row in enumerate(sums):
                at = builder.add(z_address, builder.mul(z_step, INT64(lane)))
                address = builder.add(at, builder.mul(loop.index, INT64(GROUP)))
                group = splat(builder, load(builder, address, INT32, 1), vector)
                for total, weight in zip(row, weights, strict=True):
                    builder.store(chosen.multiply_add(builder, builder.load(total), group, weight), total)
        for lane, row in enumerate(sums):
            at = builder.add(out_address, builder.mul(out_step, INT64(4 * lane)))
            for i, total in enumerate(row):
                store(builder, builder.load(total), builder.add(at, INT64(4 * chosen.width * i)), 4)
        return context.get_dummy_value()

    @intrinsic
    def tile(_typing, out, out_at, out_step, z, z_at, z_step, packed, packed_at, groups):  # type: ignore[no-untyped-def]
        return procedure(out, out_at, out_step, z, z_at, z_step, packed, packed_at, groups), code

    return tile


FEATURES = compiled_features()
CHOSEN = best_instructions(FEATURES)
TILE_ROWS = CHOSEN.tile_rows
COLUMN_STEP = 64 if CHOSEN.width == 16 else GROUP  # a multiple of this are the columns of packed weights (amx.py)


def pack(weight: I8, tile_rows: int = TILE_ROWS) -> I8:
    """Weights int8 [N, K] in the order in which tiles read them: int8 [tiles, groups, tile rows, 4], zeros added."""
    n, k = weight.shape
    whole = np.zeros((-(-n // tile_rows) * tile_rows, -(-k // COLUMN_STEP) * COLUMN_STEP), np.int8)
    whole[:n, :k] = weight
    tiles = whole.reshape(-1, tile_rows, whole.shape[1] // GROUP, GROUP)
    return np.ascontiguousarray(tiles.transpose(0, 2, 1, 3))
