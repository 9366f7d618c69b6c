"""Averages the weights of several runs from a common start, and calibrates the outcome.

Run: ``python -m fscompress.export.average OUT TEMPERATURE CKPT=SHARE ...``; the shares are scaled to a sum of one.
Weights of runs that began with the same ones often average to a network better than each (Wortsman et al. 2022,
"Model soups").  A temperature above one, by which the logits are divided, takes back the confidence that a network has
gained on training bytes it saw many times (Guo et al. 2017, "On calibration of modern neural networks").
"""

import dataclasses
import sys
from collections.abc import Sequence
from math import inf
from pathlib import Path

from torch import Tensor

from fscompress.errors import FscompressError, RefusedError
from fscompress.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint

USAGE = "expected OUT TEMPERATURE CKPT=SHARE ..."
LOGITS = ("output.weight", "output.bias")


def average(checkpoints: Sequence[tuple[Checkpoint, float]], temperature: float = 1.0) -> Checkpoint:
    """One checkpoint from (checkpoint, share) pairs; progress is that of the last one.

    Raises:
        RefusedError: no checkpoints, those of several shapes, or a share or temperature that is not positive.
    """
    if not checkpoints or not all(0 < number < inf for number in (temperature, *(share for _, share in checkpoints))):
        raise RefusedError("average: checkpoints, each with a positive share, and a positive temperature are needed")
    total = sum(share for _, share in checkpoints)
    weighted = [(checkpoint.weights(), share / total) for checkpoint, share in checkpoints]
    shapes = [{name: tensor.shape for name, tensor in weights.items()} for weights, _ in weighted]
    if len({checkpoint.model for checkpoint, _ in checkpoints}) > 1 or any(shape != shapes[0] for shape in shapes):
        raise RefusedError("average: the checkpoints are of networks of several shapes")
    tensors: dict[str, Tensor] = {}
    for name in weighted[0][0]:
        mean = sum(weights[name] * share for weights, share in weighted)
        assert isinstance(mean, Tensor)
        tensors[f"model.{name}"] = mean / temperature if name in LOGITS else mean
    return dataclasses.replace(checkpoints[-1][0], tensors=tensors)


def _main(words: Sequence[str]) -> None:
    try:
        out, temperature, *named = words
        divisor = float(temperature)
        shares = [(path, float(share)) for path, share in (word.rsplit("=", 1) for word in named)]
    except ValueError:
        raise RefusedError(f"average: {USAGE} (got '{' '.join(words)}')") from None
    write_checkpoint(Path(out), average([(read_checkpoint(Path(path)), share) for path, share in shares], divisor))


if __name__ == "__main__":
    try:
        _main(sys.argv[1:])
    except FscompressError as error:
        sys.exit(f"fscompress: {error}")
