"""The program as a process: pipes, terminals, signals, binary stdout."""

import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import fscompress
from tests.conftest import Program, child_environment, running, wait_until

TEXT = b"It was the best of times, it was the worst of times.\n" * 20

pytestmark = pytest.mark.usefixtures("installed", "here")


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a pseudo-terminal: (ours, the program's)."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    try:
        yield ours, theirs
    finally:
        os.close(ours)
        os.close(theirs)


def test_pipe_round_trip(program: Program) -> None:
    encoded = program("encode", input=TEXT)
    assert (encoded.returncode, encoded.stderr) == (0, b"")
    decoded = program("decode", input=encoded.stdout)
    assert (decoded.returncode, decoded.stdout, decoded.stderr) == (0, TEXT, b"")


def test_damaged_pipe(program: Program) -> None:
    result = program("decode", input=b"\xf5FSC but not really")
    assert (result.returncode, result.stdout) == (3, b"")
    assert result.stderr.startswith(b"fscompress: stdin: ")


def test_no_compressed_data_on_a_terminal(program: Program) -> None:
    Path("a.txt").write_bytes(TEXT)
    with terminal() as (_, theirs):
        for words in (["encode", "-c", "a.txt"], ["encode"]):
            result = program(*words, capture_output=False, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE)
            assert result.returncode == 1
            assert b"not written to a terminal" in result.stderr
        for name in ("/dev/stdout", f"/proc/self/fd/{theirs}", os.ttyname(theirs)):
            words = ["encode", "a.txt", "-o", name]
            result = program(*words, capture_output=False, stdout=theirs, stderr=subprocess.PIPE, pass_fds=[theirs])
            assert result.returncode == 1
            assert f"{name}: compressed data is not written to a terminal".encode() in result.stderr
        result = program("decode", capture_output=False, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE)
        assert result.returncode == 1
        assert b"not read from a terminal" in result.stderr


def test_bar_only_on_a_terminal(program: Program) -> None:
    Path("a.txt").write_bytes(TEXT)
    for words, shown in ((["-f"], True), (["-f", "--no-progress"], False), (["-f", "-q"], False)):
        with terminal() as (ours, theirs):
            result = program("encode", "a.txt", *words, capture_output=False, stdout=subprocess.PIPE, stderr=theirs)
            assert (result.returncode, result.stdout) == (0, b"")
            os.set_blocking(ours, False)
            try:
                said = os.read(ours, 1 << 16)
            except BlockingIOError:
                said = b""
        assert (b"a.txt" in said) == shown


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "words",
    [["encode", "-c", "a.txt"], ["list", "a.txt.fsc"], ["models"], ["eval", "a.txt"], ["--help"], ["list", "--help"]],
)
def test_a_full_disk_behind_stdout_is_one_line(program: Program, words: list[str], unbuffered: str) -> None:
    Path("a.txt").write_bytes(TEXT)
    assert program("encode", "a.txt").returncode == 0
    env = child_environment() | {"PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "wb") as full:
        result = program(*words, capture_output=False, stdout=full, stderr=subprocess.PIPE, env=env)
    assert result.returncode == 1
    [line] = result.stderr.splitlines()
    assert line.endswith(b"no space left on device")
    assert b"stdout: " in line or words == ["list", "--help"]


def test_stdin_that_does_not_block_is_read_to_its_end() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    command = [sys.executable, "-m", "fscompress", "encode"]
    with running(command, stdin=reading, stdout=subprocess.PIPE) as child:
        os.close(reading)
        for _ in range(3):
            os.write(writing, TEXT)
            time.sleep(0.3)
        os.close(writing)
        assert child.stdout is not None
        assert fscompress.decompress(child.stdout.read()) == TEXT * 3


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_interruption_leaves_no_trace(number: signal.Signals, code: int) -> None:
    Path("a.txt").write_bytes(TEXT * 500)
    command = [sys.executable, "-m", "fscompress", "encode", "--engine", "reference", "-T2", "a.txt"]
    with running(command, stderr=subprocess.PIPE) as child:
        wait_until(lambda: any(path.name.startswith(".fscompress-") for path in Path().iterdir()))
        time.sleep(0.5)
        child.send_signal(number)
        assert child.wait(timeout=30) == code
        assert child.stderr is not None
        assert b"Traceback" not in child.stderr.read()
    assert [path.name for path in Path().iterdir()] == ["a.txt"]


def test_interruption_of_generated_code_gives_our_exit_code() -> None:
    """Python would end by SIGINT, which a shell reports as 130 too but a parent process does not."""
    Path("interrupted.py").write_text("""
from fscompress.cli import app
def interrupted(**_):
    exec("import signal; signal.raise_signal(signal.SIGINT)")
app.group.main = interrupted
app.main()
""")
    with running([sys.executable, "-m", "interrupted"], stderr=subprocess.PIPE) as child:
        assert child.communicate(timeout=60) == (None, b"")
    assert child.returncode == 130


def test_interruption_of_the_imports_is_no_traceback(here: Path) -> None:
    Path("click.py").write_text("raise KeyboardInterrupt")
    env = child_environment()
    env["PYTHONPATH"] = os.pathsep.join([str(here), env["PYTHONPATH"]])
    command = [sys.executable, "-m", "fscompress", "--help"]
    result = subprocess.run(command, capture_output=True, env=env, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (130, b"", b"")


def test_reader_that_has_enough(program: Program) -> None:
    encoded = program("encode", input=TEXT * 4).stdout
    command = [sys.executable, "-m", "fscompress", "decode"]
    with running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        child.stdin.write(encoded)
        child.stdin.close()
        assert child.wait(timeout=60) == 1
        assert child.stderr.read() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_is_one_line(program: Program) -> None:
    for words in (["-c"], ["-o", "/dev/full"]):
        with open("/dev/full", "wb") as full:
            Path("a.txt").write_bytes(TEXT)
            result = program("encode", "a.txt", *words, capture_output=False, stdout=full, stderr=subprocess.PIPE)
        assert result.returncode == 1
        assert len(result.stderr.splitlines()) == 1
        assert b"no space left" in result.stderr


@pytest.mark.parametrize(
    "words",
    ["encode <&-", "encode -c a.txt >&-", "list a.txt.fsc >&-", "models --json >&-", "eval a.txt >&-",
     "study cells a.txt >&-", "bench --only fscompress a.txt >&-", "bench --published >&-"],
)  # fmt: skip
def test_closed_stdin_and_stdout(program: Program, words: str) -> None:
    Path("a.txt").write_bytes(TEXT)
    assert program("encode", "a.txt").returncode == 0
    command = f"exec {sys.executable} -m fscompress {words}"
    result = subprocess.run(["sh", "-c", command], capture_output=True, env=child_environment(), check=False)
    stream = "stdin" if "<" in words else "stdout"
    assert (result.returncode, result.stderr.decode()) == (1, f"fscompress: {stream}: is closed; name a file\n")


def test_what_prints_nothing_needs_no_stdout(program: Program) -> None:
    command = f"exec {sys.executable} -m fscompress models --verify default >&-"
    result = subprocess.run(["sh", "-c", command], capture_output=True, env=child_environment(), check=False)
    assert result.returncode == 0
    assert b": intact" in result.stderr


def test_version_names_the_format(program: Program) -> None:
    result = program("-V")
    assert result.returncode == 0
    assert result.stdout.startswith(f"fscompress {fscompress.__version__} ".encode())
    assert b"format 1" in result.stdout
