"""Compact cells (docs/INTEGER.md, section 2.3) that every reader must refuse; called by ``make_recurrent.py``."""

from typing import Any

import numpy as np

from fscompress.engine.compact import pack_sparse
from fscompress.engine.model_file import write_model
from fscompress.engine.model_form import RECURRENT, WIRING

SIZE, RANK = 9, 2  # units of one FastGRNN cell, which reads one embedded value
MASK, VALUES = "cell.0.weight.mask", "cell.0.weight.values"
LEFT, RIGHT, FACTOR, INPUT_FACTOR = (f"cell.0.{name}" for name in ("left", "right", "factor", "input.factor"))
LARGE, CELLS = 4096, 64  # units and cells whose weights are 2^30, without those that read the byte

Tensors = dict[str, Any]


def without(tensors: Tensors, *names: str) -> Tensors:
    """The others."""
    return {name: tensor for name, tensor in tensors.items() if name not in names}


def sparse(good: Tensors) -> Tensors:
    """The weight as a mask and values."""
    mask, values = pack_sparse(np.eye(SIZE, dtype=np.int8) * 7)
    return without(good, "cell.0.weight") | {MASK: mask, VALUES: values}


def low_rank(good: Tensors, size: int = SIZE, rank: int = RANK) -> Tensors:
    """Both weights as two factors."""
    return without(good, "cell.0.weight", "cell.0.input.weight") | {
        LEFT: np.full((size, rank), 7, np.int8),
        RIGHT: np.full((rank, 1 + size), 9, np.int8),
        FACTOR: np.full(size, 1 << 28, np.int32),
        INPUT_FACTOR: np.full(size, 1 << 28, np.int32),
    }


def too_many_weights(large: Tensors) -> Tensors:
    """``large`` of rank one, its cell as often as there may be cells."""
    tensors = low_rank(large, LARGE, 1)
    cell = {name: tensor for name, tensor in tensors.items() if name.startswith("cell.0.")}
    for i in range(1, CELLS):
        later = without(cell, INPUT_FACTOR, "cell.0.input.multiplier") | {RIGHT: cell[RIGHT][:, 1:]}
        tensors |= {name.replace("cell.0.", f"cell.{i}."): tensor for name, tensor in later.items()}
    places = [[0, -1, int(i == 0), 30] for i in range(CELLS)]
    return tensors | {next(iter(WIRING)): np.array(places, np.int32)}


def rejected_compact(good: Tensors, large: Tensors, metadata: dict[str, str]) -> list[tuple[str, bytes, str]]:
    """Name, which begins with the rule's code, bytes and reason.

    Args:
        good: tensors of a model of one FastGRNN cell of ``SIZE`` units that every reader accepts.
        large: the same of ``LARGE`` units.
    """
    few, factors = sparse(good), low_rank(good)
    beyond, zero, eight = few[MASK].copy(), few[VALUES].copy(), few[VALUES].copy()
    beyond[0, 1] |= 1  # the last of the seven bits behind nine columns
    beyond[0, 0] = 0  # so that there are as many places as before
    zero[3], eight[3] = 0, 64
    weight, wide = {"cell.0.weight": good["cell.0.weight"]}, low_rank(good, SIZE, LARGE + 1)
    models = [
        ("m06-no-values", without(few, VALUES), "a mask without values"),
        ("m06-no-right", without(factors, RIGHT), "a factor is missing"),
        ("m06-no-input-factor", without(factors, INPUT_FACTOR), "no scale of the product that the byte makes"),
        ("m07-weight-and-mask", few | weight, "a weight both whole and sparse"),
        ("m07-weight-and-factors", factors | weight, "a weight both whole and of low rank"),
        ("m07-left", good | {LEFT: factors[LEFT]}, "a factor of a cell without low rank"),
        ("m08-mask", few | {MASK: few[MASK].astype(np.int8)}, "a mask with signs"),
        ("m08-values", few | {VALUES: few[VALUES].astype(np.int16)}, "values of 16 bits"),
        ("m09-mask", few | {MASK: few[MASK][:, :1]}, "a mask of too few columns"),
        ("m09-values", few | {VALUES: few[VALUES][:-1]}, "a place without a value"),
        ("m09-left", factors | {LEFT: factors[LEFT][:, :1]}, "factors of different rank"),
        ("m09-right", factors | {RIGHT: factors[RIGHT][:, 1:]}, "a factor without a column for the byte"),
        ("m09-factor", factors | {FACTOR: factors[FACTOR][1:]}, "a row without a scale"),
        ("m09-rank-0", low_rank(good, SIZE, 0), "factors of rank 0"),
        ("m09-rank-4097", wide, "a rank above 4096"),
        ("m09-weights", too_many_weights(large), "more than 2^30 weights in a short file"),
        ("m10-mask", few | {MASK: beyond}, "a place behind the last column"),
        ("m10-no-value", few | {VALUES: zero}, "a zero among the values"),
        ("m10-value", few | {VALUES: eight}, "a value beyond seven bits"),
        ("m10-factor", factors | {FACTOR: factors[FACTOR] * 0}, "a scale of zero"),
    ]
    return [(name, write_model(tensors, metadata, RECURRENT), reason) for name, tensors, reason in models]
