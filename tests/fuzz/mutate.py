"""Mutation fuzzer with a time budget: damaged and hostile files in, our errors or the right bytes out.

    python -m tests.fuzz.mutate --minutes 5 [--seed 1]

Golden files are its seeds, the mutations are those of ``mutations.py``.  A worker process decodes in memory, its
address space limited, and writes each case to a file first; this process watches it.  What kills the worker, takes too
long, ends in any exception but ours, or gives bytes that their own SHA-256 does not vouch for is kept in --finds, and
the exit code is 1.  The last line counts.
"""

import argparse
import hashlib
import io
import multiprocessing
import resource
import tempfile
import time
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from fscompress.codec import CodingOptions, decode_stream
from fscompress.container import End, skim
from fscompress.engine.base import check_canary
from fscompress.engine.model_file import parse_model
from fscompress.engine.reference import ReferenceEngine
from fscompress.errors import FscompressError, RefusedError
from tests.fuzz.mutations import Case, Mutator
from tests.helpers import find_either

MEMORY = 640 << 20  # what decoding is allowed; a process may take no more
ADDRESS_SPACE = 3 << 30  # libraries and thread stacks are mapped, not used
PATIENCE = 30.0  # seconds a case may take; all but a few take milliseconds


def is_right(data: bytes, plain: bytes) -> bool:
    """Whether ``plain`` is what the end records of ``data`` describe."""
    at = 0
    for head in skim(io.BytesIO(data)):
        if isinstance(head, End):
            part, at = plain[at : at + head.n_plain], at + head.n_plain
            if hashlib.sha256(part).digest() != head.sha256:
                return False
    return at == len(plain)


def outcome(case: Case) -> str:
    """``right``, ``wrong``, the code of our error, or ``crash`` and the exception."""
    try:
        if case.is_model:
            model = parse_model(case.data)
            check_canary(ReferenceEngine(model), model, "reference")
            return "right"
        target = io.BytesIO()
        decode_stream(io.BytesIO(case.data), target, find_either, CodingOptions(threads=case.threads, memory=MEMORY))
        return "right" if is_right(case.data, target.getvalue()) else "wrong"
    except RefusedError:
        return "memory"
    except FscompressError as error:
        return str(error)[-4:-1]
    except Exception as error:  # noqa: BLE001 - any other exception is what is looked for
        return f"crash {error!r}"


def work(pipe: Connection, seed: int, place: Path) -> None:
    """Sends an outcome for each case, which stands in ``place`` meanwhile, until it is ended."""
    outcome(Mutator(seed).seed_case())  # kernels are loaded before memory is counted
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, resource.RLIM_INFINITY))
    mutator = Mutator(seed)
    while True:
        case = mutator.next()
        place.write_bytes(case.data)
        found = outcome(case)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        pipe.send(f"crash peak of {peak:,} bytes" if peak > MEMORY else found)


class Watch:
    """One worker at a time, replaced when it dies or hangs."""

    def __init__(self, seed: int, finds: Path) -> None:
        self._seed, self._finds = seed, finds
        self._place = Path(tempfile.mkstemp(suffix=".case")[1])
        self._context = multiprocessing.get_context("spawn")
        self.counts: Counter[str] = Counter()
        self._begin()

    def _begin(self) -> None:
        self._pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(target=work, args=(theirs, self._seed, self._place), daemon=True)
        self._process.start()
        theirs.close()
        self._seed += 1
        self._patience = 600.0  # the first answer may wait for compilation

    def step(self, left: float) -> None:
        """Waits for one outcome."""
        try:
            answered = self._pipe.poll(max(0.0, min(self._patience, left)))
            found = self._pipe.recv() if answered else "hang"
        except EOFError:
            found = f"crash of the process ({self._process.exitcode})"
        if found == "hang" and left < self._patience:
            return
        self._patience = PATIENCE
        self.counts[found.split()[0]] += 1
        if found.split()[0] in ("crash", "wrong", "hang"):
            self._keep(found)
        if found == "hang" or not self._process.is_alive():
            self._process.kill()
            self._begin()

    def _keep(self, found: str) -> None:
        data = self._place.read_bytes()
        self._finds.mkdir(parents=True, exist_ok=True)
        path = self._finds / f"{hashlib.sha256(data).hexdigest()[:16]}.case"
        path.write_bytes(data)
        print(f"{path}: {found}", flush=True)

    def end(self) -> None:
        """Ends the worker."""
        self._process.kill()
        self._process.join()
        self._place.unlink()


def summary(counts: Counter[str]) -> str:
    """One line."""
    rules = {name: n for name, n in sorted(counts.items()) if name not in ("right", "wrong", "crash", "hang")}
    return (
        f"tried {counts.total()}, rejected {sum(rules.values())} ("
        + ", ".join(f"{name} {n}" for name, n in rules.items())
        + f"), decoded right {counts['right']}, crashes {counts['crash']}, wrong bytes {counts['wrong']}, "
        f"hangs {counts['hang']}"
    )


def main() -> int:
    """See the module's text."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.mutate", description="Fuzzes the decoder for a time.")
    parser.add_argument("--minutes", type=float, default=1.0, help="how long")
    parser.add_argument("--seed", type=int, help="of the mutations; printed, chosen by chance without")
    parser.add_argument("--finds", type=Path, default=Path(tempfile.gettempdir()) / "fscompress-finds")
    chosen = parser.parse_args()
    seed = int(np.random.SeedSequence().entropy or 0) % 2**31 if chosen.seed is None else chosen.seed
    print(f"seed {seed}", flush=True)
    watch, end = Watch(seed, chosen.finds), time.monotonic() + 60 * chosen.minutes
    while (left := end - time.monotonic()) > 0:
        watch.step(left)
    watch.end()
    print(summary(watch.counts))
    return 1 if any(watch.counts[name] for name in ("crash", "wrong", "hang")) else 0


if __name__ == "__main__":
    raise SystemExit(main())
