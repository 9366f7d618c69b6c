"""``python -m tests.torture --minutes N [--seed S]``: see the folder's docstring."""

import argparse
import importlib.util
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.conftest import ROOT
from tests.torture import faults, kills, places
from tests.torture.box import Box, Sample, make_samples
from tests.torture.tally import Kind, SkippedError, Tally, WrongError

Fault = Callable[[Box], None]

WEIGHTS: dict[Fault, float] = {
    kills.kill_encode: 10, kills.kill_encode_over: 10, kills.kill_encode_remove: 10,
    kills.kill_decode: 10, kills.kill_decode_over: 10, kills.interrupt: 6, kills.terminate: 6, kills.kill_train: 0.7,
    faults.limited_size: 2, faults.full_stdout: 2, faults.broken_pipe: 2, faults.no_input: 1, faults.vanishing_input: 2,
    faults.two_writers: 3, faults.wrong_clock: 2, faults.exchanged_model: 3,
    places.full_disk: 2, places.read_only_folder: 2, places.unwritable_cache: 0.2,
}  # fmt: skip
FUZZER = "tests.fuzz.mutate"
FUZZER_SHARE = 0.25  # of the minutes


def attempt(fault: Fault, box: Box, tally: Tally) -> None:
    """One fault in its box; what is wrong is said and counted."""
    name, error = fault.__name__, None
    try:
        fault(box)
    except (WrongError, SkippedError) as found:
        error = found
    except Exception as found:  # noqa: BLE001 (whatever it is, the other faults are still to be tried)
        error = WrongError(Kind.CRASH, f"{type(found).__name__}: {found}")
    if isinstance(error, WrongError):
        print(f"{name}: {error}", file=sys.stderr, flush=True)
    tally.count(name, error)
    box.remove()


def storm(folder: Path, samples: list[Sample], tally: Tally, seconds: float, seed: int, jobs: int) -> None:
    """Random faults in ``jobs`` threads: first each one once, then by weight until the time is over."""
    rng, lock, end = random.Random(seed), threading.Lock(), time.monotonic() + seconds
    first, count = list(WEIGHTS), 0
    rng.shuffle(first)

    def work() -> None:
        nonlocal count
        while time.monotonic() < end:
            with lock:
                count += 1
                fault = first.pop() if first else rng.choices([*WEIGHTS], [*WEIGHTS.values()])[0]
                box = Box(folder / str(count), random.Random(rng.random()), tally, samples)
            attempt(fault, box, tally)

    with ThreadPoolExecutor(jobs) as pool:
        for each in [pool.submit(work) for _ in range(jobs)]:
            each.result()


def fuzz(minutes: float, seed: int) -> bool:
    """Runs the mutation fuzzer, which prints its own counts; whether it found nothing."""
    if importlib.util.find_spec(FUZZER) is None:
        print(f"{FUZZER}: not there, not run")
        return True
    command = [sys.executable, "-m", FUZZER, "--minutes", f"{minutes:.2f}", "--seed", str(seed)]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture")
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--jobs", type=int, default=3, help="faults at a time, each in a folder of its own")
    parser.add_argument("--no-fuzz", action="store_true", help=f"without {FUZZER}")
    return parser.parse_args()


def main() -> int:
    """Exit code 1 if anything was not survived."""
    given, tally = arguments(), Tally()
    share = 0 if given.no_fuzz or importlib.util.find_spec(FUZZER) is None else FUZZER_SHARE
    print(f"seed {given.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="fscompress-torture-"))
    try:
        # Every child finds its kernels compiled; a fault is then one of the run and not of the compiler.
        os.environ.setdefault("FSCOMPRESS_CACHE", str(folder / "cache"))
        subprocess.run([sys.executable, "-m", "fscompress", "warmup"], cwd=ROOT, check=True, capture_output=True)
        samples = make_samples(folder / "samples")
        storm(folder, samples, tally, given.minutes * 60 * (1 - share), given.seed, given.jobs)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    fuzzed = fuzz(given.minutes * share, given.seed) if not given.no_fuzz else True
    print(tally.table())
    return 0 if tally.good and fuzzed else 1


if __name__ == "__main__":
    raise SystemExit(main())
