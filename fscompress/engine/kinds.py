"""The kinds of cells that integer models have, and what each has (docs/INTEGER.md, sections 2.2 and 4.1)."""

from dataclasses import dataclass

LSTM, LSTM_PLAIN, GRU, RNN, FAST_RNN, FAST_GRNN = "lstm", "lstm-plain", "gru", "rnn", "fast-rnn", "fast-grnn"


@dataclass(frozen=True)
class CellKind:
    """What cells of a kind have; a cell has H units.

    ``gates``: rows of its product, ``biases``: of its biases, both in units of H; ``members`` of its state: h, or h and
    c; ``norms``: layer normalisations; ``scalars`` in [0, 1].
    """

    gates: int
    biases: int
    members: int
    norms: int = 0
    scalars: int = 0


KINDS = {
    LSTM: CellKind(gates=4, biases=5, members=2, norms=5),  # f, i, o, g; and the cell
    LSTM_PLAIN: CellKind(gates=4, biases=4, members=2),  # f, i, o, g
    GRU: CellKind(gates=4, biases=4, members=1),  # r, z, W_n x, U_n h
    RNN: CellKind(gates=1, biases=1, members=1),
    FAST_RNN: CellKind(gates=1, biases=1, members=1, scalars=2),  # alpha, beta
    FAST_GRNN: CellKind(gates=1, biases=2, members=1, scalars=2),  # of z, h~; zeta, nu
}
