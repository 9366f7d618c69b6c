"""From checkpoint files to what is shipped: the integer model, and float16 master weights to go on training from."""

import dataclasses
from pathlib import Path

from fscompress.errors import RefusedError
from fscompress.export.export import ExportSettings, export_model
from fscompress.model.base import ByteModel
from fscompress.model.build import build_model
from fscompress.model.config import FS_RNN, ModelConfig
from fscompress.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint

INTEGER_CELL = "lstm"  # layer-normalised; docs/INTEGER.md has no other cell

# What a lane has read before its first byte where no primer is given: plain prose that ends a paragraph.
DEFAULT_PRIMER = b"""The history of writing begins with marks that stood for things and for numbers. Later they stood
for sounds, and a text could be read aloud as it had been spoken. Today most of what people write is stored by
machines, one byte after another, and most of it is easy to guess: after the first letters of a word, the rest seldom
comes as a surprise. A good reader knows this, and so does a good compressor.

"""


def load_float_model(checkpoint: Checkpoint) -> ByteModel:
    """The float network of a checkpoint, in evaluation mode."""
    model = build_model(checkpoint.model)
    model.load_state_dict(checkpoint.weights())
    return model.eval()


def require_integer_form(path: Path, config: ModelConfig) -> None:
    """Raises RefusedError, which says what the checkpoint at ``path`` is, unless the integer scheme has it."""
    if (config.architecture, config.cell) != (FS_RNN, INTEGER_CELL):
        raise RefusedError(
            f"{path}: has no integer form (got {config.architecture} of {config.cell} cells, "
            f"expected {FS_RNN} of {INTEGER_CELL} cells)"
        )


def export_checkpoint(path: Path, settings: ExportSettings) -> bytes:
    """The bytes of the integer model of the checkpoint at ``path``.

    Raises:
        CheckpointError: not a checkpoint.  RefusedError, ModelFileError: it has no integer form, see ``export_model``.
    """
    checkpoint = read_checkpoint(path)
    require_integer_form(path, checkpoint.model)
    weights = {name: tensor.double().numpy() for name, tensor in checkpoint.weights().items()}
    progress = checkpoint.progress
    seen = progress.get("step", 0) * checkpoint.training.bytes_per_step
    trained = {"corpus": str(progress.get("corpus", "")), "bytes_seen": str(seen)}
    return export_model(weights, checkpoint.model, dataclasses.replace(settings, metadata=trained | settings.metadata))


def write_master(path: Path, out: Path) -> None:
    """The weights of the checkpoint at ``path``, as float16, in a checkpoint that ``train --init`` starts from."""
    checkpoint = read_checkpoint(path)
    halved = {f"model.{name}": tensor.half() for name, tensor in checkpoint.weights().items()}
    write_checkpoint(out, dataclasses.replace(checkpoint, tensors=halved))
