"""Where compiled kernels go: the user's cache folder, or, if that cannot be, a private folder that does not stay."""

import subprocess
import sys
from pathlib import Path

from fscompress.jit import kernel_sources_digest
from tests.conftest import child_environment

ASK = "import numba; from fscompress.engine.kernels import lstm_step; print(lstm_step.stats.cache_path)"


def kernel_folder(cache: Path, **others: str) -> Path:
    """Where a process keeps its kernels that has imported numba for purposes of its own before."""
    environment = child_environment() | {"FSCOMPRESS_CACHE": str(cache), **others}
    done = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
    return Path(done.stdout.strip()).parent


def test_kernels_are_kept_in_the_cache_folder(tmp_path: Path) -> None:
    folder = kernel_folder(tmp_path / "cache")
    assert folder == tmp_path / "cache" / "kernels" / kernel_sources_digest()
    assert folder.is_dir()


def test_kernels_are_kept_apart_from_those_of_others(tmp_path: Path) -> None:
    """In a folder that does not change with the sources, numba would take an older version's kernels for these."""
    folder = kernel_folder(tmp_path / "cache", NUMBA_CACHE_DIR=str(tmp_path / "others"))
    assert folder == tmp_path / "cache" / "kernels" / kernel_sources_digest()


def test_an_unwritable_cache_gives_a_private_folder_each_time_and_no_litter(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"not a folder")
    first, second = kernel_folder(tmp_path / "file"), kernel_folder(tmp_path / "file")
    assert first != second
    assert not first.exists()
    assert not second.exists()


def test_a_change_of_any_kernel_source_renames_the_cache(tmp_path: Path) -> None:
    """Else a kernel compiled with constants of another file's old version would code wrong bytes."""
    (tmp_path / "mixer").mkdir()
    layout, kernels, other = tmp_path / "mixer" / "layout.py", tmp_path / "decisions.py", tmp_path / "store.py"
    layout.write_text("A = 1")
    kernels.write_text("from fscompress.jit import kernel")
    other.write_text("B = 1")
    before = kernel_sources_digest(tmp_path)
    other.write_text("B = 2")
    assert kernel_sources_digest(tmp_path) == before
    layout.write_text("A = 2")
    changed = kernel_sources_digest(tmp_path)
    kernels.write_text("from fscompress.jit import kernel, x")
    again = kernel_sources_digest(tmp_path)
    (tmp_path / "intrinsics.py").write_text("from llvmlite import ir")
    assert len({before, changed, again, kernel_sources_digest(tmp_path)}) == 4
