"""docs/INTEGER.md, sections 4 to 6, on torch tensors of any device: what ``reference.py`` does, in the same order.

All values are int64 and all operations those of integers, but for one square root: a float64 estimate that integers
correct.  Nothing here waits for the device or moves data from it, so that a step can be captured as a CUDA graph.
Shapes: M rows (lanes, padded), H units.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from fscompress.engine import arithmetic as q
from fscompress.engine.cuda_products import ALIGNMENT
from fscompress.engine.spec import N_GATES

ROOT_BITS = 30  # bit length of the largest root of a layer normalisation (INTEGER.md, section 9)


class State(NamedTuple):
    """Of a group of cells: h (Q14) and c (Q16), int64 [M, H], and h as products read it, int8 [M, H and zeros]."""

    h: Tensor
    c: Tensor
    h8: Tensor


class Tables(NamedTuple):
    """``sigmoid``, ``tanh`` int64 [8192], ``exp2`` int64 [1024], ``powers`` int64 [30]: 2**0, 2**1, ..."""

    sigmoid: Tensor
    tanh: Tensor
    exp2: Tensor
    powers: Tensor


class Norm(NamedTuple):
    """Constants of layer normalisations, int64: ``epsilon`` [..., 1], ``gain`` (Q27) and ``bias`` (Q9) [..., H]."""

    epsilon: Tensor
    gain: Tensor
    bias: Tensor


def integer_root(v: Tensor) -> Tensor:
    """floor(sqrt(v)) for 0 <= v < 2**60: the estimate is off by one at most."""
    root = v.double().sqrt().long()
    root = root - (root * root > v).long()
    return root + ((root + 1) * (root + 1) <= v).long()


def layer_norm(x: Tensor, norm: Norm, powers: Tensor) -> Tensor:
    """Layer normalisation over the last axis of x int64 [..., H], |x| <= 2**24, into Q9."""
    size = x.shape[-1]
    d = x - x.sum(-1, keepdim=True) // size
    variance = (d * d).sum(-1, keepdim=True) // size + norm.epsilon
    root = integer_root(variance << q.NORM_ROOT_SHIFT)
    up = q.NORM_BITS - (root >= powers).sum(-1, keepdim=True)  # 21 - bit length
    left, right = up.clamp(min=0), (-up).clamp(min=0)
    reciprocal = (1 << q.NORM_RECIPROCAL) // (root << left >> right)
    n = (d << left >> right) * reciprocal >> q.PRODUCT_SHIFT
    return (n * norm.gain + (1 << 31) >> 32) + norm.bias


def table_index(y: Tensor) -> Tensor:
    """Where a Q9 argument stands in the tables of sigmoid and tanh, saturated."""
    return (y + q.TABLE_HALF).clamp(0, q.TABLE_SIZE - 1)


def hidden8(h: Tensor) -> Tensor:
    """h as products read it."""
    h8 = (h * q.HIDDEN_MAX + (1 << q.HIDDEN_Q - 1) >> q.HIDDEN_Q).to(torch.int8)
    missing = -h.shape[1] % ALIGNMENT
    return pad(h8, (0, missing)) if missing else h8


def lstm_step(x: Tensor, old: State, gates: Norm, cell: Norm, keep: tuple[int, int], tables: Tables) -> State:
    """One LSTM cell from x int64 [M, 4H]; ``gates`` are the norms of f, i, o, g [4, H], ``cell`` that of c [H]."""
    index = table_index(layer_norm(x.view(len(x), N_GATES, -1), gates, tables.powers))
    f, i, o = tables.sigmoid[index[:, :3]].unbind(1)
    c = f * old.c + 2 * i * tables.tanh[index[:, 3]] + (1 << 14) >> 15
    c = c.clamp(-q.X_MAX, q.X_MAX)
    h = o * tables.tanh[table_index(layer_norm(c, cell, tables.powers))] + (1 << 15) >> 16
    h = h + ((old.h - h) * keep[0] >> q.PROBABILITY_Q)
    c = c + ((old.c - c) * keep[1] >> q.PROBABILITY_Q)
    return State(h, c, hidden8(h))


def sum_tree(logits: Tensor, exp2: Tensor) -> Tensor:
    """Sum trees int32 [M, 512] of logits int64 [M, 256], level by level from the leaves."""
    below = logits.amax(1, keepdim=True) - logits
    weights = exp2[below & q.EXP2_SIZE - 1] >> (below >> q.LOGIT_Q).clamp(max=31)
    levels = [weights.clamp(min=1).int()]
    while levels[0].shape[1] > 1:
        levels.insert(0, levels[0][:, 0::2] + levels[0][:, 1::2])
    return torch.cat((torch.zeros_like(levels[0]), *levels), dim=1)
