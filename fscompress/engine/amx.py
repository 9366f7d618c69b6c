"""Exact products u8 x s8 -> int32 of many lanes by AMX, the matrix unit of some x86 processors.

One instruction multiplies sixteen lanes by 64 columns with those columns of sixteen rows of weights, and its 32-bit
sums do not saturate.  Registers 0..3 hold the sums of a tile of 64 rows, 4 the lanes' bytes, 5..7 weights.  The
weights stand as ``tiles.pack`` puts them for VNNI.  Linux gives a process the unit's registers when it asks.
"""

import ctypes
import sys
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from fscompress.engine.products import U8
from fscompress.engine.tiles import CHOSEN, COLUMN_STEP, FEATURES, GROUP, TILE_ROWS
from fscompress.intrinsics import INT8, INT64, POINTER, address_of, call, procedure

COMPILED = "amx-int8" in FEATURES and CHOSEN.name == "avx512vnni"
BATCH = 16  # lanes that an instruction takes at most
FROM_LANES = 3  # so many lanes and more are faster this way than by tiles (measured)

SYS_ARCH_PRCTL, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA = 158, 0x1023, 18  # Linux on x86-64


def _call(builder: Any, name: str, *arguments: Any) -> None:
    call(builder, f"x86.{name}", ir.VoidType(), *arguments)


@intrinsic
def configure(_typing, shapes, start):  # type: ignore[no-untyped-def]
    """Sets the registers' shapes as the 64 bytes of ``shapes`` (uint8) from ``start`` on say."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = address_of(context, builder, signature.args[0], *arguments)
        _call(builder, "ldtilecfg", builder.inttoptr(address, POINTER))
        return context.get_dummy_value()

    return procedure(shapes, start), code


@intrinsic
def release(_typing):  # type: ignore[no-untyped-def]
    """Gives the registers back, so that the system need not save them."""

    def code(context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        _call(builder, "tilerelease")
        return context.get_dummy_value()

    return procedure(), code


@intrinsic
def multiply_batch(_typing, out, out_at, out_step, z, z_at, z_step, packed, packed_at, steps):  # type: ignore[no-untyped-def]
    """A tile of 64 rows against a batch of lanes, ``steps`` times 64 columns; arguments are those of a tile."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out, out_at, out_step, z, z_at, z_step, packed, packed_at, steps = arguments
        out_kind, _, _, z_kind, _, _, packed_kind, _, _ = signature.args

        def load(register: int, address: Any, step: Any) -> None:
            _call(builder, "tileloadd64", INT8(register), builder.inttoptr(address, POINTER), step)

        out_address = address_of(context, builder, out_kind, out, out_at)
        z_address = address_of(context, builder, z_kind, z, z_at)
        packed_address = address_of(context, builder, packed_kind, packed, packed_at)
        for i in range(4):
            _call(builder, "tilezero", INT8(i))
        with cgutils.for_range(builder, steps) as loop:
            load(4, builder.add(z_address, builder.mul(loop.index, INT64(COLUMN_STEP))), z_step)
            weights = builder.add(packed_address, builder.mul(loop.index, INT64(COLUMN_STEP * TILE_ROWS)))
            for i in range(4):
                load(5 + i % 3, builder.add(weights, INT64(64 * i)), INT64(GROUP * TILE_ROWS))
                _call(builder, "tdpbusd", INT8(i), INT8(4), INT8(5 + i % 3))
        step = builder.mul(out_step, INT64(4))
        for i in range(4):
            address = builder.inttoptr(builder.add(out_address, INT64(64 * i)), POINTER)
            _call(builder, "tilestored64", INT8(i), address, step)
        return context.get_dummy_value()

    return procedure(out, out_at, out_step, z, z_at, z_step, packed, packed_at, steps), code


def shapes_of(rows: int) -> U8:
    """What ``configure`` takes for batches of ``rows`` lanes, uint8 [64]: palette 1, rows of 64 bytes, 16 of weights.

    See LDTILECFG in Intel's manual, volume 2.
    """
    shapes = np.zeros(64, np.uint8)
    shapes[0] = 1
    shapes[16:32:2] = 64
    shapes[48:53], shapes[53:56] = rows, 16
    return shapes


@cache
def permitted() -> bool:
    """Asks the system for the unit; False where there is none, or where the kernels are compiled without it."""
    if not (COMPILED and sys.platform == "linux"):
        return False
    result: int = ctypes.CDLL(None).syscall(SYS_ARCH_PRCTL, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)
    return result == 0
