"""Trains the models of a study, or finds them: each in a run folder of its own, which later studies use again."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fscompress.corpora import Corpus
from fscompress.corpora.source import Bytes, beginnings
from fscompress.model.base import ByteModel
from fscompress.study.settings import Setting
from fscompress.training.checkpoint import read_checkpoint
from fscompress.training.config import Preset
from fscompress.training.metrics import METRICS
from fscompress.training.schedule import Budget
from fscompress.training.trainer import BEST, LAST, RunOptions, Trainer
from fscompress.training.window import Window

Fit = Callable[[Trainer], None]  # runs it to its end, or raises


@dataclass(frozen=True)
class Trained:
    """A model with the weights of its best validation result ``bpc``, in evaluation mode, and its run."""

    name: str
    window: Window
    bpc: float
    bytes_seen: int
    folder: Path

    @property
    def model(self) -> ByteModel:
        """The network."""
        return self.window.model

    def curve(self) -> tuple[list[float], list[float]]:
        """Megabytes seen, and bits per byte in training there: the mean of each report's window."""
        lines = [json.loads(line) for line in (self.folder / METRICS).read_text(encoding="utf-8").splitlines()]
        return [line["bytes_seen"] / 1e6 for line in lines], [line["bpc"] for line in lines]


@dataclass(frozen=True)
class Runs:
    """What all studies of one call share.

    Args:
        setting: which models, and how long.
        corpus: trained and measured on; its held-out part is what figures are of.
        folder: one sub-folder a run.
        fit: trains.
        steps: instead of the setting's.
        device: as of ``RunOptions``.
    """

    setting: Setting
    corpus: Corpus
    folder: Path
    fit: Fit
    steps: int | None = None
    device: str = "auto"

    def trained(self, name: str, preset: Preset) -> Trained:
        """The model of that name: trained now, gone on with, or loaded if its run has ended.

        Raises:
            CheckpointError: the folder's run is of other settings or another corpus.
        """
        config, n_train = preset.training, self.corpus.n_train
        steps = self.steps or self.setting.steps or max(1, int(config.epochs * n_train / config.bytes_per_step))
        folder = self.folder / f"{name.replace(' ', '-')}-{steps}-steps"
        options = RunOptions(
            folder,
            self.device,
            compiled=self.setting.compiled,
            eval_every=max(1, steps // 4) if self.setting.steps else None,
            eval_bytes=self.setting.measured_bytes,
        )
        resume = (folder / LAST).exists()
        trainer = Trainer(preset, self.corpus, Budget(steps=steps), options, resume)
        self.fit(trainer)
        trainer.model.load_state_dict(read_checkpoint(folder / BEST).weights())
        trainer.model.eval()
        return Trained(name, trainer.run, trainer.state.best, trainer.bytes_seen, folder)

    def compared(self) -> list[Trained]:
        """The three architectures of section 4.2."""
        return [self.trained(name, preset) for name, preset in self.setting.compared.items()]

    def text(self) -> Bytes:
        """The beginning of the validation part, uint8 [n]."""
        return beginnings(self.corpus.valid, self.setting.measured_bytes)
