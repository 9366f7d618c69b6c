"""docs/INTEGER.md, sections 4 to 6, on torch tensors of any device: what ``reference.py`` does, in the same order.

The cells are in ``cuda_cells.py``.

All values are int64 and all operations those of integers, but for one square root: a float64 estimate that integers
correct.  Nothing here waits for the device or moves data from it, so that a step can be captured as a CUDA graph.
Shapes: M rows (lanes, padded), H units.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from fscompress.engine import arithmetic as q
from fscompress.engine.cuda_products import ALIGNMENT

ROOT_BITS = 30  # bit length of the largest root of a layer normalisation (INTEGER.md, section 9)


Members = tuple[Tensor, ...]  # of a state: h (Q14), or h and c (Q16), int64 [M, H] each


class State(NamedTuple):
    """Of a group of cells; ``h8``: h as products read it, int8 [M, H and zeros]."""

    members: Members
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


def end_step(new: Members, old: State, keep: Sequence[int]) -> State:
    """The state from ``new`` members: zoneout at its expectation."""
    triples = zip(new, old.members, keep, strict=True)
    members = tuple(fresh + ((held - fresh) * k >> q.PROBABILITY_Q) for fresh, held, k in triples)
    return State(members, hidden8(members[0]))


def sum_tree(logits: Tensor, exp2: Tensor) -> Tensor:
    """Sum trees int32 [M, 512] of logits int64 [M, 256], level by level from the leaves."""
    below = logits.amax(1, keepdim=True) - logits
    weights = exp2[below & q.EXP2_SIZE - 1] >> (below >> q.LOGIT_Q).clamp(max=31)
    levels = [weights.clamp(min=1).int()]
    while levels[0].shape[1] > 1:
        levels.insert(0, levels[0][:, 0::2] + levels[0][:, 1::2])
    return torch.cat((torch.zeros_like(levels[0]), *levels), dim=1)
