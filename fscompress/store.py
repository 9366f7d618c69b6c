"""Installed models: where they are looked for, and how a name, a path or an id becomes a model.

A model is a file NAME.safetensors in one of ``folders()``, whole or in parts (``parts.py``); its id is the sha256 of
the whole file, of which .fsc files record the first eight bytes.  Stands above ``engine``, beside ``codec``.
Guarded by ``tests/test_store.py``.
"""

import hashlib
import io
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fscompress import parts, settings, tensor_files
from fscompress.container import Rule
from fscompress.errors import ModelFileError, ModelNotFoundError, RefusedError, UnreadableModelError

if TYPE_CHECKING:
    from fscompress.engine import IntegerModel

DEFAULT = "default"
SUFFIX = ".safetensors"
MASTER_SUFFIX = ".float16.safetensors"  # float weights to go on training from: not a model to code with
_TRAINED = (
    "embedding",
    "weight",
    "gain",
    "bias",
    "scalars",
)  # last words of the names of tensors (``engine/model_file.py``)
_SHORTEST_PREFIX = 8  # hexadecimal digits, so that a short name is not taken for an id
_PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Installed:
    """A model file; ``id`` is the sha256 of its bytes, of parts as recorded, empty if ``trouble`` hides it."""

    name: str
    path: Path
    id: bytes
    trouble: str = ""

    @property
    def n_bytes(self) -> int:
        """Size of the file, or of its parts that exist."""
        return parts.size(self.path)

    @property
    def n_parts(self) -> int:
        """Parts that exist; 0 for one file."""
        return 0 if self.path.is_file() else len(parts.part_paths(self.path))


def folders() -> list[Path]:
    """Where models are looked for, in order: FSCOMPRESS_MODELS, then the package or the clone it is installed from."""
    chosen, shipped = settings.models_folder(), _PACKAGE / "_models"
    if not shipped.is_dir():  # only a wheel has it, and what is called models beside a wheel's package is not ours
        shipped = _PACKAGE.parent / "models"
    return [*([chosen] if chosen else []), shipped]


def installed(preferred: str = "") -> Iterator[Installed]:
    """All models in order of ``folders()``, those called ``preferred`` first: a search then mostly reads one file."""
    paths = [path for folder in folders() for path in _models_in(folder)]
    for path in sorted(paths, key=lambda path: path.name != preferred + SUFFIX):
        try:
            yield describe(path)
        except ModelFileError as error:  # the other models are still good
            yield Installed(path.name.removesuffix(SUFFIX), path, b"", str(error))


def _models_in(folder: Path) -> list[Path]:
    """NAME.safetensors of each model there, whole or in parts."""
    found = (re.fullmatch(rf"(.+{re.escape(SUFFIX)})(\.[0-9][0-9])?", path.name) for path in folder.glob(f"*{SUFFIX}*"))
    return [
        folder / name for name in sorted({match[1] for match in found if match}) if not name.endswith(MASTER_SUFFIX)
    ]


def describe(path: Path) -> Installed:
    """Name and id of the model file at ``path``; raises ModelFileError if it, or the list of its parts, is no good."""
    name = path.name.removesuffix(SUFFIX)
    if not path.is_file() and parts.part_paths(path):
        return Installed(name, path, parts.read_sums(path).whole)
    try:
        with path.open("rb") as file:
            return Installed(name, path, hashlib.file_digest(file, "sha256").digest())
    except OSError as error:
        raise UnreadableModelError(f"{path}: cannot be read ({error.strerror})") from error


def read_header(path: Path) -> tuple[dict[str, str], dict[str, list[int]]]:
    """Metadata and the shapes of all tensors of a safetensors file, whole or in parts; its tensors are not looked at.

    Raises ModelFileError if it cannot be read.
    """
    try:
        with path.open("rb") if path.is_file() else io.BytesIO(parts.read_joined(path)) as file:
            return tensor_files.read_header(file)
    except OSError as error:
        raise UnreadableModelError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise ModelFileError(f"{path}: not a readable model file ({error})") from error


def read_metadata(path: Path) -> dict[str, str]:
    """What a safetensors file says about itself; raises ModelFileError if it cannot be read."""
    return read_header(path)[0]


def count_weights(shapes: dict[str, list[int]]) -> int:
    """Trained parameters of the model whose tensors have these shapes, as its float network counts them.

    The zeros that are put into the matrices of a GRU are counted with them, joined biases of ``torch.nn.LSTM`` once.
    """
    trained = (shape for name, shape in shapes.items() if name.split(".")[-1] in _TRAINED)
    return sum(math.prod(shape) for shape in trained)


def is_checkpoint(path: Path) -> bool:
    """Whether the file is a float checkpoint of ``train`` rather than an integer model."""
    return tensor_files.is_checkpoint(read_metadata(path))


def find_model(wanted: str = DEFAULT) -> Path:
    """The file of the model called ``wanted``: a name, a path (of a part, too), or at least eight digits of an id.

    A file in parts is found under the name of the whole, at which no file need be; ``parts.read_joined`` reads it.
    Raises ModelNotFoundError if there is none, RefusedError if several models have an id that begins so.
    """
    if SUFFIX in wanted or "/" in wanted or "\\" in wanted:
        if found := parts.locate(Path(wanted)):
            return found
        raise ModelNotFoundError(f"model {wanted}: no such file")
    for folder in folders():
        if found := parts.locate(folder / (wanted + SUFFIX)):
            return found
    if _is_id(wanted):
        matches = {model.id: model.path for model in installed() if model.id.hex().startswith(wanted.lower())}
        if len(matches) > 1:
            raise RefusedError(f"model {wanted}: several ids begin so; give more digits")
        if matches:
            return matches.popitem()[1]
    names = ", ".join(sorted({model.name for model in installed()})) or "none"
    raise ModelNotFoundError(f"model '{wanted}' is not installed (installed: {names}; {_searched()})")


def find_by_id(wanted: bytes, name: str, given: Path | None = None) -> Path:
    """The file of the model whose id begins with ``wanted``, which its maker called ``name``.

    ``given`` is a model file named by the user, looked at first.  Raises ModelNotFoundError that says what is missing.
    """
    if given is not None and describe(given).id.startswith(wanted):
        return given
    other = f"{given} is another one; " if given else ""
    for model in installed(name):
        if model.id.startswith(wanted):
            return model.path
        if model.trouble and model.name == name:
            other += f"{model.trouble}; "
    raise ModelNotFoundError(
        f"needs model '{name}', id {wanted.hex()}, which is not installed ({other}{_searched()}); "
        f"put its file into one of them or name it with --model [{Rule.UNKNOWN_MODEL.code}]"
    )


def load(wanted: str = DEFAULT) -> "IntegerModel":
    """The model called ``wanted`` (as in ``find_model``), read and certified."""
    from fscompress.engine import load_model

    return load_model(find_model(wanted))


def finder(given: str | None = None) -> Callable[[bytes, str], "IntegerModel"]:
    """A function (first bytes of the id, name) -> model that reads each model once; ``given`` as in ``find_model``."""
    loaded: dict[bytes, IntegerModel] = {}

    def find(wanted: bytes, name: str) -> "IntegerModel":
        from fscompress.engine import load_model

        if wanted not in loaded:
            loaded[wanted] = load_model(find_by_id(wanted, name, find_model(given) if given else None))
        return loaded[wanted]

    return find


def _is_id(text: str) -> bool:
    return len(text) >= _SHORTEST_PREFIX and all(c in "0123456789abcdefABCDEF" for c in text)


def _searched() -> str:
    return "searched: " + ", ".join(str(folder) for folder in folders())
