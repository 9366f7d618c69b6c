"""Recurrent cells that a network is built from, one file a family.

In: preactivations ``a`` float [B, rows] (one product of the concatenated input and state) and the old state.
Out: the new state, a tuple of float [B, H] whose first member is the output ``h``.
A cell is a pure pointwise function plus its parameters, so that the training loop can compile it and its gradient.
Library of this folder: torch.  Guarded by ``tests/model/``.  Next: ``lstm.py``, then ``../network.py``.
"""

from fscompress.errors import RefusedError
from fscompress.model.cells.base import Cell, State
from fscompress.model.cells.fast import FastGRNNCell, FastRNNCell
from fscompress.model.cells.gru import GRUCell
from fscompress.model.cells.lstm import LSTMCell, PlainLSTMCell
from fscompress.model.cells.rnn import RNNCell

CELLS: dict[str, type[Cell]] = {
    "lstm": LSTMCell,
    "lstm-plain": PlainLSTMCell,
    "gru": GRUCell,
    "rnn": RNNCell,
    "fast-rnn": FastRNNCell,
    "fast-grnn": FastGRNNCell,
}


def cell_class(name: str) -> type[Cell]:
    """The cell class of that exact name; raises RefusedError that lists the valid names."""
    try:
        return CELLS[name]
    except KeyError:
        raise RefusedError(f"unknown cell '{name}' (known: {', '.join(CELLS)})") from None


__all__ = ["CELLS", "Cell", "LSTMCell", "State", "cell_class"]
