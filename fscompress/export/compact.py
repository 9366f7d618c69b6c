"""The matrices of a cell as a model file holds them: whole, sparse or as two factors, whatever takes the fewest bytes.

Sparse forms are for zeros that training has left, and for the blocks of zeros of a GRU; other networks keep theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fscompress.engine import arithmetic as q
from fscompress.engine.compact import FACTOR_SHIFT, FACTORS, multiply_factors, pack_sparse
from fscompress.export.quantise import F64, Rows, quantise_rows

Tensors = dict[str, npt.NDArray[np.generic]]
FACTOR_MAX = 127  # of both factors
ENTRY_BYTES = 80  # that a tensor takes in the header, about


@dataclass(frozen=True)
class Matrices:
    """Of one cell: ``rows`` by name, as a reader expands them, and the ``tensors`` of the file."""

    rows: Mapping[str, Rows]
    tensors: Tensors

    @property
    def n_bytes(self) -> int:
        """In the file."""
        return stored_size(self.tensors)


def stored_size(tensors: Tensors) -> int:
    """Bytes of these tensors in a model file, their part of its header included, about."""
    return sum(tensor.nbytes + ENTRY_BYTES for tensor in tensors.values())


def smallest(matrix: F64, factors: tuple[F64, F64] | None, columns: Mapping[str, int]) -> Matrices:
    """The form of the fewest bytes, the whole one first among equals.

    Args:
        matrix: float64 [rows, all columns].
        factors: float64 [rows, R] and [R, all columns], whose product it is, where it was trained so.
        columns: of ``input.weight``, where the cell reads the byte, and of ``weight``.
    """
    found = [_whole(matrix, columns)]
    if factors and factors[0].shape[1] <= q.MAX_SIZE:
        found.append(_low_rank(*factors, columns))
    return min(found, key=lambda matrices: matrices.n_bytes)


def _parts(matrix: F64, columns: Mapping[str, int]) -> dict[str, F64]:
    ends = np.cumsum(list(columns.values()))[:-1]
    return dict(zip(columns, np.split(matrix, ends, axis=1), strict=True))


def _whole(matrix: F64, columns: Mapping[str, int]) -> Matrices:
    rows, tensors = dict[str, Rows](), Tensors()
    for name, part in _parts(matrix, columns).items():
        rows[name] = quantise_rows(part)
        tensors |= _stored(name, rows[name].weight, part)
    return Matrices(rows, tensors)


def _low_rank(left: F64, right: F64, columns: Mapping[str, int]) -> Matrices:
    """Both factors in eight bits; the scales of the right one's rows go into the left one's columns.

    The expanded rows are scaled to seven bits as those of a whole matrix are, and the scale is taken as it then is.
    """
    by_row = quantise_rows(right, FACTOR_MAX)
    by_unit = quantise_rows(left * by_row.scale, FACTOR_MAX)
    rows, tensors = dict[str, Rows](), _stored("left", by_unit.weight, left) | _stored("right", by_row.weight, right)
    for name, part in _parts(by_row.weight.astype(np.float64), columns).items():
        ideal = quantise_rows(by_unit.weight.astype(np.float64) @ part).scale
        factor = np.clip(np.rint(2.0**FACTOR_SHIFT / ideal), 1, q.MULTIPLIER_MAX).astype(np.int32)
        weight = multiply_factors(by_unit.weight, part.astype(np.int8), factor)
        rows[name] = Rows(weight, by_unit.scale * 2.0**FACTOR_SHIFT / factor)
        tensors[FACTORS[name]] = factor
    return Matrices(rows, tensors)


def _stored(name: str, integers: npt.NDArray[np.int8], exact: F64) -> Tensors:
    """Sparse if the float matrix has zeros and that is smaller."""
    whole: Tensors = {name: integers}
    if exact.all():
        return whole
    mask, values = pack_sparse(integers)
    return min(whole, {name + ".mask": mask, name + ".values": values}, key=stored_size)
