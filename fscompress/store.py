"""Installed models: where they are looked for, and how a name, a path or an id becomes a model.

A model is a file NAME.safetensors in one of ``folders()``; its id is the sha256 of the file, of which .fsc files
record the first eight bytes.  Stands above ``engine``, beside ``codec``.  Guarded by ``tests/test_store.py``.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fscompress import settings
from fscompress.container import Rule
from fscompress.errors import ModelFileError, ModelNotFoundError, RefusedError

if TYPE_CHECKING:
    from fscompress.engine import IntegerModel

DEFAULT = "default"
SUFFIX = ".safetensors"
MASTER_SUFFIX = ".float16.safetensors"  # float weights to go on training from: not a model to code with
ID_BYTES = 8  # of the id, in .fsc files and in messages
_SHORTEST_PREFIX = 8  # hexadecimal digits, so that a short name is not taken for an id
_PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Installed:
    """A model file; ``id`` is the sha256 of its bytes."""

    name: str
    path: Path
    id: bytes

    @property
    def n_bytes(self) -> int:
        """Size of the file."""
        return self.path.stat().st_size


def folders() -> list[Path]:
    """Where models are looked for, in order: FSCOMPRESS_MODELS, the package, the clone it is installed from."""
    chosen = settings.models_folder()
    return [*([chosen] if chosen else []), _PACKAGE / "_models", _PACKAGE.parent / "models"]


def installed(preferred: str = "") -> Iterator[Installed]:
    """All models in order of ``folders()``, those called ``preferred`` first: a search then mostly reads one file."""
    paths = [path for folder in folders() for path in sorted(folder.glob(f"*{SUFFIX}"))]
    paths = [path for path in paths if not path.name.endswith(MASTER_SUFFIX)]
    for path in sorted(paths, key=lambda path: path.name != preferred + SUFFIX):
        yield describe(path)


def describe(path: Path) -> Installed:
    """Name and id of the model file at ``path``."""
    with path.open("rb") as file:
        return Installed(path.name.removesuffix(SUFFIX), path, hashlib.file_digest(file, "sha256").digest())


def read_metadata(path: Path) -> dict[str, str]:
    """What a safetensors file says about itself; raises ModelFileError if it cannot be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise ModelFileError(f"{path}: not a readable model file ({error})") from error


def is_checkpoint(path: Path) -> bool:
    """Whether the file is a float checkpoint of ``train`` rather than an integer model."""
    return read_metadata(path).get("format", "").startswith("fscompress-checkpoint")


def find_model(wanted: str = DEFAULT) -> Path:
    """The file of the model called ``wanted``: a name, a path, or at least eight digits of an id.

    Raises ModelNotFoundError if there is none, RefusedError if several models have an id that begins so.
    """
    if wanted.endswith(SUFFIX) or "/" in wanted or "\\" in wanted:
        if Path(wanted).is_file():
            return Path(wanted)
        raise ModelNotFoundError(f"model {wanted}: no such file")
    for folder in folders():
        if (folder / (wanted + SUFFIX)).is_file():
            return folder / (wanted + SUFFIX)
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
    for model in installed(name):
        if model.id.startswith(wanted):
            return model.path
    other = f"{given} is another one; " if given else ""
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
