"""Where compiled kernels go: the user's cache folder, or, if that cannot be, a private folder that does not stay."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import child_environment

ASK = "import os, fscompress.jit; print(os.environ['NUMBA_CACHE_DIR'])"


def kernel_folder(cache: Path) -> Path:
    environment = {key: value for key, value in child_environment().items() if key != "NUMBA_CACHE_DIR"}
    environment["FSCOMPRESS_CACHE"] = str(cache)
    done = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


def test_kernels_are_kept_in_the_cache_folder(tmp_path: Path) -> None:
    assert kernel_folder(tmp_path / "cache") == tmp_path / "cache" / "kernels"
    assert (tmp_path / "cache" / "kernels").is_dir()


def test_an_unwritable_cache_gives_a_private_folder_each_time_and_no_litter(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"not a folder")
    first, second = kernel_folder(tmp_path / "file"), kernel_folder(tmp_path / "file")
    assert first != second
    assert not first.exists()
    assert not second.exists()
