"""A window of truncated back-propagation, whatever the network is: what the trainer and the evaluation call.

Networks of cells run through ``recurrence.py``, on a GPU through ``fused_lstm.py`` where they fit; others through their
own forward pass under autograd.
"""

from importlib.util import find_spec
from typing import Protocol

import torch
from torch import Tensor

from fscompress.model.base import ByteModel, Masks, States
from fscompress.model.network import CellNetwork
from fscompress.training.recurrence import Recurrence


class Window(Protocol):
    """Logits [T, B, 256] and detached new states for tokens int64 [T, B]; differentiable in the parameters."""

    @property
    def model(self) -> ByteModel:
        """The network; its parameters are read at each call."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """Type of the products."""
        ...

    def __call__(self, tokens: Tensor, states: States, masks: Masks) -> tuple[Tensor, States]:
        """Runs the window."""
        ...


class AutogradWindow:
    """The network's own forward pass; ``dtype`` through autocast, so layers of PyTorch keep their kernels."""

    def __init__(self, model: ByteModel, dtype: torch.dtype) -> None:
        self.model, self.dtype = model, dtype

    def __call__(self, tokens: Tensor, states: States, masks: Masks) -> tuple[Tensor, States]:
        """See ``Window``."""
        with torch.autocast(self.model.device.type, self.dtype, enabled=self.dtype != torch.float32):
            logits, new = self.model(tokens, states, masks)
        return logits.float(), tuple(tuple(member.detach().float() for member in state) for state in new)


def make_window(model: ByteModel, dtype: torch.dtype = torch.float32, compiled: bool = True) -> Window:
    """The fastest window that the network has on its device; ``compiled`` allows kernels that a compiler makes."""
    if compiled and model.device.type == "cuda" and find_spec("triton"):
        from fscompress.training.fused_lstm import FusedLSTM  # Triton is there where torch can use a GPU

        if FusedLSTM.fits(model):
            return FusedLSTM(model, dtype)
    return Recurrence(model, dtype, compiled) if isinstance(model, CellNetwork) else AutogradWindow(model, dtype)
