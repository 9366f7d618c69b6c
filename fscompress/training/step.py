"""One optimiser step: eagerly, or recorded as a CUDA graph, which is one launch where the eager step is thousands.

Guarded by ``tests/training/test_step.py``.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fscompress.engine.cuda_queue import Queue
from fscompress.model.base import Masks, States
from fscompress.model.network import CellNetwork
from fscompress.training.in_place import copy

# (rows int64 [T + 1, B], states, masks) -> (loss in nats a byte, states after the window); the parameters have moved
Update = Callable[[Tensor, States, Masks], tuple[Tensor, States]]
Draw = Callable[[], Masks]
RECORDING = {"cuda"}  # types of devices on which a step is recorded


def can_record(model: nn.Module) -> bool:
    """Whether to record the steps of that network, where it is; PyTorch's own layers are few launches anyway."""
    return isinstance(model, CellNetwork) and model.device.type in RECORDING


def make_update(
    run: Callable[[Tensor, States, Masks], tuple[Tensor, States]],
    optimiser: torch.optim.Optimizer,
    clip: float,
    mask_gradients: Callable[[], None],
    rounded: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Update:
    """The step that ``run``'s windows are trained by: cross-entropy, the gradient's norm clipped, the optimiser.

    Inside ``rounded()`` the weights are those that losses and gradients are taken with.
    """
    parameters = [p for group in optimiser.param_groups for p in group["params"]]

    def update(rows: Tensor, states: States, masks: Masks) -> tuple[Tensor, States]:
        with rounded():
            logits, states = run(rows[:-1], states, masks)
            loss = cross_entropy(logits.flatten(0, 1), rows[1:].flatten())
            optimiser.zero_grad()
            loss.backward()
        mask_gradients()
        torch.nn.utils.clip_grad_norm_(parameters, clip)
        optimiser.step()
        return loss.detach(), states

    return update


class Step(Protocol):
    """A run's steps one after the other; ``states`` are those after the last one."""

    states: States

    def __call__(self, rows: Tensor, rate: float) -> float:
        """Trains on rows int64 [T + 1, B] of the CPU at that learning rate; gives a loss in nats a byte."""
        ...

    def wait(self) -> None:
        """Returns when all that was begun is done."""
        ...


class EagerStep:
    """Operation by operation; the loss is that of the step."""

    def __init__(self, update: Update, optimiser: torch.optim.Optimizer, states: States, draw: Draw) -> None:
        self._update, self._optimiser, self.states, self._draw = update, optimiser, states, draw
        self._device = states[0][0].device

    def __call__(self, rows: Tensor, rate: float) -> float:
        """See ``Step``."""
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        loss, self.states = self._update(rows.to(self._device), self.states, self._draw())
        return loss.item()

    def wait(self) -> None:
        """See ``Step``; nothing is ever under way."""


class RecordedStep:
    """A recorded step on a queue of its own, the next one launched before the last one's loss is awaited.

    So the loss is that of the step before, but for the first step.  Recording runs the step a few times; parameters
    and the optimiser's state are put back after.

    Args:
        update: moves the parameters of ``optimiser``, made to be recorded (``optimisers.make_optimiser``).
        states: before the first step; they are copied.
        shape: T + 1 and B of the rows.
    """

    def __init__(
        self, update: Update, optimiser: torch.optim.Optimizer, states: States, draw: Draw, shape: tuple[int, int]
    ) -> None:
        device = states[0][0].device
        pinned = device.type == "cuda"
        self._draw, self._optimiser, self._queue = draw, optimiser, Queue(device)
        self._rows = torch.zeros(shape, dtype=torch.int64, device=device)
        self._loss = torch.zeros((), device=device)
        # two of each: the step that is awaited, and the one that runs meanwhile
        self._host_rows = [torch.zeros(shape, dtype=torch.int64, pin_memory=pinned) for _ in range(2)]
        self._host_losses = [torch.zeros((), pin_memory=pinned) for _ in range(2)]
        self._ends: list[Callable[[], None]] = []  # of the last two steps
        if pinned:
            torch.cuda.synchronize(device)  # what the queue reads was made on another one
        with self._queue.use():
            self._masks = draw()
            self.states = tuple(tuple(member.clone() for member in state) for state in states)
        self._record(update)

    def _record(self, update: Update) -> None:
        def work() -> None:
            loss, states = update(self._rows, self.states, self._masks)
            self._loss.copy_(loss)
            copy([m for state in states for m in state], [m for state in self.states for m in state])

        with self._queue.use():  # in order with what it copies, and with what is put back
            before = _Snapshot(self._optimiser, self.states)
        self._replay = self._queue.record(work)
        with self._queue.use():
            before.put_back()

    def __call__(self, rows: Tensor, rate: float) -> float:
        """See ``Step``."""
        self._host_rows.reverse()
        self._host_losses.reverse()
        self._host_rows[0].copy_(rows)
        with self._queue.use():
            self._rows.copy_(self._host_rows[0], non_blocking=True)
            for group in self._optimiser.param_groups:
                group["lr"].fill_(rate)
            copy(self._draw().tensors(), self._masks.tensors())
            self._replay()
            self._host_losses[0].copy_(self._loss, non_blocking=True)
        self._ends = [self._queue.mark(), *self._ends[:1]]
        self._ends[-1]()
        return self._host_losses[len(self._ends) - 1].item()

    def wait(self) -> None:
        """See ``Step``."""
        self._queue.wait()


class _Snapshot:
    """Parameters, the optimiser's state and hidden states before a recording."""

    def __init__(self, optimiser: torch.optim.Optimizer, states: States) -> None:
        self._optimiser = optimiser
        self._tensors = [p for group in optimiser.param_groups for p in group["params"]]
        self._tensors += [member for state in states for member in state]
        self._tensors += self._moments()
        self._values = [tensor.detach().clone() for tensor in self._tensors]

    def _moments(self) -> list[Tensor]:
        return [value for state in self._optimiser.state.values() for value in state.values()]

    def put_back(self) -> None:
        """All as it was; state that the optimiser had not begun is zero."""
        known = {id(tensor) for tensor in self._tensors}
        with torch.no_grad():
            copy(self._values, self._tensors)
            for tensor in self._moments():
                if id(tensor) not in known:
                    tensor.zero_()
