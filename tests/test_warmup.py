"""After ``fscompress warmup`` no file, of any level or length, has anything compiled."""

import re
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from fscompress import jit
from fscompress.cli.app import group
from fscompress.levels import LEVELS
from tests.conftest import Program, child_environment
from tests.helpers import OTHER, noise, text

pytestmark = pytest.mark.usefixtures("installed", "here")


def test_a_second_time_there_is_nothing_to_do(program: Program) -> None:
    program("warmup")
    began = time.monotonic()
    result = program("warmup")
    assert time.monotonic() - began < 10
    assert (result.returncode, result.stdout) == (0, b"")
    assert re.fullmatch(rb"\d+ kernels: nothing to do \(.*\)\n", result.stderr)


def test_a_cache_that_cannot_be_written_is_said_before_the_work(program: Program) -> None:
    Path("file").write_bytes(b"no folder")
    result = program("warmup", env=child_environment() | {"FSCOMPRESS_CACHE": "file"})
    assert (result.returncode, result.stdout) == (1, b"")
    assert re.fullmatch(rb"fscompress: file/kernels.*: not a directory\n", result.stderr)


def test_a_cache_that_only_reads_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # the superuser may write wherever the disk lets anybody
    result = CliRunner().invoke(group, ["warmup"])
    assert result.exit_code == 1
    assert "is not writable; let FSCOMPRESS_CACHE name another folder" in result.stderr


def test_kernels_that_there_is_no_room_for_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """That they are counted: ``test_jit.py``."""
    monkeypatch.setattr(jit, "not_kept", [])
    monkeypatch.setattr("fscompress.warmup.compile_kernels", lambda _: jit.not_kept.extend(["No space left"] * 2))
    result = CliRunner().invoke(group, ["warmup"])
    assert result.exit_code == 1
    assert result.stderr == f"fscompress: {jit.kernel_cache()}: 2 kernels cannot be kept (No space left)\n"


@pytest.mark.slow
def test_nothing_is_left_to_compile(program: Program, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    environment = child_environment() | {"FSCOMPRESS_CACHE": str(cache)}

    def run(*words: str) -> bytes:
        result = program(*words, env=environment, timeout=600)
        assert result.returncode == 0, result.stderr
        return result.stderr

    first = re.fullmatch(rb"(\d+) kernels: (\d+) compiled in .*\n", run("warmup"))
    assert first
    assert first[1] == first[2]
    compiled = sorted(cache.rglob("*.nb?"))
    samples = [b"", b"a", text(300), text(5003), text(200_001, 0), noise(20_000)]
    for n, plain in enumerate(samples):
        Path(f"{n}.txt").write_bytes(plain)
    for level in LEVELS:
        models = ["--model", "default", "--model", str(OTHER)] if level == "best" else []
        for n, plain in enumerate(samples):
            if len(plain) < 100_000 or level == "fast":
                run("encode", "-f", "-T2", "--level", level, *models, f"{n}.txt")
                run("test", "-q", "-T2", "--model", str(OTHER), f"{n}.txt.fsc")
    assert sorted(cache.rglob("*.nb?")) == compiled
