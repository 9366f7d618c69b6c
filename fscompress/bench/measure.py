"""One compressor on one file: sizes and speeds of real bytes, counted only if they come back as they were."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from fscompress.bench.compressors import Compressor
from fscompress.errors import FscompressError

WARM_UP_BYTES = 1 << 15  # compiles kernels and loads tables outside the measured runs
SHORT_SECONDS = 1.0
SHORT_RUNS = 3  # at least, of what takes less than SHORT_SECONDS; more until so many seconds or runs are reached
ENOUGH_SECONDS, ENOUGH_RUNS = 0.5, 25
NOT_BACK = "decoding did not give the input back"
CHANGED = "the file has another length than when it was looked at"

Result = TypeVar("Result")


@dataclass(frozen=True)
class Row:
    """Figures of one compressor on one file.

    Args:
        n_plain, n_coded, model_bytes: sizes in bytes; ``model_bytes`` is what a decoder must have beside the program.
        encode_seconds, decode_seconds: median of the runs.
        encode_spread, decode_spread: interquartile range of the runs, as a share of the median.
        peak_bytes: the largest resident memory of the process, 0 if it is not known.
        runs: timed runs of encoding.
        failure: why the round trip does not count; empty if the bytes came back.
    """

    compressor: str
    file: str
    n_plain: int
    n_coded: int = 0
    model_bytes: int = 0
    encode_seconds: float = 0.0
    decode_seconds: float = 0.0
    encode_spread: float = 0.0
    decode_spread: float = 0.0
    peak_bytes: int = 0
    runs: int = 0
    failure: str = ""

    @property
    def verified(self) -> bool:
        """Whether decoding gave the very bytes back."""
        return not self.failure

    @property
    def bits_per_byte(self) -> float:
        """Coded bits for each plain byte."""
        return 8 * self.n_coded / self.n_plain

    @property
    def bits_per_byte_with_model(self) -> float:
        """The same, the model file counted as part of the output."""
        return 8 * (self.n_coded + self.model_bytes) / self.n_plain

    @property
    def ratio(self) -> float:
        """Plain bytes for each coded byte."""
        return self.n_plain / self.n_coded if self.n_coded else 0.0

    @property
    def encode_speed(self) -> float:
        """kB (1000 bytes) of text a second."""
        return self.n_plain / 1000 / self.encode_seconds if self.encode_seconds else 0.0

    @property
    def decode_speed(self) -> float:
        """kB (1000 bytes) of text a second."""
        return self.n_plain / 1000 / self.decode_seconds if self.decode_seconds else 0.0


def measure(compressor: Compressor, file: str, data: bytes, runs: int | None = None) -> Row:
    """Encodes and decodes ``data`` (not empty) after a warm-up; a failure is a row, not an exception.

    Args:
        runs: timed runs; None: as ``repeated`` chooses.
    """
    try:
        compressor.decompress(compressor.compress(data[:WARM_UP_BYTES]))
        first = _First()
        encodes = repeated(clocked(lambda: compressor.compress(data), first.equals), runs)
        coded = first.result
        decodes = repeated(clocked(lambda: compressor.decompress(coded), data.__eq__), runs)
    except (FscompressError, OSError, EOFError, ValueError, RuntimeError) as error:
        return failed(compressor.name, file, len(data), f"{type(error).__name__}: {error}")
    if not all(same for same, _ in encodes):
        return failed(compressor.name, file, len(data), "encoding twice gave different bytes")
    if not all(same for same, _ in decodes):
        return failed(compressor.name, file, len(data), NOT_BACK)
    times = [seconds for _, seconds in encodes], [seconds for _, seconds in decodes]
    return measured(compressor.name, file, len(data), len(coded), compressor.model_bytes, *times)


def failed(compressor: str, file: str, n_plain: int, reason: str) -> Row:
    """A row without a figure."""
    return Row(compressor, file, n_plain, failure=reason)


def measured(
    compressor: str,
    file: str,
    n_plain: int,
    n_coded: int,
    model_bytes: int,
    encodes: Sequence[float],
    decodes: Sequence[float],
    peak_bytes: int = 0,
) -> Row:
    """The row of verified runs that took so many seconds each."""
    medians = statistics.median(encodes), statistics.median(decodes)
    spreads = spread(encodes), spread(decodes)
    return Row(compressor, file, n_plain, n_coded, model_bytes, *medians, *spreads, peak_bytes, len(encodes))


class _First:
    """The first of several results: the others are compared and not kept, for memory is measured too."""

    result = b""

    def equals(self, result: bytes) -> bool:
        """Whether it is the first one or equal to that."""
        self.result = self.result or result
        return result == self.result


def clocked(work: Callable[[], bytes], judge: Callable[[bytes], bool]) -> Callable[[], tuple[bool, float]]:
    """What ``judge`` says of the result of ``work``, and the seconds of ``work`` alone; nothing is imported for it."""

    def once() -> tuple[bool, float]:
        began = time.perf_counter()
        result = work()
        seconds = time.perf_counter() - began
        return judge(result), seconds

    return once


def repeated(once: Callable[[], tuple[Result, float]], runs: int | None) -> list[tuple[Result, float]]:
    """Results and seconds of ``runs`` runs; None: of one, or of several if it takes less than a second."""
    results = [once()]
    while len(results) < runs if runs else _too_few([seconds for _, seconds in results]):
        results.append(once())
    return results


def _too_few(seconds: Sequence[float]) -> bool:
    if seconds[0] >= SHORT_SECONDS or len(seconds) >= ENOUGH_RUNS:
        return False
    return len(seconds) < SHORT_RUNS or sum(seconds) < ENOUGH_SECONDS


def spread(seconds: Sequence[float]) -> float:
    """The interquartile range as a share of the median; 0 for one run."""
    if len(seconds) == 1:
        return 0.0
    first, median, third = statistics.quantiles(seconds, method="inclusive")
    return (third - first) / median if median else 0.0
