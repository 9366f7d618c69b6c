"""Checkpoints: one safetensors file, tensors beside a JSON description, written whole or not at all.  No pickle."""

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from fscompress.errors import CheckpointError, RefusedError
from fscompress.files import replacing
from fscompress.model.config import ModelConfig
from fscompress.tensor_files import CHECKPOINT, read_header
from fscompress.training.config import TrainConfig

FORMAT = f"{CHECKPOINT}-1"


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A moment of a run.

    ``tensors``: ``model.*`` always; in a resumable one also what the optimiser remembers (``adam.*``, ``muon.*``),
    ``state.*`` (hidden states), ``rng`` and, where weights are averaged, their mean ``average.*``.
    ``progress``: plain JSON values (step, seconds, best, ...), see ``RunState``.
    """

    model: ModelConfig
    training: TrainConfig
    progress: dict[str, Any]
    tensors: dict[str, Tensor]

    def weights(self) -> dict[str, Tensor]:
        """The network's parameters by name, float32."""
        return {name[6:]: tensor.float() for name, tensor in self.tensors.items() if name.startswith("model.")}


def checkpoint_bytes(checkpoint: Checkpoint) -> bytes:
    """The file that ``read_checkpoint`` reads."""
    described = {
        "model": dataclasses.asdict(checkpoint.model),
        "training": dataclasses.asdict(checkpoint.training),
        "progress": checkpoint.progress,
    }
    tensors = {name: tensor.contiguous() for name, tensor in checkpoint.tensors.items()}
    return save(tensors, {"format": FORMAT, "checkpoint": json.dumps(described)})


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Writes beside ``path`` and renames, so that a crash leaves the old file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        data = checkpoint_bytes(checkpoint)
        with replacing(path) as temporary:
            temporary.write_bytes(data)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: checkpoint cannot be written ({error})") from error


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads what ``write_checkpoint`` wrote; raises CheckpointError on anything else."""
    with _one_error(path), path.open("rb") as file:  # by Python, for names that safetensors cannot open
        described = _described(path, file)
        file.seek(0)
        tensors = load(file.read())
        model, training = ModelConfig(**described["model"]), TrainConfig(**described["training"])
        return Checkpoint(model, training, {**described["progress"]}, tensors)


def read_shape(path: Path) -> ModelConfig:
    """The shape of the network of a checkpoint, whose tensors are not read; raises as ``read_checkpoint``."""
    with _one_error(path), path.open("rb") as file:
        return ModelConfig(**_described(path, file)["model"])


@contextmanager
def _one_error(path: Path) -> Iterator[None]:
    """Whatever a checkpoint is not read for becomes a CheckpointError that names it."""
    try:
        yield
    except RefusedError as error:  # of settings, such as a newer version may know
        raise CheckpointError(f"{path}: {error}") from error
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: checkpoint cannot be read ({error})") from error


def _described(path: Path, file: BinaryIO) -> dict[str, Any]:
    """The JSON description in the metadata of a checkpoint."""
    metadata, _ = read_header(file)
    if metadata.get("format") != FORMAT:
        raise CheckpointError(f"{path}: not a checkpoint of this program (format {metadata.get('format')})")
    described: dict[str, Any] = json.loads(metadata["checkpoint"])
    return described
