"""Shape of the float network: one frozen dataclass, checked once, passed down.  Imports nothing heavy."""

import math
from dataclasses import dataclass

from fscompress.errors import RefusedError
from fscompress.wiring import Wiring, fs_rnn, layers, sequential, stacked

VOCABULARY = 256  # V: one symbol a byte value
NATS_PER_BIT = math.log(2)  # losses of torch are in nats
FS_RNN, STACKED, SEQUENTIAL, TORCH_LSTM = ARCHITECTURES = ("fs-rnn", "stacked", "sequential", "torch-lstm")
CELL_NAMES = ("lstm", "lstm-plain", "gru", "rnn", "fast-rnn", "fast-grnn")  # the keys of ``cells.CELLS``, without torch
# candidates for the largest weight of a row that rounding keeps unclipped, as a share of the row's largest
CLIP_RATIOS = (*(0.7 + i * (1.0 - 0.7) / 12 for i in range(12)), 1.0)
SMOOTH, PIECEWISE = GATE_NAMES = ("smooth", "piecewise")  # of ``cells.base.GATES``
TORCH_CELL = "lstm-plain"  # what torch.nn.LSTM computes


@dataclass(frozen=True)
class ModelConfig:
    """Shape and regularisation of a network of recurrent cells (Mujika et al. 2017, sections 3 and 4.2, table 3).

    Sizes are numbers of units; ``dropout`` and the zoneouts are probabilities in [0, 1).  Only an ``fs-rnn`` has a
    slow cell: of the other architectures ``slow_size`` is 0, ``fast_size`` and ``n_fast`` are those of their layers.
    ``rank`` is that of each cell's matrix as a product of two factors; 0 means one matrix (Kusupati et al. 2018).
    ``gates`` are sigmoid and tanh themselves, or that paper's piecewise-linear ones.
    """

    fast_size: int  # F
    slow_size: int  # S
    n_fast: int  # k, the number of fast cells, at least 2
    embedding_size: int  # E
    dropout: float = 0.0  # on the non-recurrent connections
    zoneout_cell: float = 0.0
    zoneout_hidden: float = 0.0
    cell: str = "lstm"
    architecture: str = FS_RNN  # old checkpoints do not name it, nor what follows
    rank: int = 0
    gates: str = SMOOTH
    n_slow: int = 1  # levels of slow cells

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            known = ", ".join(ARCHITECTURES)
            raise RefusedError(f"model: unknown architecture '{self.architecture}' (known: {known})")
        sizes = ("fast_size", "slow_size", "embedding_size") if self.is_fs_rnn else ("fast_size", "embedding_size")
        for name in sizes:
            if getattr(self, name) < 1:
                raise RefusedError(f"model: {name} must be at least 1 (got {getattr(self, name)})")
        if self.gates not in GATE_NAMES:
            raise RefusedError(f"model: unknown gates '{self.gates}' (known: {', '.join(GATE_NAMES)})")
        if self.rank < 0:
            raise RefusedError(f"model: rank must not be negative (got {self.rank})")
        self._check_cells()
        for name in ("dropout", "zoneout_cell", "zoneout_hidden"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise RefusedError(f"model: {name} must be in [0, 1) (got {getattr(self, name)})")

    def _check_cells(self) -> None:
        if self.is_fs_rnn and self.n_fast < 2:
            raise RefusedError(f"model: an FS-RNN needs at least 2 fast cells (got {self.n_fast})")
        if self.n_fast < 1:
            raise RefusedError(f"model: a {self.architecture} needs at least 1 cell (got {self.n_fast})")
        if not self.is_fs_rnn and self.slow_size:
            raise RefusedError(f"model: a {self.architecture} has no slow cell (got slow_size {self.slow_size})")
        if self.n_slow < 1 or (self.n_slow > 1 and not self.is_fs_rnn):
            raise RefusedError(f"model: {self.n_slow} levels of slow cells do not go with a {self.architecture}")
        if self.architecture == TORCH_LSTM:
            if self.cell != TORCH_CELL:
                raise RefusedError(f"model: a {TORCH_LSTM} has cells of type {TORCH_CELL} only (got {self.cell})")
            if self.zoneout_cell or self.zoneout_hidden:
                raise RefusedError(f"model: a {TORCH_LSTM} has no zoneout")
            if self.rank or self.gates != SMOOTH:
                raise RefusedError(f"model: a {TORCH_LSTM} has no low rank and no other gates")

    @property
    def is_fs_rnn(self) -> bool:
        """Whether there is a slow cell."""
        return self.architecture == FS_RNN

    @property
    def wiring(self) -> Wiring:
        """Which cell reads and writes which state."""
        if self.is_fs_rnn:
            return fs_rnn(self.fast_size, self.slow_size, self.n_fast, self.n_slow)
        of_layers = {STACKED: stacked, SEQUENTIAL: sequential, TORCH_LSTM: layers}
        return of_layers[self.architecture](self.fast_size, self.n_fast)
