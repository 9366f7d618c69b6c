"""Environment variables, all of them: each sets a default and none changes a byte that is written.

FSCOMPRESS_CACHE: folder for compiled kernels and downloaded corpora.  FSCOMPRESS_MODELS: folder searched for models
before the ones that ship with the package.  FSCOMPRESS_THREADS: default of ``-T``.  FSCOMPRESS_MEMORY: default of
``--memory``.  PYTHONPATH is handed on to processes of this program.
"""

import os
import re
from pathlib import Path

from fscompress.errors import RefusedError

DEFAULT_MEMORY = 4 << 30  # bytes that decoding may take; docs/FORMAT.md, section 8
CUDA_THREADS = 2  # the GPU computes the steps of one block while those of another are coded; more only fill its memory
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}


def cache_folder() -> Path:
    """FSCOMPRESS_CACHE, else fscompress in the user's cache folder (XDG_CACHE_HOME or ~/.cache).

    Raises RefusedError for a user without a home folder.
    """
    chosen = os.environ.get("FSCOMPRESS_CACHE")
    if chosen:
        return Path(chosen)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fscompress"
    except RuntimeError as error:
        raise RefusedError("no home folder to keep a cache in; let FSCOMPRESS_CACHE name another one") from error


def models_folder() -> Path | None:
    """FSCOMPRESS_MODELS, or None."""
    chosen = os.environ.get("FSCOMPRESS_MODELS")
    return Path(chosen) if chosen else None


def threads(engine: str = "auto") -> int:
    """FSCOMPRESS_THREADS, else two for engine ``cuda``, else the number of processors this process may use."""
    chosen = os.environ.get("FSCOMPRESS_THREADS")
    if not chosen and engine == "cuda":
        return CUDA_THREADS
    if not chosen:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not re.fullmatch("0{0,9}[1-9][0-9]{0,8}", chosen):
        raise RefusedError(f"FSCOMPRESS_THREADS: must be a positive number (got '{chosen}')")
    return int(chosen)


def memory() -> int:
    """FSCOMPRESS_MEMORY in bytes, else 4 GiB."""
    chosen = os.environ.get("FSCOMPRESS_MEMORY")
    if not chosen:
        return DEFAULT_MEMORY
    size = parse_size(chosen)
    if size is None:
        raise RefusedError(f"FSCOMPRESS_MEMORY: must be a size such as 512M or 2G (got '{chosen}')")
    return size


def parse_size(word: str) -> int | None:
    """Bytes in a positive number with or without K, M, G or T (powers of 1024, also KiB or kb); None for others."""
    match = re.fullmatch(r"([0-9]{1,15})([KMGT]?)(I?B)?", word.upper())
    return int(match[1]) << _UNITS[match[2]] if match and int(match[1]) else None


def child_environment() -> dict[str, str]:
    """This process's variables, with the very package that runs here first on PYTHONPATH.

    For a child started with ``-P``, which looks in no working folder: a file of the user's there is not a module.
    """
    package = str(Path(__file__).resolve().parent.parent)
    others = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([package, others] if others else [package])}
