"""The one place where numba is set up: cached machine code in the user's cache folder, integers only, no fastmath.

Kernels may be compiled for any processor and still give the same bytes, because they contain no floating point.
"""

import atexit
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core import config

from fscompress.errors import RefusedError
from fscompress.settings import cache_folder


def kernel_sources_digest(package: Path = Path(__file__).parent) -> str:
    """A name for the sources of all kernels: numba itself looks only at a kernel's own file, not at those it calls."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        text = path.read_bytes()
        if (
            b"fscompress.jit import" in text
            or b"llvmlite import" in text
            or path.parent.name in ("mixer", "engine", "coder")
        ):
            digest.update(path.name.encode() + b"\0" + text)
    return digest.hexdigest()[:16]


def lasting_cache() -> Path:
    """The folder for compiled kernels that outlives this process; raises OSError or RefusedError where it cannot be."""
    folder = cache_folder() / "kernels" / kernel_sources_digest()
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise RefusedError(f"{folder}: is not writable; let FSCOMPRESS_CACHE name another folder")
    return folder


@cache
def kernel_cache() -> Path:
    """The folder for compiled kernels; where the user's cache folder cannot be written, one for this process alone.

    Never a folder of a known name that all users can write: numba's cache is trusted code.
    """
    with suppress(OSError, RefusedError):
        return lasting_cache()
    own = tempfile.mkdtemp(prefix="fscompress-kernels-")
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    return Path(own)


def cached_kernels() -> set[Path]:
    """The files of compiled kernels, one for each kernel and types of arguments."""
    return set(kernel_cache().rglob("*.nbc"))


def kernels_are_cold() -> bool:
    """True if no compiled kernel is cached yet, so that the first use will take some seconds."""
    return not cached_kernels()


not_kept: list[str] = []  # why, of each kernel that this process has compiled and could not write to the cache

_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiles at first use, caches, releases the GIL; division by zero is excluded by each kernel's bounds.

    Kernels neither allocate nor keep arrays, so they are compiled without numba's reference counts (``_nrt``), whose
    atomic operations would take a third of the time.  The cache folder is ours whatever ``NUMBA_CACHE_DIR`` says, and
    ours alone: there a kernel of an older version would pass for this one.
    """
    others, config.CACHE_DIR = config.CACHE_DIR, str(kernel_cache())  # type: ignore[attr-defined]
    try:
        compiled: Callable[..., Any] = numba.njit(**_OPTIONS)(function)
    finally:
        config.CACHE_DIR = others  # type: ignore[attr-defined]
    if hasattr(compiled, "_cache"):  # it is the function itself where NUMBA_DISABLE_JIT is set
        _forgive(compiled._cache)
    return compiled


class _Labelled:
    """The files of a kernel's cache, where machine code is kept with what it is for.

    numba's index alone tells which file has the code for which types and processor, and it is written before the
    code: after a crash, on a full disk or beside another process that compiles, it can name a file of other code.
    """

    def __init__(self, files: Any) -> None:
        self._files, self.flush = files, files.flush

    def save(self, key: Any, code: Any) -> None:
        self._files.save(key, (key, code))

    def load(self, key: Any) -> Any:
        found = self._files.load(key)
        if found is None:
            return None
        label, code = found
        if label != key:
            raise ValueError("machine code of other types or another processor")
        return code


def _forgive(kept: Any) -> None:
    """Lets a wrong or damaged file of a kernel's cache, or no room for a new one, mean to compile, not to fail."""
    kept._cache_file = _Labelled(kept._cache_file)
    load, save = kept.load_overload, kept.save_overload

    def load_overload(*arguments: Any) -> Any:
        try:
            return load(*arguments)
        except Exception:  # noqa: BLE001 (whatever unpickling makes of a damaged file)
            with suppress(OSError):
                kept.flush()
            return None

    def save_overload(*arguments: Any) -> None:
        try:
            save(*arguments)
        except OSError as error:
            not_kept.append(error.strerror or str(error))

    kept.load_overload, kept.save_overload = load_overload, save_overload
