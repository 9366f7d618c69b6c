"""How far the outputs of a float network go, where nothing bounds them: what the scale of their integers must cover."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from fscompress.engine.kinds import KINDS
from fscompress.export.quantise import F64
from fscompress.model.base import States
from fscompress.model.build import build_model
from fscompress.model.config import ModelConfig

LANES, STEPS = 32, 256  # of text that the network itself makes up after the primer
SEED = 2017


def hidden_shifts(weights: Mapping[str, F64], config: ModelConfig, primer: bytes) -> tuple[int, ...]:
    """Of each group the least s for which its h stays in [-2**s, 2**s], as far as the kind of cell allows.

    The float network reads the primer, then goes on from there with bytes drawn from its own predictions.

    Args:
        weights: as in ``export_model``.
    """
    allowed, n_groups = KINDS[config.cell].hidden_shifts, len(config.wiring.sizes)
    if len(allowed) == 1:
        return (allowed.start,) * n_groups
    model = build_model(config)
    model.load_state_dict({name: torch.from_numpy(weight).float() for name, weight in weights.items()})
    model.eval()
    largest = torch.ones(n_groups)
    generator, states = torch.Generator().manual_seed(SEED), model.initial_state(1)
    with torch.no_grad():
        for symbol in primer:
            logits, states = model(torch.tensor([[symbol]]), states)
            largest = torch.maximum(largest, _reach(states))
        states = tuple(tuple(member.repeat(LANES, 1) for member in state) for state in states)
        logits = logits.repeat(1, LANES, 1)
        for _ in range(STEPS):
            logits, states = model(torch.multinomial(logits[0].softmax(-1), 1, generator=generator).T, states)
            largest = torch.maximum(largest, _reach(states))
    return tuple(min(math.ceil(math.log2(size)), allowed[-1]) for size in largest.tolist())


def _reach(states: States) -> Tensor:
    """The largest |h| of each group, float [groups]."""
    return torch.stack([state[0].abs().max() for state in states])
