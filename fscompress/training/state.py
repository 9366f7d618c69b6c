"""What a run is made of between two steps, as the tensors and the plain values of a resumable checkpoint."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from fscompress.model.base import ByteModel, States
from fscompress.training.checkpoint import Checkpoint
from fscompress.training.schedule import Plateau

# what an optimiser remembers of a parameter, and its prefix in a checkpoint
REMEMBERED = {
    "step": "adam.step",
    "exp_avg": "adam.exp_avg",
    "exp_avg_sq": "adam.exp_avg_sq",
    "momentum": "muon.momentum",
}


@dataclass
class RunState:
    """How far a run is: optimiser steps, wall time in seconds, and what validation has found, in bits per byte."""

    step: int = 0
    seconds: float = 0.0
    valid_bpc: float | None = None  # the last one
    best: float = math.inf
    validated_at: int = -1  # step of the last validation
    plateau: Plateau = field(default_factory=Plateau)

    def forget_validation(self) -> None:
        """The network has become another one, so no earlier result counts; the learning rate stays."""
        self.best, self.validated_at = math.inf, -1
        self.plateau = Plateau(divisions=self.plateau.divisions)

    def to_json(self) -> dict[str, Any]:
        """Plain values; JSON has no infinity, so a best that does not exist yet is None."""
        described = dataclasses.asdict(self)
        for values in (described, described["plateau"]):
            values["best"] = None if values["best"] == math.inf else values["best"]
        return described

    @classmethod
    def from_json(cls, described: dict[str, Any]) -> "RunState":
        """The state that ``to_json`` described; keys of other things in ``described`` are left alone."""
        known = {f.name: described[f.name] for f in dataclasses.fields(cls) if f.name in described}
        plateau = dict(known.pop("plateau"))
        for values in (known, plateau):
            values["best"] = math.inf if values["best"] is None else values["best"]
        return cls(**known, plateau=Plateau(**plateau))


def under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``tensors`` as a checkpoint has them beside others: on the CPU, the prefix before each name."""
    return {prefix + name: tensor.cpu() for name, tensor in tensors.items()}


def found_under(prefix: str, saved: Mapping[str, Tensor], parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What ``under`` made of tensors by the names of parameters, each of the shape and on the device of its parameter.

    Raises:
        ValueError: another shape.
    """
    return {
        name: _of_shape(saved, prefix + name, parameter.shape).to(parameter.device)
        for name, parameter in parameters.items()
        if prefix + name in saved
    }


def _of_shape(saved: Mapping[str, Tensor], name: str, shape: Sequence[int]) -> Tensor:
    if saved[name].shape != torch.Size(shape):
        raise ValueError(f"{name} has shape {list(saved[name].shape)}, expected {list(shape)}")
    return saved[name]


def run_tensors(
    model: ByteModel, optimiser: torch.optim.Optimizer, states: States, generator: torch.Generator
) -> dict[str, Tensor]:
    """``adam.*``, ``muon.*``, ``state.*`` and ``rng`` of a checkpoint; ``states`` [B, H] are those of all lanes."""
    tensors = {
        f"{prefix}.{name}": optimiser.state[parameter][key].detach().cpu()
        for name, parameter in model.named_parameters()
        for key, prefix in REMEMBERED.items()
        if key in optimiser.state[parameter]
    }
    for group, state in enumerate(states):
        tensors |= {f"state.{group}.{member}": value.cpu() for member, value in enumerate(state)}
    return tensors | {"rng": generator.get_state()}


def restore_run(
    saved: Checkpoint, model: ByteModel, optimiser: torch.optim.Optimizer, generator: torch.Generator, lanes: slice
) -> States:
    """Fills model, optimiser and generator from ``saved``; gives the states of ``lanes``, on the model's device.

    Raises:
        KeyError, TypeError, ValueError, RuntimeError: it lacks something, or a tensor is of another kind or shape.
    """
    model.load_state_dict(saved.weights())
    device = model.device
    for name, parameter in model.named_parameters():
        optimiser.state[parameter] = {
            # the step, a scalar, too: fused Adam wants it there
            key: _of_shape(saved.tensors, f"{prefix}.{name}", () if key == "step" else parameter.shape).to(device)
            for key, prefix in REMEMBERED.items()
            if f"{prefix}.{name}" in saved.tensors
        }
    rng = saved.tensors["rng"]
    if len(rng) == len(generator.get_state()):
        generator.set_state(rng)
    else:  # of another kind of device: masks that no run has seen, and none twice
        generator.manual_seed(generator.initial_seed() + saved.progress["step"])
    return tuple(
        tuple(
            _of_shape(saved.tensors, f"state.{group}.{member}", blank.shape)[lanes].to(device)
            for member, blank in enumerate(state)
        )
        for group, state in enumerate(model.initial_state(saved.training.batch))
    )
