"""A box: an empty folder, inputs with their known encodings, and the program as a process with all that is to be said
about how it ended."""

import random
import shutil
import signal
import stat
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import TINY, child_environment
from tests.helpers import noise, text
from tests.torture.tally import Kind, Tally, WrongError

LEVELS = ("fast", "normal")
TIMEOUT = 300


@dataclass(frozen=True)
class Sample:
    """Plain bytes and what they are encoded to at a level."""

    level: str
    plain: bytes = field(repr=False)
    coded: bytes = field(repr=False)


@dataclass
class Ended:
    """A process that has ended."""

    code: int
    out: bytes
    err: bytes


def environment(models: Path) -> dict[str, str]:
    """A child's environment, the tiny model the default one."""
    models.mkdir(exist_ok=True)
    shutil.copy(TINY, models / "default.safetensors")
    return child_environment() | {"FSCOMPRESS_MODELS": str(models), "FSCOMPRESS_THREADS": "1"}


def make_samples(folder: Path) -> list[Sample]:
    """Inputs of many kinds, each encoded once by a process that nothing befalls."""
    plains = [b"", b"x", text(3_000), text(60_000), text(150_000, 50_000), noise(70_000), text(20_000) + noise(30_000)]
    box, samples = Box(folder, random.Random(0), Tally(), []), []
    for level in LEVELS:
        for plain in plains:
            ended = box.run("encode", "--level", level, stdin=plain)
            box.expect(ended, 0)
            samples.append(Sample(level, plain, ended.out))
    return samples


class Box:
    """One fault's folder; ``rng`` decides whatever is random in it."""

    def __init__(self, folder: Path, rng: random.Random, tally: Tally, samples: list[Sample]) -> None:
        self.folder, self.rng, self.tally, self.samples = folder, rng, tally, samples
        self.models = folder.with_name(folder.name + ".models")
        folder.mkdir(parents=True, exist_ok=True)
        self.env = environment(self.models)

    def remove(self) -> None:
        """Removes the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.models, ignore_errors=True)

    def sample(self, slow: bool = False) -> Sample:
        """Any sample, or one that takes a while."""
        return self.rng.choice([each for each in self.samples if not slow or len(each.plain) >= 50_000])

    def start(self, *words: str, **options: object) -> "subprocess.Popen[bytes]":
        """The program as a process, in this folder; a signal reaches it as from a terminal."""
        defaults: dict[str, object] = {"stdin": subprocess.DEVNULL, "cwd": self.folder, "env": self.env}
        pipes: dict[str, object] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [sys.executable, "-m", "fscompress", *words]
        return subprocess.Popen(command, **(defaults | pipes | options))  # type: ignore[call-overload,no-any-return]

    def run(self, *words: str, stdin: bytes | None = None, **options: object) -> Ended:
        """Runs the program to its end."""
        if stdin is not None:
            options["stdin"] = subprocess.PIPE
        return self.finish(self.start(*words, **options), stdin)

    def finish(self, child: "subprocess.Popen[bytes]", stdin: bytes | None = None) -> Ended:
        """Waits for a process; one that hangs is a crash."""
        try:
            out, err = child.communicate(stdin, timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            child.kill()
            raise WrongError(Kind.CRASH, f"{child.args} hangs") from None
        return Ended(child.returncode, out or b"", err or b"")

    def strike(self, child: "subprocess.Popen[bytes]", number: signal.Signals, seconds: float) -> Ended:
        """Sends a signal at a random moment: anywhere in ``seconds``, or soon after the output has been begun."""
        end = time.monotonic() + self.rng.uniform(0.0, seconds)
        if self.rng.random() < 0.7:
            while child.poll() is None and not self.litter() and time.monotonic() < end + seconds:
                time.sleep(0.002)
            end = time.monotonic() + self.rng.uniform(0.0, seconds / 2)
        while child.poll() is None and time.monotonic() < end:
            time.sleep(0.002)
        if child.poll() is None:
            child.send_signal(number)
        ended = self.finish(child)
        if ended.code == -signal.SIGKILL:
            self.tally.count_kill()
        return ended

    def expect(self, ended: Ended, *codes: int, silent: bool = False) -> None:
        """The exit code is one of these, and stderr one clear line where something went wrong, else nothing."""
        said = ended.err.decode(errors="replace")
        if "Traceback" in said or "internal error" in said or (ended.code < 0 and ended.code not in codes):
            raise WrongError(Kind.CRASH, f"exit {ended.code}: {said[-1500:]}")
        lines = said.splitlines()
        clear = len(lines) == 1 and lines[0].startswith("fscompress: ")
        if ended.code not in codes or not (clear if ended.code > 0 and not silent else not lines):
            raise WrongError(Kind.MESSAGE, f"exit {ended.code}, not {codes}: {said[-1500:]!r}")

    def litter(self) -> list[Path]:
        """Temporary files in the folder."""
        return [path for path in self.folder.iterdir() if path.name.endswith(".tmp")]

    def check_leftover(self, whole: bytes) -> None:
        """After kill -9: at most one temporary file, its owner's alone unless it only lacked its name."""
        found = self.litter()
        if len(found) > 1:
            raise WrongError(Kind.LITTER, f"several leftovers: {found}")
        for path in found:
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & 0o077 and path.read_bytes() != whole:
                raise WrongError(Kind.LITTER, f"{path.name} has mode {mode:o}")

    def check_folder(self, *names: str) -> None:
        """No other files than these are there."""
        found = {path.name for path in self.folder.iterdir()}
        if found - set(names):
            raise WrongError(Kind.LITTER, f"left behind: {sorted(found - set(names))}")

    def check_target(self, path: Path, *allowed: bytes | None) -> None:
        """The file holds one of these bytes; None: there is none."""
        data = path.read_bytes() if path.exists() else None
        if data in allowed:
            return
        kind = Kind.HALF if data is None or any(each and each.startswith(data) for each in allowed) else Kind.BYTES
        raise WrongError(kind, f"{path.name}: {None if data is None else len(data)} bytes")


def hears_interrupts() -> None:
    """For a child: a shell's background job ignores SIGINT, and its children do."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
