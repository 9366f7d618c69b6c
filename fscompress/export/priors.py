"""Makes the mixer's stored priors from a folder of texts and a model.

Run: ``python -m fscompress.export.priors FOLDER MODEL OUT``.  Every sub-folder of FOLDER gives as many slices.  The
same folder and model give the same file.  A new file changes what levels normal and best write: never after a release.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from fscompress.engine import Engine, engine_factory, load_model
from fscompress.errors import FscompressError, RefusedError
from fscompress.lanes import U8
from fscompress.mixer import MixerSettings, settings_for
from fscompress.mixer.priors_training import train_priors
from fscompress.mixer.settings import ALL_CONTEXTS, ALL_SETS, BEST
from fscompress.predictor import known_p1

SLICE = 16_384
SLICES_A_FOLDER = 12
SEED = 2017


def slices(folder: Path, n: int = SLICES_A_FOLDER, length: int = SLICE) -> U8:
    """uint8 [slices, length]: ``n`` from each sub-folder, of files and at offsets drawn with a fixed seed.

    Raises:
        RefusedError: no sub-folder has a file that long.
    """
    rng, found = np.random.default_rng(SEED), []
    for part in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = [path for path in sorted(part.rglob("*")) if path.is_file() and path.stat().st_size >= length]
        for _ in range(n if files else 0):
            text = np.fromfile(files[rng.integers(len(files))], np.uint8)
            start = int(rng.integers(len(text) - length + 1))
            found.append(text[start : start + length])
    if not found:
        raise RefusedError(f"{folder}: has no sub-folder with a file of {length:,} bytes or more")
    return np.stack(found)[rng.permutation(len(found))]


def network_p1(engine: Engine, texts: U8) -> npt.NDArray[np.uint16]:
    """uint16 [slices, length, 8] along each text, each from the model's initial state."""
    engine.start(len(texts))
    p1 = known_p1(engine, np.ascontiguousarray(texts.T), texts.size)
    return np.ascontiguousarray(p1.transpose(2, 0, 1))


def make_priors(folder: Path, model: Path, out: Path) -> None:
    """Writes ``out`` (safetensors)."""
    texts = slices(folder)
    p1 = network_p1(engine_factory(load_model(model))(), texts)
    chosen = settings_for(BEST, texts.shape[1], 1)
    settings = MixerSettings(chosen.rate, 1, 1, chosen.table_log2, chosen.sse_log2, ALL_CONTEXTS, ALL_SETS)
    parts = [(text, mine[:, :, None]) for text, mine in zip(texts, p1, strict=True)]
    save_file(train_priors(settings, parts), out)


def _main(words: Sequence[str]) -> None:
    if len(words) != 3:
        raise RefusedError(f"priors: expected FOLDER MODEL OUT (got '{' '.join(words)}')")
    folder, model, out = map(Path, words)
    make_priors(folder, model, out)


if __name__ == "__main__":
    try:
        _main(sys.argv[1:])
    except (FscompressError, OSError) as error:
        sys.exit(f"fscompress: {error}")
