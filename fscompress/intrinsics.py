"""Pieces of LLVM code for numba's intrinsics: what a compiled loop over integers cannot say by itself.

An intrinsic takes arrays and places in them, counted in elements.  Nothing is checked: the caller's layout is right.
"""

import platform
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

INT8, INT16, INT32, INT64 = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64)
POINTER = INT8.as_pointer()
IS_X86 = platform.machine().lower() in ("x86_64", "amd64")


def arguments_of(*kinds: Any) -> tuple[Any, ...]:
    """Types of an intrinsic's arguments; integers of any width are handed to it as int64."""
    return tuple(types.int64 if isinstance(kind, types.Integer) else kind for kind in kinds)


def procedure(*kinds: Any) -> Any:
    """The signature of an intrinsic that returns nothing."""
    return types.void(*arguments_of(*kinds))


def call(builder: Any, name: str, result: Any, *arguments: Any) -> Any:
    """Calls LLVM's function ``llvm.NAME``, which returns that type."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}"), arguments)


def address_of(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    """Address of element ``at`` of a contiguous array, as int64."""
    first = builder.ptrtoint(context.make_array(kind)(context, builder, array).data, INT64)
    return builder.add(first, builder.mul(at, INT64(kind.dtype.bitwidth // 8)))


def load(builder: Any, address: Any, kind: Any, align: int) -> Any:
    """The value of that type at ``address``, a multiple of ``align``."""
    value = builder.load(builder.inttoptr(address, kind.as_pointer()))
    value.align = align
    return value


def store(builder: Any, value: Any, address: Any, align: int) -> None:
    """Writes ``value`` to ``address``, a multiple of ``align``."""
    builder.store(value, builder.inttoptr(address, value.type.as_pointer())).align = align


def splat(builder: Any, value: Any, vector: Any) -> Any:
    """A vector of that type with ``value`` in every element."""
    nothing = vector(ir.Undefined)
    one = builder.insert_element(nothing, value, INT32(0))
    return builder.shuffle_vector(one, nothing, ir.VectorType(INT32, vector.count)([0] * vector.count))


def same(vector: Any, value: int) -> Any:
    """The constant of that type with ``value`` in every element."""
    return vector([value] * vector.count)


def reduced(builder: Any, vector: Any) -> Any:
    """The sum of a vector's elements, modulo 2 to the power of their bits."""
    element = vector.type.element
    return call(builder, f"vector.reduce.add.v{vector.type.count}i{element.width}", element, vector)


def clipped(builder: Any, vector: Any, low: int, high: int) -> Any:
    """Each element, signed, no less than ``low`` and no more than ``high``."""
    kind = vector.type
    suffix = f"v{kind.count}i{kind.element.width}"
    vector = call(builder, f"smax.{suffix}", kind, vector, same(kind, low))
    return call(builder, f"smin.{suffix}", kind, vector, same(kind, high))


@intrinsic
def prefetch(_typing, array, at):  # type: ignore[no-untyped-def]
    """Asks for the cache line of element ``at``; changes nothing but the time of what reads it soon."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = address_of(context, builder, signature.args[0], *arguments)
        to_read, all_caches, data = INT32(0), INT32(3), INT32(1)
        place = builder.inttoptr(address, POINTER)
        call(builder, "prefetch.p0", ir.VoidType(), place, to_read, all_caches, data)
        return context.get_dummy_value()

    return procedure(array, at), code


@intrinsic
def leading_zeros(_typing, number):  # type: ignore[no-untyped-def]
    """Zero bits above the highest one of an int64; 64 for 0."""

    def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.IntType(1)(0))

    return types.int64(*arguments_of(number)), code


@intrinsic
def acquire(_typing, array, at):  # type: ignore[no-untyped-def]
    """Element ``at`` of an int64 array; whoever sees what ``publish`` wrote there sees all that was written before."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = address_of(context, builder, signature.args[0], *arguments)
        return builder.load_atomic(builder.inttoptr(address, INT64.as_pointer()), "acquire", 8)

    return types.int64(*arguments_of(array, at)), code


@intrinsic
def publish(_typing, array, at, number):  # type: ignore[no-untyped-def]
    """Writes element ``at`` of an int64 array, for the thread that asks for it by ``acquire``."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, at, number = arguments
        address = address_of(context, builder, signature.args[0], array, at)
        builder.store_atomic(number, builder.inttoptr(address, INT64.as_pointer()), "release", 8)
        return context.get_dummy_value()

    return procedure(array, at, number), code


@intrinsic
def pause(_typing):  # type: ignore[no-untyped-def]
    """Some dozens of cycles in which a thread that waits leaves the core to its other thread; changes nothing."""

    def code(context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        if IS_X86:
            call(builder, "x86.sse2.pause", ir.VoidType())
        return context.get_dummy_value()

    return procedure(), code


@intrinsic
def sleep(_typing, microseconds):  # type: ignore[no-untyped-def]
    """Leaves the processor to others for so long, by the system's usleep; changes nothing."""

    def code(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(INT32, [INT32])
        usleep = cgutils.get_or_insert_function(builder.module, kind, "usleep")
        builder.call(usleep, [builder.trunc(arguments[0], INT32)])
        return context.get_dummy_value()

    return procedure(microseconds), code
