"""Tensors that take other values where they are, so that whatever holds them sees these: optimisers, CUDA graphs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor


@torch.no_grad()
def copy(values: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
    """Each target takes the value of its place."""
    for value, target in zip(values, targets, strict=True):
        target.copy_(value)


@contextmanager
def replaced(parameters: Sequence[Tensor], values: Sequence[Tensor]) -> Iterator[None]:
    """Inside, the parameters have these values; their own come back after."""
    own = [parameter.detach().clone() for parameter in parameters]
    copy(values, parameters)
    try:
        yield
    finally:
        copy(own, parameters)
