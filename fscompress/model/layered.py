"""The two architectures that the paper compares with (section 4.2, figure 2): a stack of cells, a sequence of cells."""

from fscompress.model.config import ModelConfig
from fscompress.model.network import CellNetwork, Place


class StackedRNN(CellNetwork):
    """Figure 2a, after Graves (2013): every layer has a state of its own, reads the byte, and is read out.

    h^1 = f_1(h^1, x); h^i = f_i(h^i, [x; h^(i-1)]); y = affine([h^1; ...; h^n]).
    """

    def __init__(self, config: ModelConfig) -> None:
        places = [Place(i, i - 1 if i else None, reads_byte=True) for i in range(config.n_fast)]
        super().__init__(config, [config.fast_size] * config.n_fast, places, range(config.n_fast))


class SequentialRNN(CellNetwork):
    """Figure 2b: the fast cells alone; n cells share one state, the first reads the byte, the last is read out.

    h^1 = f_1(h^n of the step before, x); h^i = f_i(h^(i-1)) without input; y = affine(h^n).
    """

    def __init__(self, config: ModelConfig) -> None:
        places = [Place(0, reads_byte=True)] + [Place(0)] * (config.n_fast - 1)
        super().__init__(config, [config.fast_size], places, [0])
