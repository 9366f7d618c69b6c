"""The mean of the weights over the last steps of a run, which generalises better than the weights of any one step.

At a constant rate the weights circle around a place that is better than each of them, and their mean is near it
(Polyak and Juditsky 1992; for networks Izmailov et al. 2018, "Averaging weights leads to wider optima").  Training
does not see it: what is validated and kept as the best is the mean, what goes on are the weights.
Guarded by ``tests/training/test_averaging.py``.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from fscompress.training.in_place import replaced
from fscompress.training.state import found_under, under

EVERY = 16  # steps from one sample to the next
PREFIX = "average."


class WeightAverage:
    """The mean of all samples until there are ``steps / 16`` of them, then an exponential one of that time constant.

    Args:
        model: whose parameters are sampled.
        steps: optimiser steps that the mean reaches back, 32 or more; 0: no mean, and every method does nothing.
    """

    def __init__(self, model: nn.Module, steps: int) -> None:
        self._parameters = dict(model.named_parameters())
        self._most = steps // EVERY
        self._means: dict[str, Tensor] = {}

    def due(self, step: int) -> bool:
        """Whether the weights after that step, from 1 on, are a sample."""
        return bool(self._most) and step % EVERY == 0

    @torch.no_grad()
    def sample(self, step: int) -> None:
        """Takes the present weights in; ``step`` is one that is ``due``."""
        if not self._means:
            self._means = {name: parameter.detach().clone() for name, parameter in self._parameters.items()}
        share = 1.0 / min(step // EVERY, self._most)
        for name, mean in self._means.items():
            mean.lerp_(self._parameters[name], share)
        self._finish()

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The model has the mean as its weights, where there is one; its own come back after."""
        with replaced([self._parameters[name] for name in self._means], list(self._means.values())):
            yield
        self._finish()

    def _finish(self) -> None:
        """Recorded steps are on a queue of their own, and the next one must not begin before."""
        if any(parameter.is_cuda for parameter in self._parameters.values()):
            torch.cuda.synchronize()

    def tensors(self) -> dict[str, Tensor]:
        """``average.*`` of a checkpoint; nothing before the first sample."""
        return under(PREFIX, self._means)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """The mean that ``tensors`` of a checkpoint holds."""
        self._means = found_under(PREFIX, tensors, self._parameters)
