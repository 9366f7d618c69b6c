"""The integer tensors of a cell from its float ones: its products, then what is particular to its kind.

Cells with layer normalisation carry as many fraction bits of x as fit; the others Q9, which the tables take, and have
the shift of their products for it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from fscompress.engine import arithmetic as q
from fscompress.engine import kinds
from fscompress.engine.kinds import KINDS
from fscompress.engine.spec import N_GATES
from fscompress.export.compact import Tensors, smallest
from fscompress.export.quantise import F64, fixed, fraction_bits, product_shift, to_multiplier
from fscompress.model.cells.base import LAYER_NORM_EPS
from fscompress.model.config import ModelConfig

GAIN_LIMIT, BIAS_LIMIT = (1 << 31) - 1, 1 << 20
HIDDEN_SCALE = 1.0 / q.HIDDEN_MAX
TORCH_GATES = (1, 0, 3, 2)  # f, i, o, g among torch's i, f, g, o


@dataclass(frozen=True)
class Embedding:
    """``values`` float64 [256, E] are integers of size 127 at most; ``unit`` is what one of them stands for."""

    values: F64
    unit: float


def quantise_embedding(matrix: F64) -> Embedding:
    """Eight bits, one scale."""
    unit = max(np.abs(matrix).max(), 1e-8) / q.EMBEDDING_MAX
    return Embedding(np.rint(matrix / unit), unit)


def cell_tensors(
    cell: Mapping[str, F64], config: ModelConfig, embedding: Embedding | None, width: int
) -> tuple[Tensors, int]:
    """A cell's tensors, and the shift of its products.

    Args:
        cell: the float parameters by name.
        embedding: that of the bytes where the cell reads them; its columns are the first.
        width: number of the other columns, in + H.
    Raises:
        ModelFileError: a bound cannot be met.
    """
    found = smallest(*_matrix_and_factors(cell, config), _columns(embedding, width))
    inner = found.rows["weight"]
    scales = [inner.scale * HIDDEN_SCALE]
    reaches = [np.abs(inner.weight.astype(np.float64)).sum(axis=1) * inner.scale]
    tensors = dict(found.tensors)
    if embedding is not None:
        outer = found.rows["input.weight"]
        scales.append(outer.scale * embedding.unit)
        reaches.append(np.abs(embedding.values @ outer.weight.astype(np.float64).T).max(axis=0) * scales[1])
    if KINDS[config.cell].norms:
        f, shift = fraction_bits(scales, reaches), q.PRODUCT_SHIFT
    else:
        f, shift = q.GATE_Q, product_shift(scales, reaches, q.GATE_Q)
    for name, of_product in zip(("multiplier", "input.multiplier"), scales, strict=False):
        tensors[name] = to_multiplier(of_product, f, shift)
    zoneout = np.array([config.zoneout_hidden, config.zoneout_cell])[: KINDS[config.cell].members]
    tensors["keep"] = fixed(zoneout, q.PROBABILITY_Q, 1 << q.PROBABILITY_Q)
    return tensors | _VECTORS[config.cell](cell, f), shift


def _columns(embedding: Embedding | None, width: int) -> dict[str, int]:
    read = {} if embedding is None else {"input.weight": embedding.values.shape[1]}
    return read | {"weight": width}


def _matrix_and_factors(cell: Mapping[str, F64], config: ModelConfig) -> tuple[F64, tuple[F64, F64] | None]:
    """What [x; h] is multiplied by, and the factors of it where it has low rank."""
    if not config.rank:
        return (_gru_matrix(cell["weight"]) if config.cell == kinds.GRU else cell["weight"]), None
    left, right = cell["left"], cell["right"]
    if config.cell == kinds.GRU:
        left, right = _gru_factors(left, right)
    return left @ right, (left, right)


def _gru_matrix(weight: F64) -> F64:
    """[W_r U_r; W_z U_z; W_n 0; 0 U_n], as ``GRUCell.matrix``."""
    gates, candidate = np.split(weight, [len(weight) // 3 * 2])
    return np.concatenate((gates, *_by_source(candidate, len(candidate))))


def _gru_factors(left: F64, right: F64) -> tuple[F64, F64]:
    """Those of ``_gru_matrix``, of twice the rank: W_n x and U_n h have a right factor each."""
    gates, candidate = np.split(left, [len(left) // 3 * 2])
    zero = np.zeros_like(candidate)
    parted = np.block([[gates, gates], [candidate, zero], [zero, candidate]])
    return parted, np.concatenate(_by_source(right, len(candidate)))


def _by_source(matrix: F64, size: int) -> tuple[F64, F64]:
    """What it multiplies of the inputs alone, and of the cell's own state alone."""
    by_input, by_state = matrix.copy(), matrix.copy()
    by_input[:, -size:], by_state[:, :-size] = 0.0, 0.0
    return by_input, by_state


def _bias(*rows: F64) -> Tensors:
    return {"bias": fixed(np.concatenate([np.atleast_2d(row) for row in rows]), q.GATE_Q, BIAS_LIMIT)}


def _scalars(*arguments: F64) -> Tensors:
    """From the arguments of sigmoids."""
    values = 1.0 / (1.0 + np.exp(-np.array(arguments, np.float64)))
    return {"scalars": fixed(values, q.PROBABILITY_Q, 1 << q.PROBABILITY_Q)}


def _lstm(cell: Mapping[str, F64], f: int) -> Tensors:
    """Layer-norm constants: gates carry f fraction bits, the cell carries CELL_Q."""
    gain = np.concatenate((cell["gate_gain"], cell["cell_gain"][None]))
    epsilon = [LAYER_NORM_EPS * 4.0**f] * N_GATES + [LAYER_NORM_EPS * 4.0**q.CELL_Q]
    return {
        "epsilon": np.maximum(np.rint(epsilon), 1).astype(np.int64),
        "gain": fixed(gain, q.GAIN_Q, GAIN_LIMIT),
        **_bias(cell["gate_bias"], cell["cell_bias"]),
    }


def _biased(cell: Mapping[str, F64], _f: int) -> Tensors:
    return _bias(cell["bias"])


def _fast_rnn(cell: Mapping[str, F64], _f: int) -> Tensors:
    return _bias(cell["bias"]) | _scalars(cell["alpha"], cell["beta"])


def _fast_grnn(cell: Mapping[str, F64], _f: int) -> Tensors:
    return _bias(cell["gate_bias"], cell["bias"]) | _scalars(cell["zeta"], cell["nu"])


_VECTORS: dict[str, Callable[[Mapping[str, F64], int], Tensors]] = {
    kinds.LSTM: _lstm,
    kinds.LSTM_PLAIN: _biased,
    kinds.GRU: _biased,
    kinds.RNN: _biased,
    kinds.FAST_RNN: _fast_rnn,
    kinds.FAST_GRNN: _fast_grnn,
}


def from_torch_lstm(weights: Mapping[str, F64], n_layers: int) -> dict[str, F64]:
    """The parameters of ``TorchLSTM`` by the names, and in the form, that a network of cells ``lstm-plain`` has."""

    def gates(array: F64) -> F64:
        by_gate = array.reshape(N_GATES, -1, *array.shape[1:])
        return by_gate[list(TORCH_GATES)]

    found = {name: value for name, value in weights.items() if not name.startswith("layers.")}
    for i in range(n_layers):
        w_input, w_state, b_input, b_state = (
            gates(weights[f"layers.{i}.{name}_l0"]) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        joint = np.concatenate((w_input, w_state), axis=2)
        found |= {f"cells.{i}.weight": joint.reshape(-1, joint.shape[2]), f"cells.{i}.bias": b_input + b_state}
    return found
