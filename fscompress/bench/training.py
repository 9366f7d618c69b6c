"""Speed of the training loop: the fused recurrence against plain autograd; same model, batches and optimiser."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from fscompress.bench.sample import sample_text
from fscompress.corpora import open_corpus
from fscompress.training.config import preset
from fscompress.training.recurrence import Recurrence
from fscompress.training.schedule import Budget
from fscompress.training.trainer import Report, RunOptions, Trainer

WARM_UP_STEPS = 3  # kernels are compiled and caches filled
MIN_STEPS = 5
NEVER = 1_000_000_000


@dataclass(frozen=True)
class Speed:
    """Bytes of text that a loop learns from in a second, over ``steps`` optimiser steps."""

    loop: str
    bytes_per_second: float
    steps: int
    bpc: float  # of the last step: equal work gives about equal learning


class PlainLoop:
    """Stands in for ``Recurrence`` with what one would write first: the model's own forward pass under autograd."""

    def __init__(self, fused: Recurrence) -> None:
        self.model, self.dtype = fused.model, fused.dtype

    def __call__(self, tokens: Any, states: Any, masks: Any) -> Any:
        """Logits and detached new states, as ``Recurrence`` gives them."""
        logits, states = self.model(tokens, states, masks)
        return logits, tuple(tuple(member.detach() for member in state) for state in states)


def measure_training(preset_name: str, seconds: float, tell: Callable[[Speed], None]) -> list[Speed]:
    """Times both loops for about ``seconds`` each, warm-up excluded; ``tell`` gets each result when it is there.

    The products of both are float32; where the processor multiplies bfloat16 in hardware, the fused loop is timed with
    that as well, as ``train`` would run it.
    """
    results = []
    for loop, precision in (("plain autograd, float32", "fp32"), ("fused, float32", "fp32"), ("fused", "auto")):
        speed = _time_loop(loop, precision, preset_name, seconds)
        if speed:
            results.append(speed)
            tell(speed)
    return results


def _time_loop(loop: str, precision: str, preset_name: str, seconds: float) -> Speed | None:
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "sample.txt"
        text.write_bytes(sample_text())
        options = RunOptions(Path(folder), precision=precision, eval_every=NEVER)
        trainer = Trainer(preset(preset_name), open_corpus(str(text)), Budget(steps=NEVER), options, resume=False)
        if precision == "auto":
            if str(trainer.run.dtype) == "torch.float32":
                return None
            loop = f"{loop}, {str(trainer.run.dtype).removeprefix('torch.')}"
        if loop.startswith("plain"):
            trainer.run = cast(Recurrence, PlainLoop(trainer.run))
        reports: list[Report] = []
        trainer.fit(reports.append, lambda: _enough(reports, seconds))
    first, last = reports[WARM_UP_STEPS - 1], reports[-1]
    n_bytes = last.bytes_seen - first.bytes_seen
    return Speed(loop, n_bytes / (last.seconds - first.seconds), last.step - first.step, last.bpc)


def _enough(reports: list[Report], seconds: float) -> bool:
    if len(reports) < WARM_UP_STEPS + MIN_STEPS:
        return False
    return reports[-1].seconds - reports[WARM_UP_STEPS - 1].seconds >= seconds
