"""Compact matrices of model scheme 2 (docs/INTEGER.md, section 2.3): sparse ones, and products of two factors.

Cells may be kept so in a model file.  They are expanded when it is read, so that engines see dense matrices alone.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fscompress.engine import arithmetic as q
from fscompress.engine.model_rules import ModelRule, broken_model
from fscompress.engine.spec import I8, I32, check_array, check_shape, int8_products

Dtypes = dict[str, type[np.generic]]
Tensors = Mapping[str, Any]

FACTORS = {"input.weight": "input.factor", "weight": "factor"}  # of a cell's matrices; the order is that of columns
FACTOR_SHIFT = 32


def stored_dtypes(whole: Dtypes, tensors: Tensors) -> Dtypes:
    """Names and types that a file with ``tensors`` must have in place of ``whole``: cells may be compact in it."""
    found: Dtypes = {}
    for name, dtype in whole.items():
        prefix, part = _split(name)
        if part not in FACTORS:
            found[name] = dtype
        elif _has_low_rank(tensors, prefix):
            found[prefix + FACTORS[part]] = np.int32
            found |= _matrix_dtypes(tensors, prefix + "left") | _matrix_dtypes(tensors, prefix + "right")
        else:
            found |= _matrix_dtypes(tensors, name)
    return found


def _split(name: str) -> tuple[str, str]:
    """``cell.I.`` and the rest of a tensor's name; nothing and the name for one of no cell."""
    words = name.split(".", 2)
    return (f"cell.{words[1]}.", words[2]) if words[0] == "cell" else ("", name)


def _has_low_rank(tensors: Tensors, prefix: str) -> bool:
    """Whether the cell of that prefix is kept as two factors."""
    return prefix + "factor" in tensors


def _matrix_dtypes(tensors: Tensors, name: str) -> Dtypes:
    if name + ".mask" in tensors:
        return {name + ".mask": np.uint8, name + ".values": np.int8}
    return {name: np.int8}


def expand_cell(tensors: Tensors, prefix: str, rows: int, columns: Mapping[str, int]) -> dict[str, I8]:
    """The dense matrices of one cell, int8 [rows, columns of each], by their names.

    Args:
        tensors: of the types of ``stored_dtypes``.
        columns: of ``input.weight``, where the cell has it, then of ``weight``.
    Raises:
        ModelFileError: a shape or a value is not allowed.
    """
    if not _has_low_rank(tensors, prefix):
        return {prefix + part: _matrix(tensors, prefix + part, (rows, width)) for part, width in columns.items()}
    rank = _rank(tensors, prefix + "right")
    left = _matrix(tensors, prefix + "left", (rows, rank))
    right = _matrix(tensors, prefix + "right", (rank, sum(columns.values())))
    found, start = dict[str, I8](), 0
    for part, width in columns.items():
        factor = tensors[prefix + FACTORS[part]]
        check_array(prefix + FACTORS[part], factor, (rows,), 1, q.MULTIPLIER_MAX)
        found[prefix + part] = multiply_factors(left, right[:, start : start + width], factor)
        start += width
    return found


def multiply_factors(left: I8, right: I8, factor: I32) -> I8:
    """``clip((left @ right * factor + 2^31) >> 32, -63, 63)``, int8 [N, K].

    Args:
        left: int8 [N, R]; right: int8 [R, K]; factor: int32 [N], 1..2^31 - 1; R <= 4096.
    """
    found, half = np.empty((len(left), right.shape[1]), np.int8), 1 << FACTOR_SHIFT - 1
    for rows, sums in int8_products(left, right):
        scaled = sums * factor[rows, None].astype(np.int64) + half >> FACTOR_SHIFT  # below 2^26 * 2^31 = 2^57
        found[rows] = np.clip(scaled, -q.WEIGHT_MAX, q.WEIGHT_MAX)
    return found


def pack_sparse(matrix: I8) -> tuple[npt.NDArray[np.uint8], I8]:
    """A bit for each place, by rows, and the values that are not 0: what ``unpack_sparse`` takes."""
    return np.packbits(matrix != 0, axis=1), matrix[matrix != 0]


def unpack_sparse(name: str, mask: npt.NDArray[np.uint8], values: I8, shape: tuple[int, int]) -> I8:
    """The matrix int8 of ``shape`` that has ``values`` int8 [n] where ``mask`` uint8 [rows, ceil(columns / 8)] has a 1.

    Raises:
        ModelFileError: another shape, another number of ones than of values, a 1 behind a row's last column, a value 0.
    """
    rows, columns = shape
    check_shape(name + ".mask", mask, (rows, -(-columns // 8)))
    bits = np.unpackbits(mask, axis=1).astype(bool)
    if bits[:, columns:].any():
        raise broken_model(ModelRule.VALUE, f"{name}.mask has a place beyond its {columns} columns")
    check_shape(name + ".values", values, (int(bits.sum()),))
    if not values.all():
        raise broken_model(ModelRule.VALUE, f"{name}.values has a 0")
    matrix = np.zeros(shape, np.int8)
    matrix[bits[:, :columns]] = values
    return matrix


def _rank(tensors: Tensors, name: str) -> int:
    """R: the rows of the right factor."""
    stored = tensors[name if name in tensors else name + ".mask"]
    rank = len(stored) if stored.ndim else 0
    if not 1 <= rank <= q.MAX_SIZE:
        raise broken_model(ModelRule.SHAPE, f"{name} has {rank} rows, expected 1..{q.MAX_SIZE}")
    return rank


def _matrix(tensors: Tensors, name: str, shape: tuple[int, int]) -> I8:
    if name in tensors:
        matrix: I8 = tensors[name]
        check_shape(name, matrix, shape)
        return matrix
    return unpack_sparse(name, tensors[name + ".mask"], tensors[name + ".values"], shape)
