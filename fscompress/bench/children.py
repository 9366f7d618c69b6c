"""Processes that the benchmark starts: with a time limit, without a shell, ended whole whatever happens here."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from fscompress.errors import BaselineError

MAX_REASON = 200  # characters of what a process says about its failure


class Deadline:
    """Seconds that all processes of one measurement may take together."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds from now, at least 0."""
        return max(0.0, self._end - time.monotonic())


def run(
    command: Sequence[str],
    deadline: Deadline,
    given: bytes = b"",
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> bytes:
    """What the command writes to stdout.

    Args:
        command: the program's path and its words.
        given: its stdin.
        folder, environment: None: those of this process.
    Raises:
        BaselineError: it cannot be started, fails, or is not done in time; the message is the reason alone.
    """
    with tempfile.TemporaryFile() as complaints:
        code, said = _finish(command, deadline, given, folder, environment, complaints)
        if code:
            raise BaselineError(_failure(code, complaints))
        return said


def ask(command: Sequence[str], deadline: Deadline, environment: Mapping[str, str]) -> str:
    """What the command writes to stdout and stderr, whatever its exit code; raises BaselineError as ``run``."""
    _, said = _finish(command, deadline, b"", None, environment, subprocess.STDOUT)
    return said.decode(errors="replace")


def _finish(
    command: Sequence[str],
    deadline: Deadline,
    given: bytes,
    folder: Path | None,
    environment: Mapping[str, str] | None,
    complaints: IO[bytes] | int,
) -> tuple[int, bytes]:
    pipe, group = subprocess.PIPE, True  # a group of its own: the terminal's Ctrl-C comes to this process alone
    try:
        process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=complaints, cwd=folder, env=environment, start_new_session=group
        )
    except OSError as error:
        raise BaselineError(f"cannot be started: {error.strerror}") from error
    try:
        said, _ = process.communicate(given, timeout=deadline.left)
    except subprocess.TimeoutExpired:
        raise BaselineError(f"took more than {deadline.seconds:g} s") from None
    finally:
        _end(process)
    return process.returncode, said


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the process with all that it has started, if it is still there, and takes its pipes away."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _failure(code: int, complaints: IO[bytes]) -> str:
    """Why a process failed: its signal, which is a negative code, or exit code, and its last line on stderr."""
    complaints.seek(0)
    lines = [" ".join(line.split()) for line in complaints.read().decode(errors="replace").splitlines()]
    last = next((line for line in reversed(lines) if line), "")
    ended = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return f"{ended}: {last[:MAX_REASON]}" if last else ended
