"""Learning rate and end of a run as functions of what has been done: a float in, a float out, no state of its own."""

import math
from dataclasses import dataclass

from fscompress.training.config import TrainConfig

WARM_UP_STEPS = 200  # or WARM_UP_SHARE of the run, whichever ends first
WARM_UP_SHARE = 0.05
PATIENCE_EPOCHS = 2
EARLY_STOP_EPOCHS = 2 * PATIENCE_EPOCHS  # a rate divided by ten has had its two epochs too, and has not helped
FINAL_TENTH = 0.9


@dataclass(frozen=True)
class Budget:
    """When a run ends: after ``steps`` optimiser steps or after ``seconds`` of wall time, whichever is set.

    A run bounded by steps is reproducible; one bounded by time anneals its rate by the clock, so that it ends well
    whatever the machine's speed.
    """

    steps: int | None = None
    seconds: float | None = None

    def progress(self, step: int, seconds: float) -> float:
        """Share of the run that is done, 0 to 1."""
        by_steps = step / self.steps if self.steps else 0.0
        by_time = seconds / self.seconds if self.seconds else 0.0
        return min(1.0, max(by_steps, by_time))


@dataclass
class Plateau:
    """Counts the divisions by ten that the paper's enwik8 schedule asks for; fed once an epoch."""

    best: float = math.inf
    since: int = 0  # epochs since the best or the last division
    divisions: int = 0
    stale: int = 0  # epochs since the best

    def update(self, bits_per_byte: float) -> None:
        """Takes the validation result of an epoch."""
        improved = bits_per_byte < self.best
        self.since, self.stale = (0, 0) if improved else (self.since + 1, self.stale + 1)
        self.best = min(self.best, bits_per_byte)
        if self.since >= PATIENCE_EPOCHS:
            self.divisions, self.since = self.divisions + 1, 0

    @property
    def exhausted(self) -> bool:
        """Early stopping: the best network is some epochs old, and a smaller rate has not bettered it."""
        return self.stale >= EARLY_STOP_EPOCHS


def learning_rate(config: TrainConfig, step: int, progress: float, plateau: Plateau) -> float:
    """The optimiser's rate for that step."""
    if config.schedule == "cosine":
        warm = min(1.0, max((step + 1) / WARM_UP_STEPS, progress / WARM_UP_SHARE))
        return config.rate * warm * 0.5 * (1.0 + math.cos(math.pi * progress))
    if config.schedule == "final-tenth":
        return config.rate * (0.1 if progress >= FINAL_TENTH else 1.0)
    return config.rate * 0.1**plateau.divisions
