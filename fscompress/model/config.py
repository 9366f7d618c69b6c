"""Shape of the float network: one frozen dataclass, checked once, passed down.  Imports nothing heavy."""

from dataclasses import dataclass

from fscompress.errors import RefusedError

VOCABULARY = 256  # V: one symbol a byte value


@dataclass(frozen=True)
class ModelConfig:
    """Shape and regularisation of an FS-RNN (Mujika et al. 2017, section 3 and table 5).

    Sizes are numbers of units; ``dropout`` and the zoneouts are probabilities in [0, 1).
    """

    fast_size: int  # F
    slow_size: int  # S
    n_fast: int  # k, the number of fast cells, at least 2
    embedding_size: int  # E
    dropout: float = 0.0  # on the non-recurrent connections
    zoneout_cell: float = 0.0
    zoneout_hidden: float = 0.0
    cell: str = "lstm"

    def __post_init__(self) -> None:
        for name in ("fast_size", "slow_size", "embedding_size"):
            if getattr(self, name) < 1:
                raise RefusedError(f"model: {name} must be at least 1 (got {getattr(self, name)})")
        if self.n_fast < 2:
            raise RefusedError(f"model: an FS-RNN needs at least 2 fast cells (got {self.n_fast})")
        for name in ("dropout", "zoneout_cell", "zoneout_hidden"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise RefusedError(f"model: {name} must be in [0, 1) (got {getattr(self, name)})")
