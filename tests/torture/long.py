"""A long run: ``python -m tests.torture.long --megabytes 1000 --text-share 0.01``.

Generated data goes through ``encode | decode`` at level fast with the tiny model; the resident memory of both processes
is printed as it goes, and the sums of what went in and what came out at the end.  Text is coded, at tens or hundreds
of kilobytes a second; noise is stored raw, so a run of mostly noise passes many more blocks in the same time.
Ends with 1 if the sums differ, or if memory in the second half of the run was above that of the first by a tenth.
"""

import argparse
import hashlib
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from fscompress.levels import LEVELS
from tests.helpers import text
from tests.torture.box import environment

BLOCK = 1 << LEVELS["fast"].block_log2
PIECE = 1 << 12
ALLOWED_GROWTH = 1.1


def generated(n_bytes: int, text_share: float, seed: int) -> Iterator[bytes]:
    """Whole blocks of shuffled English or of noise; the first one is text."""
    whole, rng = text(400_000, 0), random.Random(seed)
    for start in range(0, n_bytes, BLOCK):
        if start and rng.random() >= text_share:
            yield rng.randbytes(BLOCK)
            continue
        starts = [rng.randrange(len(whole) - PIECE) for _ in range(BLOCK // PIECE)]
        yield b"".join(whole[at : at + PIECE] for at in starts)


def resident(process: "subprocess.Popen[bytes]") -> int:
    """Bytes in memory now; 0 once it has ended."""
    try:
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


class Feeder(threading.Thread):
    """Writes the pieces and their sum."""

    def __init__(self, pieces: Iterator[bytes], to: IO[bytes]) -> None:
        super().__init__()
        self._pieces, self._to = pieces, to
        self.n, self.digest = 0, hashlib.sha256()

    def run(self) -> None:
        """See the class."""
        with self._to:
            for piece in self._pieces:
                self._to.write(piece)
                self.digest.update(piece)
                self.n += len(piece)


def watch(processes: "dict[str, subprocess.Popen[bytes]]", seen: Feeder, every: float, done: threading.Event) -> float:
    """Prints memory until ``done``; the largest growth of a process from the first half to the second."""
    curve: list[tuple[int, ...]] = []
    began = time.monotonic()
    while not done.wait(every):
        curve.append(tuple(resident(each) for each in processes.values()))
        told = "  ".join(f"{name} {n / 1e6:.1f} MB" for name, n in zip(processes, curve[-1], strict=True))
        print(f"{time.monotonic() - began:7.0f} s  {seen.n / 1e6:8.1f} MB in  resident: {told}", flush=True)
    alive = [point for point in curve if all(point)]
    half = len(alive) // 2
    if not half:
        return 1.0
    return max(max(column[half:]) / max(column[:half]) for column in zip(*alive, strict=True))


def main() -> int:
    """Exit code 1 if bytes differ or memory grew."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.long")
    parser.add_argument("--megabytes", type=float, default=1000)
    parser.add_argument("--text-share", type=float, default=1.0, help="of the blocks; the others are noise")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=5, help="seconds between two looks at the memory")
    given = parser.parse_args()
    program, done = [sys.executable, "-m", "fscompress"], threading.Event()
    with tempfile.TemporaryDirectory(prefix="fscompress-long-") as folder:
        env = environment(Path(folder) / "models")
        encode = subprocess.Popen(
            [*program, "encode", "--level", "fast", "-T1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env
        )
        decode = subprocess.Popen([*program, "decode", "-T1"], stdin=encode.stdout, stdout=subprocess.PIPE, env=env)
        assert encode.stdin is not None
        assert encode.stdout is not None
        assert decode.stdout is not None
        encode.stdout.close()  # ours: so that an end of decode ends encode
        feeder = Feeder(generated(int(given.megabytes * 1e6), given.text_share, given.seed), encode.stdin)
        growths: list[float] = []
        both = {"encode": encode, "decode": decode}
        watcher = threading.Thread(target=lambda: growths.append(watch(both, feeder, given.every, done)))
        began = time.monotonic()
        feeder.start()
        watcher.start()
        out = hashlib.sha256()
        while chunk := decode.stdout.read(BLOCK):
            out.update(chunk)
        codes, seconds = (encode.wait(), decode.wait()), time.monotonic() - began
        done.set()
        feeder.join()
        watcher.join()
    equal = out.digest() == feeder.digest.digest()
    print(f"in  {feeder.n:,} bytes, sha256 {feeder.digest.hexdigest()}\nout sha256 {out.hexdigest()}")
    print(f"exit codes {codes}, {feeder.n / seconds / 1000:.0f} kB/s, largest growth of memory x{growths[0]:.3f}")
    return 0 if equal and codes == (0, 0) and growths[0] <= ALLOWED_GROWTH else 1


if __name__ == "__main__":
    raise SystemExit(main())
