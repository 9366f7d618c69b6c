"""Fixtures that several folders share: the tiny model, a folder of installed models, the program as a process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

# Before torch is imported, here and in children: threads of two test processes on few processors wait for one another
# by spinning, and a run of seconds takes minutes.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent
TINY = ROOT / "tests" / "golden" / "tiny.safetensors"

Program = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="session")
def tiny_model() -> Path:
    """The file of a model so small that loading and coding take no time."""
    assert TINY.is_file(), f"{TINY} is missing; make golden"
    return TINY


@pytest.fixture
def installed(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder in which the tiny model is the default one, for this process and its children."""
    folder = tmp_path_factory.mktemp("models")
    (folder / "default.safetensors").write_bytes(tiny_model.read_bytes())
    monkeypatch.setenv("FSCOMPRESS_MODELS", str(folder))
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cuda_or_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the ``cuda`` engine run on any machine: where there is no GPU on the CPU, by the same code."""
    import torch

    from fscompress.engine import cuda

    if not torch.cuda.is_available():
        monkeypatch.setattr(cuda, "DEVICE", "cpu")


@pytest.fixture
def program() -> Program:
    """Runs ``python -m fscompress WORDS...`` in the current folder; gives exit code, stdout and stderr in bytes."""

    def run(*words: str, **options: object) -> subprocess.CompletedProcess[bytes]:
        options = {"capture_output": True, "timeout": 120, "env": child_environment(), **options}
        command = [sys.executable, "-m", "fscompress", *words]
        return subprocess.run(command, check=False, **options)  # type: ignore[call-overload,no-any-return]

    return run


def hear_signals() -> None:
    """Undoes what a shell's background job (SIGINT) and nohup (SIGHUP) ignore, and a child would inherit."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@contextmanager
def running(command: Sequence[str], **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A child process that hears signals; killed at the end if it still runs, so that a failed test does not hang."""
    options = {"env": child_environment(), "preexec_fn": hear_signals, **options}
    with subprocess.Popen(command, **options) as child:  # type: ignore[call-overload]
        try:
            yield child
        finally:
            child.kill()


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Returns as soon as ``holds()``; fails if it never does."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


def child_environment() -> dict[str, str]:
    """This process's environment with the clone importable, wherever the child runs."""
    return os.environ | {"PYTHONPATH": str(ROOT)}
