"""Where compiled kernels go: the user's cache folder, or, if that cannot be, a private folder that does not stay."""

import subprocess
import sys
from pathlib import Path

import pytest

from fscompress.errors import RefusedError
from fscompress.jit import kernel_cache, kernel_sources_digest
from fscompress.settings import cache_folder
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


SMALL = """
from fscompress.jit import kernel, not_kept
@kernel
def more(x):
    return x + 1
print(more(1), more(1.5), *not_kept)
"""


def run_small(folder: Path, *before: str) -> str:
    (folder / "small.py").write_text(SMALL)
    environment = child_environment() | {"FSCOMPRESS_CACHE": str(folder / "cache")}
    environment["PYTHONPATH"] = f"{folder}:{environment['PYTHONPATH']}"
    command = [*before, sys.executable, "-B", "-c", "import small"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def small_cache(folder: Path, ending: str) -> list[Path]:
    return sorted((folder / "cache").rglob(f"*{ending}"))


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
def test_damaged_files_of_the_cache_are_compiled_anew(tmp_path: Path, ending: str) -> None:
    assert run_small(tmp_path) == "2 2.5\n"
    good = [path.read_bytes() for path in small_cache(tmp_path, ending)]
    assert len(good) == (1 if ending == ".nbi" else 2)
    for data in (b"", good[0][:40], b"no pickle"):
        for path in small_cache(tmp_path, ending):
            path.write_bytes(data)
        assert run_small(tmp_path) == "2 2.5\n"
        assert all(path.stat().st_size > 1000 for path in small_cache(tmp_path, ".nbc"))


def test_code_under_the_wrong_name_is_compiled_anew(tmp_path: Path) -> None:
    """An index that is written, and its code not: then the name is that of the code for other types."""
    assert run_small(tmp_path) == "2 2.5\n"
    first, second = small_cache(tmp_path, ".nbc")
    whole, fraction = first.read_bytes(), second.read_bytes()
    first.write_bytes(fraction)
    second.write_bytes(whole)
    for _ in range(2):
        assert run_small(tmp_path) == "2 2.5\n"


def test_kernels_run_where_numba_does_not_compile(tmp_path: Path) -> None:
    assert run_small(tmp_path, "env", "NUMBA_DISABLE_JIT=1") == "2 2.5\n"
    assert not small_cache(tmp_path, ".nbi")


def test_no_room_for_the_cache_is_no_failure(tmp_path: Path) -> None:
    limited = ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh"]
    assert run_small(tmp_path, *limited) == "2 2.5 File too large File too large\n"
    assert small_cache(tmp_path, ".nbc") == []
    assert run_small(tmp_path) == "2 2.5\n"


def test_a_user_without_a_home_folder_has_a_private_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("FSCOMPRESS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(RefusedError, match="no home folder to keep a cache in; let FSCOMPRESS_CACHE"):
        cache_folder()
    assert kernel_cache.__wrapped__().is_dir()


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
