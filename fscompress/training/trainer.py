"""The training loop: windows of truncated back-propagation, a schedule, validation, checkpoints, exact resume.

A run lives in a folder: ``last.safetensors`` (resumable), ``best.safetensors`` (weights of the best validation
result) and ``metrics.jsonl``.  Resuming on the same machine gives the weights of an uninterrupted run, bit for bit, if
it is bounded by steps: one bounded by time goes by the clock.  Several processes may share a run (``distributed.py``):
all of them construct and call a ``Trainer`` alike.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fscompress.corpora import ORDER, Batches, Corpus
from fscompress.corpora.source import beginnings, digest
from fscompress.errors import CheckpointError, CorpusError, RefusedError
from fscompress.model.base import Masks
from fscompress.model.build import build_model
from fscompress.model.config import NATS_PER_BIT
from fscompress.training.averaging import WeightAverage
from fscompress.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from fscompress.training.config import Preset
from fscompress.training.device import pick_device, pick_precision
from fscompress.training.distributed import ALONE, World, slice_masks
from fscompress.training.evaluation import WINDOW
from fscompress.training.metrics import Report, append_metrics, forget_metrics_after
from fscompress.training.optimisers import make_optimiser
from fscompress.training.rounding import WeightRounding
from fscompress.training.schedule import Budget, learning_rate
from fscompress.training.sparsity import Sparsity
from fscompress.training.state import RunState, restore_run, run_tensors
from fscompress.training.step import EagerStep, RecordedStep, Step, can_record, make_update
from fscompress.training.window import make_window

LAST, BEST = "last.safetensors", "best.safetensors"
REPORT_EVERY = 50  # steps between lines of the metrics
EVAL_BYTES = 350_000
EVAL_EVERY = {"cpu": 4_000_000, "cuda": 64_000_000}  # bytes of training between validations
PAPER_EVAL_BYTES = 5_000_000  # the whole of the validation part of enwik8, and of PTB


@dataclass(frozen=True)
class RunOptions:
    """Where and how a run executes; nothing here is part of the model.

    Args:
        out: folder of the run.
        device: ``cpu``, ``cuda``, or ``auto``.
        precision: of the products: ``fp32``, ``bf16``, or ``auto`` (bf16 where the processor has it in hardware; of a
            run that is resumed, what it had).
        compiled: compile the cell kernels (needs a C++ compiler; on CUDA Triton, where the network has its kernels).
        eval_every: steps between validations; None: once an epoch or every 4 MB (CUDA: 64 MB), whichever is less.  The
            schedule ``plateau`` validates at the end of each epoch in any case, and without a number only there.
        eval_bytes: validation bytes used during training, the beginning of each held-out part by its length; None:
            350,000, with the paper's schedules 5,000,000.
        save_seconds: wall time between checkpoints.
    """

    out: Path
    device: str = "auto"
    precision: str = "auto"
    compiled: bool = True
    eval_every: int | None = None
    eval_bytes: int | None = None
    save_seconds: float = 120.0


class Trainer:
    """One run, or one process's part of it; ``state`` says how far it is.

    Args:
        preset: model shape and training settings; its batch is that of all processes together.
        corpus: what is read.
        budget: when the run ends.
        options: where and how it executes.
        resume: go on from the folder's last checkpoint; the number of processes may differ from then.
        world: this process among those that share the run.
    Raises:
        RefusedError: the device is missing, or the batch cannot be divided among the processes.
        CorpusError: less text than one window of every lane, or than one to validate on.
        CheckpointError: nothing to resume, or it is of another preset or corpus: other groups, weights, sizes or
            validation bytes, or their order is of an older version.
    """

    def __init__(
        self,
        preset: Preset,
        corpus: Corpus,
        budget: Budget,
        options: RunOptions,
        resume: bool = False,
        world: World = ALONE,
    ) -> None:
        self.preset, self.corpus, self.options, self.budget, self.world = preset, corpus, options, budget, world
        config = preset.training
        saved = read_checkpoint(options.out / LAST) if resume else None
        self._lanes = world.lanes(config.batch)
        self.device = pick_device(options.device, world.local_rank)
        torch.manual_seed(config.seed)
        self.model = build_model(preset.model).to(self.device)
        self.generator = torch.Generator(self.device).manual_seed(config.seed)
        # not where processes exchange gradients or supports change
        self._recorded = can_record(self.model) and world.size == 1 and not config.sparsity
        dtype = pick_precision(options.precision, self.device, saved.progress.get("precision") if saved else None)
        self.optimiser = make_optimiser(self.model, config.optimiser, config.rate, self._recorded, dtype)
        self.sparsity = Sparsity(self.model.cell_matrices(), self.optimiser, config.sparsity)
        self.average = WeightAverage(self.model, config.average)
        self.rounding = WeightRounding(self.model, config.rounded)
        self.run = make_window(self.model, dtype, options.compiled)
        self.batches = Batches(corpus, config.batch, config.window, config.seed, self._lanes)
        self.hidden = self.model.initial_state(self._lanes.stop - self._lanes.start)
        paper = config.schedule != "cosine"
        self.valid = beginnings(corpus.valid, options.eval_bytes or (PAPER_EVAL_BYTES if paper else EVAL_BYTES))
        if len(self.valid) < WINDOW:
            raise CorpusError(f"validation needs at least {WINDOW} bytes (got {len(self.valid)}); give more text")
        self._valid_digest = digest(self.valid)
        self.state = RunState()
        if saved:
            self._restore(saved)
        self._step: Step | None = None
        self._epoch_steps = max(1, corpus.n_train // config.bytes_per_step)
        default_every = min(self._epoch_steps, max(1, EVAL_EVERY[self.device.type] // config.bytes_per_step))
        if config.schedule == "plateau":
            default_every = self._epoch_steps
        self._eval_every = options.eval_every or default_every

    @property
    def _groups(self) -> list[list[str | float]]:
        return [[group.name, group.weight, len(group)] for group in self.corpus.train]

    @property
    def bytes_seen(self) -> int:
        """Bytes predicted so far, by all processes."""
        return self.state.step * self.preset.training.bytes_per_step

    @property
    def stopped_early(self) -> bool:
        """True once the paper's enwik8 schedule has nothing more to gain, of the sparse network where there is one."""
        plateau = self.preset.training.schedule == "plateau" and self.state.plateau.exhausted
        return plateau and not self.sparsity.unfinished

    def progress(self) -> float:
        """Share of the budget that is spent; all of it where the run has stopped early."""
        return 1.0 if self.stopped_early else self.budget.progress(self.state.step, self.state.seconds)

    def fit(self, tell: Callable[[Report], None], stopped: Callable[[], bool]) -> None:
        """Trains until the budget is spent or ``stopped()`` in any process; the folder then holds the final state."""
        if self.world.leads:
            forget_metrics_after(self.options.out, self.state.step)
        self.model.train()
        try:
            self._train(tell, stopped)
        finally:
            self._step = None  # what it holds of the group of processes must not outlive the group

    def _train(self, tell: Callable[[Report], None], stopped: Callable[[], bool]) -> None:
        saved = self.state.seconds
        while self._goes_on(stopped):
            agreed = self.state.seconds  # of rank 0's clock: on any other one, not all ranks would save at once
            if agreed - saved >= self.options.save_seconds:
                self.save()
                saved = agreed
            began = time.monotonic()
            bpc, rate = self._train_step()
            better = self._validation_is_due() and self._validate()
            self.state.seconds += time.monotonic() - began
            if better:  # BEST is known to the checkpoint that goes on, so nothing worse ever replaces it
                self.save()
                saved = agreed
            if self.world.leads:
                self._tell(bpc, rate, tell)
        if self.progress() >= 1.0 and self.state.validated_at != self.state.step:
            self._validate()
        self.save()

    def _goes_on(self, stopped: Callable[[], bool]) -> bool:
        stop, self.state.seconds = self.world.agree(stopped(), self.state.seconds)
        if self.sparsity.advance(self.state.step, self.progress()):
            self.state.forget_validation()
        return not stop and self.progress() < 1.0

    def _begun(self) -> Step:
        """The step, ready to go on from the present states."""
        config, run = self.preset.training, self.world.replicate(self.run) or self.run
        update = make_update(run, self.optimiser, config.clip, self.sparsity.mask_gradients, self.rounding.in_place)
        if self._recorded:
            shape, drawn = (config.window + 1, self._lanes.stop - self._lanes.start), self.generator.get_state()
            self._step = RecordedStep(update, self.optimiser, self.hidden, self._draw_masks, shape)
            self.generator.set_state(drawn)  # as if none had been drawn to record with: a resumed run records again
        else:
            self._step = EagerStep(update, self.optimiser, self.hidden, self._draw_masks)
        return self._step

    def _draw_masks(self) -> Masks:
        config = self.preset.training
        return slice_masks(self.model.draw_masks(config.window, config.batch, self.generator), self._lanes)

    def _train_step(self) -> tuple[float, float]:
        step = self._step or self._begun()
        rate = learning_rate(self.preset.training, self.state.step, self.progress(), self.state.plateau)
        loss = step(torch.from_numpy(next(self.batches)), rate)
        self.state.step += 1
        if self.average.due(self.state.step):
            self._settle()
            self.average.sample(self.state.step)
        bpc = self.world.mean(loss) / NATS_PER_BIT
        self._require(math.isfinite(bpc))
        return bpc, rate

    def _require(self, finite: bool) -> None:
        if not finite:
            raise RefusedError(f"{self.options.out}: has diverged at step {self.state.step}; give a lower --rate")

    def _validation_is_due(self) -> bool:
        """Also at the end of each epoch, whatever was asked for, where the schedule goes by it."""
        by_epochs = self.preset.training.schedule == "plateau" and self.state.step % self._epoch_steps == 0
        return by_epochs or self.state.step % self._eval_every == 0

    def _validate(self) -> bool:
        """Whether the result is the best so far; BEST is then written."""
        state = self.state
        self._settle()
        with self.average.in_place():
            with self.rounding.in_place():
                bpc = self.world.bits_per_byte(self.run, self.valid, self.preset.training.batch)
            state.valid_bpc, state.validated_at = bpc, state.step
            if state.step % self._epoch_steps == 0:
                state.plateau.update(bpc)
            better = bpc < state.best
            if better:
                state.best = bpc
                if self.world.leads:
                    write_checkpoint(self.options.out / BEST, self._checkpoint({}))
        return better

    def _tell(self, bpc: float, rate: float, tell: Callable[[Report], None]) -> None:
        step, seconds = self.state.step, round(self.state.seconds, 3)
        report = Report(step, self.bytes_seen, bpc, self.state.valid_bpc, rate, self.progress(), seconds)
        if step % REPORT_EVERY == 0 or step == 1:
            append_metrics(self.options.out, report)
        tell(report)

    def save(self) -> None:
        """Writes the resumable checkpoint, with the hidden states of all processes' lanes; never one of no use."""
        self._settle()
        self._require(all(bool(parameter.isfinite().all()) for parameter in self.model.parameters()))
        hidden = self.world.gather(self.hidden)
        if self.world.leads:
            tensors = run_tensors(self.model, self.optimiser, hidden, self.generator)
            tensors |= self.sparsity.tensors() | self.average.tensors()
            write_checkpoint(self.options.out / LAST, self._checkpoint(tensors))

    def _settle(self) -> None:
        """Waits for the steps that were begun, and takes their states."""
        if self._step:
            self._step.wait()
            self.hidden = self._step.states

    def _checkpoint(self, tensors: dict[str, Tensor]) -> Checkpoint:
        weights = {f"model.{name}": p.detach().cpu() for name, p in self.model.named_parameters()}
        progress: dict[str, Any] = {
            **self.state.to_json(),
            "corpus": self.corpus.name,
            "n_train": self.corpus.n_train,
            "groups": self._groups,
            "order": ORDER,
            "valid": self._valid_digest,
            "precision": str(self.run.dtype),
        }
        return Checkpoint(self.preset.model, self.preset.training, progress, weights | tensors)

    def initialise(self, weights: dict[str, Tensor]) -> None:
        """Starts from these weights, by parameter name; raises CheckpointError if they are of another shape."""
        try:
            self.model.load_state_dict(weights)
        except RuntimeError as error:
            raise CheckpointError("initial weights are of a network of another shape") from error

    def _restore(self, saved: Checkpoint) -> None:
        if saved.model != self.preset.model or saved.training != self.preset.training:
            raise CheckpointError(f"{self.options.out}: its checkpoint is of another preset or other settings")
        if "rng" not in saved.tensors:
            raise CheckpointError(f"{self.options.out}: its checkpoint holds weights alone; start from it with --init")
        if saved.progress.get("n_train") != self.corpus.n_train:
            raise CheckpointError(f"{self.options.out}: its checkpoint saw another corpus (training bytes differ)")
        if saved.progress.get("groups", self._groups) != self._groups:  # older ones do not say
            raise CheckpointError(f"{self.options.out}: its checkpoint saw the corpus with other weights")
        if saved.progress.get("valid", self._valid_digest) != self._valid_digest:
            raise CheckpointError(f"{self.options.out}: its checkpoint was validated on other bytes")
        if saved.progress.get("order", 1) != ORDER and self.batches.mixed:
            raise CheckpointError(f"{self.options.out}: an older version saw other batches; go on with --init")
        try:
            self.state = RunState.from_json(saved.progress)
            self.hidden = restore_run(saved, self.model, self.optimiser, self.generator, self._lanes)
            self.sparsity.restore(saved.tensors)
            self.average.restore(saved.tensors)
            self.batches.skip(self.state.step)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                f"{self.options.out}: its checkpoint cannot be resumed ({_first_line(error)})"
            ) from error


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
