"""Environment variables, all of them: each sets a default and none changes a byte that is written.

FSCOMPRESS_CACHE: folder for compiled kernels and downloaded corpora.  FSCOMPRESS_MODELS: folder searched for models
before the ones that ship with the package.  FSCOMPRESS_THREADS: default of ``-T``.
"""

import os
from pathlib import Path

from fscompress.errors import RefusedError


def cache_folder() -> Path:
    """FSCOMPRESS_CACHE, else fscompress in the user's cache folder (XDG_CACHE_HOME or ~/.cache)."""
    chosen = os.environ.get("FSCOMPRESS_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fscompress"


def models_folder() -> Path | None:
    """FSCOMPRESS_MODELS, or None."""
    chosen = os.environ.get("FSCOMPRESS_MODELS")
    return Path(chosen) if chosen else None


def threads() -> int:
    """FSCOMPRESS_THREADS, else the number of processors this process may use."""
    chosen = os.environ.get("FSCOMPRESS_THREADS")
    if not chosen:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not chosen.isdigit() or int(chosen) < 1:
        raise RefusedError(f"FSCOMPRESS_THREADS: must be a positive number (got '{chosen}')")
    return int(chosen)
