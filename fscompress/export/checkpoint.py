"""From checkpoint files to what is shipped: the integer model, and float16 master weights to go on training from."""

import dataclasses
from pathlib import Path

from fscompress.engine import arithmetic as q
from fscompress.engine.spec import check_wiring
from fscompress.errors import CheckpointError, ModelFileError, RefusedError
from fscompress.export.export import ExportSettings, export_model
from fscompress.model.base import ByteModel
from fscompress.model.build import build_model
from fscompress.model.config import ModelConfig
from fscompress.training.checkpoint import Checkpoint, checkpoint_bytes, read_checkpoint, read_shape

# What a lane has read before its first byte where no primer is given: plain prose that ends a paragraph, without line
# ends in it, which would make a network expect some.
DEFAULT_PRIMER = b"""\
The history of writing begins with marks that stood for things and for numbers. \
Later they stood for sounds, and a text could be read aloud as it had been spoken. \
Today most of what people write is stored by machines, one byte after another, and most of it is easy to guess: \
after the first letters of a word, the rest seldom comes as a surprise. \
A good reader knows this, and so does a good compressor.

"""


def load_float_model(path: Path) -> ByteModel:
    """The float network of the checkpoint at ``path``, in evaluation mode; raises CheckpointError."""
    return _network(path, read_checkpoint(path))


def _network(path: Path, checkpoint: Checkpoint) -> ByteModel:
    model = build_model(checkpoint.model)
    try:
        model.load_state_dict(checkpoint.weights())
    except RuntimeError as error:  # names or shapes differ
        raise CheckpointError(f"{path}: its weights are not those of the network that it describes") from error
    return model.eval()


def require_integer_form(path: Path, config: ModelConfig) -> None:
    """Raises RefusedError unless the integer contract has a network of that shape, which is that of ``path``."""
    try:
        check_wiring(config.architecture, config.wiring)
    except ModelFileError as error:
        raise RefusedError(f"{path}: has no integer form ({error})") from error
    if config.embedding_size > q.MAX_SIZE:
        got = f"embedding of {config.embedding_size} values, at most {q.MAX_SIZE}"
        raise RefusedError(f"{path}: has no integer form ({got})")


def export_checkpoint(path: Path, settings: ExportSettings) -> bytes:
    """The bytes of the integer model of the checkpoint at ``path``.

    Raises:
        CheckpointError: not a checkpoint.  RefusedError, ModelFileError: it has no integer form, see ``export_model``.
    """
    require_integer_form(path, read_shape(path))
    checkpoint = read_checkpoint(path)
    network = _network(path, checkpoint)
    weights = {name: parameter.detach().double().numpy() for name, parameter in network.named_parameters()}
    progress = checkpoint.progress
    seen = progress.get("step", 0) * checkpoint.training.bytes_per_step
    trained = {"corpus": str(progress.get("corpus", "")), "bytes_seen": str(seen)}
    return export_model(weights, checkpoint.model, dataclasses.replace(settings, metadata=trained | settings.metadata))


def master_bytes(path: Path) -> bytes:
    """A checkpoint that ``train --init`` starts from: the weights of the one at ``path``, as float16."""
    checkpoint = read_checkpoint(path)
    halved = {f"model.{name}": tensor.half() for name, tensor in checkpoint.weights().items()}
    return checkpoint_bytes(dataclasses.replace(checkpoint, tensors=halved))
