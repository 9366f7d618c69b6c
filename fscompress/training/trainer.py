"""The training loop: windows of truncated back-propagation, Adam, a schedule, validation, checkpoints, exact resume.

A run lives in a folder: ``last.safetensors`` (resumable), ``best.safetensors`` (weights of the best validation
result) and ``metrics.jsonl``.  Resuming on the same machine gives the losses of an uninterrupted run, bit for bit.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fscompress.corpora import Batches, Corpus
from fscompress.corpora.source import joined
from fscompress.errors import CheckpointError, RefusedError
from fscompress.model.fs_rnn import FSRNN
from fscompress.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from fscompress.training.config import Preset
from fscompress.training.evaluation import bits_per_byte
from fscompress.training.recurrence import Recurrence
from fscompress.training.schedule import Budget, Plateau, learning_rate

LAST, BEST, METRICS = "last.safetensors", "best.safetensors", "metrics.jsonl"
BITS_PER_NAT = 1.4426950408889634


@dataclass(frozen=True)
class Report:
    """What is told after each step: ``bpc`` of that window, the last validation result, and progress from 0 to 1."""

    step: int
    bytes_seen: int
    bpc: float
    valid_bpc: float | None
    rate: float
    progress: float
    seconds: float


@dataclass(frozen=True)
class RunOptions:
    """Where and how a run executes; nothing here is part of the model.

    Args:
        out: folder of the run.
        device: ``cpu``, ``cuda``, or ``auto``.
        precision: of the products: ``fp32``, ``bf16``, or ``auto`` (bf16 where the processor has it in hardware).
        compiled: compile the cell kernels (needs a C++ compiler).
        eval_every: steps between validations; None: once an epoch or every 4 MB, whichever is less.
        eval_bytes: validation bytes used during training, from the beginning of the held-out part.
        save_seconds: wall time between checkpoints.
    """

    out: Path
    device: str = "auto"
    precision: str = "auto"
    compiled: bool = True
    eval_every: int | None = None
    eval_bytes: int = 350_000
    save_seconds: float = 120.0


def pick_device(name: str) -> torch.device:
    """``auto`` is CUDA where there is one, else the CPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise RefusedError("--device cuda: this machine has no CUDA device")
    return torch.device(name)


def pick_precision(name: str, device: torch.device) -> torch.dtype:
    """``auto`` is bfloat16 on CUDA and on processors with AVX512-BF16 or AMX, else float32."""
    if name != "auto":
        return {"fp32": torch.float32, "bf16": torch.bfloat16}[name]
    if device.type == "cuda":
        return torch.bfloat16
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text() if cpuinfo.exists() else ""
    return torch.bfloat16 if "avx512_bf16" in flags or "amx_bf16" in flags else torch.float32


class Trainer:
    """One run; ``step`` is the number of optimiser steps done.

    Raises CheckpointError if ``resume`` and the folder's checkpoint does not fit the preset.
    """

    def __init__(
        self, preset: Preset, corpus: Corpus, budget: Budget, options: RunOptions, resume: bool = False
    ) -> None:
        self.preset, self.corpus, self.options, self.budget = preset, corpus, options, budget
        config = preset.training
        self.device = pick_device(options.device)
        torch.manual_seed(config.seed)
        self.model = FSRNN(preset.model).to(self.device)
        self.generator = torch.Generator(self.device).manual_seed(config.seed)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=config.rate, fused=True)
        self.run = Recurrence(self.model, pick_precision(options.precision, self.device), options.compiled)
        self.batches = Batches(corpus, config.batch, config.window, config.seed)
        self.states = self.model.initial_state(config.batch)
        self.valid = joined(corpus.valid)[: options.eval_bytes]
        self.plateau = Plateau()
        self.step, self.seconds = 0, 0.0
        self.valid_bpc: float | None = None
        self.best = float("inf")
        if resume:
            self._restore(read_checkpoint(options.out / LAST))
        self._epoch_steps = max(1, corpus.n_train // config.bytes_per_step)
        default_every = min(self._epoch_steps, max(1, 4_000_000 // config.bytes_per_step))
        if config.schedule == "plateau":
            default_every = self._epoch_steps
        self._eval_every = options.eval_every or default_every

    @property
    def bytes_seen(self) -> int:
        """Bytes predicted so far."""
        return self.step * self.preset.training.bytes_per_step

    def progress(self) -> float:
        """Share of the budget that is spent."""
        return self.budget.progress(self.step, self.seconds)

    def fit(self, tell: Callable[[Report], None], stopped: Callable[[], bool]) -> None:
        """Trains until the budget is spent or ``stopped()``; the folder then holds the final state."""
        saved = self.seconds
        self.model.train()
        while self.progress() < 1.0 and not stopped():
            began = time.monotonic()
            bpc, rate = self._train_step()
            if self.step % self._eval_every == 0:
                self._validate()
            self.seconds += time.monotonic() - began
            report = Report(
                self.step, self.bytes_seen, bpc, self.valid_bpc, rate, self.progress(), round(self.seconds, 3)
            )
            if self.step % 50 == 0 or self.step == 1:
                self._log(report)
            tell(report)
            if self.seconds - saved >= self.options.save_seconds:
                self.save()
                saved = self.seconds
        if self.progress() >= 1.0:
            self._validate()
        self.save()

    def _train_step(self) -> tuple[float, float]:
        config = self.preset.training
        rows = torch.from_numpy(next(self.batches).astype(np.int64)).to(self.device)
        rate = learning_rate(config, self.step, self.progress(), self.plateau)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        masks = self.model.draw_masks(config.window, config.batch, self.generator)
        logits, self.states = self.run(rows[:-1], self.states, masks)
        loss = cross_entropy(logits.flatten(0, 1), rows[1:].flatten())
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.clip)
        self.optimiser.step()
        self.step += 1
        return loss.item() * BITS_PER_NAT, rate

    def _validate(self) -> None:
        self.valid_bpc = bits_per_byte(self.run, self.valid, self.preset.training.batch)
        if self.step % self._epoch_steps == 0:
            self.plateau.update(self.valid_bpc)
        if self.valid_bpc < self.best:
            self.best = self.valid_bpc
            write_checkpoint(self.options.out / BEST, self._checkpoint(resumable=False))

    def _log(self, report: Report) -> None:
        self.options.out.mkdir(parents=True, exist_ok=True)
        with (self.options.out / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(vars(report)) + "\n")

    def save(self) -> None:
        """Writes the resumable checkpoint."""
        write_checkpoint(self.options.out / LAST, self._checkpoint(resumable=True))

    def _checkpoint(self, resumable: bool) -> Checkpoint:
        tensors = {f"model.{name}": p.detach().cpu() for name, p in self.model.named_parameters()}
        if resumable:
            tensors |= self._run_tensors()
        progress: dict[str, Any] = {
            "step": self.step,
            "seconds": self.seconds,
            "valid_bpc": self.valid_bpc,
            "best": self.best if self.best < float("inf") else None,
            "plateau": vars(self.plateau) | {"best": None if self.plateau.best == float("inf") else self.plateau.best},
            "corpus": self.corpus.name,
            "n_train": self.corpus.n_train,
            "precision": str(self.run.dtype),
        }
        return Checkpoint(self.preset.model, self.preset.training, progress, tensors)

    def _run_tensors(self) -> dict[str, Tensor]:
        names = dict(enumerate(name for name, _ in self.model.named_parameters()))
        tensors = {
            f"adam.{key}.{names[index]}": value.detach().cpu()
            for index, slot in self.optimiser.state_dict()["state"].items()
            for key, value in slot.items()
        }
        for group, state in enumerate(self.states):
            tensors |= {f"state.{group}.{member}": value.cpu() for member, value in enumerate(state)}
        return tensors | {"rng": self.generator.get_state()}

    def initialise(self, weights: dict[str, Tensor]) -> None:
        """Starts from these weights, by parameter name; raises CheckpointError if they are of another shape."""
        try:
            self.model.load_state_dict(weights)
        except RuntimeError as error:
            raise CheckpointError("initial weights are of a network of another shape") from error

    def _restore(self, saved: Checkpoint) -> None:
        if saved.model != self.preset.model or saved.training != self.preset.training:
            raise CheckpointError(f"{self.options.out}: its checkpoint is of another preset or other settings")
        if saved.progress["n_train"] != self.corpus.n_train:
            raise CheckpointError(f"{self.options.out}: its checkpoint saw another corpus (training bytes differ)")
        self.model.load_state_dict(saved.weights())
        parameters = dict(self.model.named_parameters())
        for name, parameter in parameters.items():
            self.optimiser.state[parameter] = {
                key: saved.tensors[f"adam.{key}.{name}"].to("cpu" if key == "step" else self.device)
                for key in ("step", "exp_avg", "exp_avg_sq")
                if f"adam.{key}.{name}" in saved.tensors
            }
        n = self.model.cell(0).n_states
        fast, slow = (tuple(saved.tensors[f"state.{g}.{m}"].to(self.device) for m in range(n)) for g in (0, 1))
        self.states = (fast, slow)
        self.generator.set_state(saved.tensors["rng"])
        self.step, self.seconds = saved.progress["step"], saved.progress["seconds"]
        self.valid_bpc, best = saved.progress["valid_bpc"], saved.progress["best"]
        self.best = float("inf") if best is None else best
        plateau = saved.progress["plateau"]
        self.plateau = Plateau(**plateau | {"best": float("inf") if plateau["best"] is None else plateau["best"]})
        self.batches.skip(self.step)
