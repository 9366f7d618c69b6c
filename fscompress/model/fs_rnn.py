"""The Fast-Slow RNN over bytes (Mujika et al. 2017, section 3): cells are passed in, so any cell fits."""

from fscompress.errors import RefusedError
from fscompress.model.config import ModelConfig
from fscompress.model.network import CellNetwork


class FSRNN(CellNetwork):
    """h^F1 = f_F1(h^Fk, x); h^S = f_S(h^S, h^F1); h^F2 = f_F2(h^F1, h^S); h^Fi = f_Fi(h^F(i-1)); y = affine(h^Fk).

    The cells are in order of computation: F1, S, F2, ..., Fk.
    """

    def __init__(self, config: ModelConfig) -> None:
        if not config.is_fs_rnn:
            raise RefusedError(f"model: this needs an FS-RNN (got {config.architecture})")
        super().__init__(config)
