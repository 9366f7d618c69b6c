"""The two architectures that the paper compares with (section 4.2, figure 2): a stack of cells, a sequence of cells."""

from fscompress.model.network import CellNetwork


class StackedRNN(CellNetwork):
    """Figure 2a, after Graves (2013): every layer has a state of its own, reads the byte, and is read out.

    h^1 = f_1(h^1, x); h^i = f_i(h^i, [x; h^(i-1)]); y = affine([h^1; ...; h^n]).
    """


class SequentialRNN(CellNetwork):
    """Figure 2b: the fast cells alone; n cells share one state, the first reads the byte, the last is read out.

    h^1 = f_1(h^n of the step before, x); h^i = f_i(h^(i-1)) without input; y = affine(h^n).
    """
