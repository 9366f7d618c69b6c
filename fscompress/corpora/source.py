"""Byte ranges of files, grouped and weighted: what a corpus consists of."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fscompress.errors import CorpusError

Bytes = npt.NDArray[np.uint8]
_TASTE = 16  # bytes from the beginning of a source, less of which shows little


@dataclass(frozen=True)
class Source:
    """Bytes ``start`` to ``stop`` (exclusive) of a file."""

    path: Path
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def read(self) -> Bytes:
        """The bytes, uint8 [n], memory-mapped."""
        if self.stop == self.start:
            return np.empty(0, np.uint8)
        try:
            return np.memmap(self.path, np.uint8, "r", self.start, (len(self),))
        except OSError as error:
            raise CorpusError(f"{self.path}: cannot be read ({error.strerror})") from error
        except ValueError as error:  # shorter than when it was looked at
            raise CorpusError(f"{self.path}: cannot be read ({error})") from error

    def part(self, start: float, stop: float) -> "Source":
        """The range between two fractions of this one."""
        n = len(self)
        return Source(self.path, self.start + int(n * start), self.start + int(n * stop))


@dataclass(frozen=True)
class Group:
    """Sources that share a weight: the group gets weight / (sum of weights) of the bytes that training sees."""

    name: str
    weight: float
    sources: tuple[Source, ...]

    def __len__(self) -> int:
        return sum(len(source) for source in self.sources)


@dataclass(frozen=True)
class Corpus:
    """Training groups and two held-out parts; ``test`` is empty where the user brought no test part.

    ``form`` says what is counted as a character, where the published numbers on a corpus leave that open.
    """

    name: str
    train: tuple[Group, ...]
    valid: tuple[Source, ...]
    test: tuple[Source, ...] = ()
    form: str = "the file's bytes as they are"

    def __post_init__(self) -> None:
        if self.n_train == 0 or not any(len(source) for source in self.valid):
            raise CorpusError(f"corpus '{self.name}' is too small to hold out a validation part; give more text")

    @property
    def n_train(self) -> int:
        """Bytes of the training part: one epoch."""
        return sum(len(group) for group in self.train)


def file_source(path: Path) -> Source:
    """The whole of a file."""
    try:
        return Source(path, 0, path.stat().st_size)
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read ({error.strerror})") from error


def joined(sources: tuple[Source, ...], start: int = 0, stop: int | None = None) -> Bytes:
    """Bytes ``start`` to ``stop`` (exclusive; None: the end) of the sources one after the other, uint8 [n].

    Memory-mapped where they lie in one source, else copied: nothing beyond that range is read.
    """
    parts, at = [], 0
    for source in sources:
        first, last = max(start - at, 0), len(source) if stop is None else min(stop - at, len(source))
        if first < last:
            parts.append(Source(source.path, source.start + first, source.start + last))
        at += len(source)
    if len(parts) == 1:
        return parts[0].read()
    data = np.empty(sum(map(len, parts)), np.uint8)
    at = 0
    for part in parts:  # one after another: a mapped file is an open one
        data[at : at + len(part)] = part.read()
        at += len(part)
    return data


def digest(data: Bytes) -> str:
    """SHA-256 of the bytes, in hex."""
    return hashlib.sha256(data.tobytes()).hexdigest()


def beginnings(sources: tuple[Source, ...], n: float) -> Bytes:
    """About ``n`` bytes, uint8: the same share of each source, from its beginning; all of them if they have no more.

    Of very many sources some are left out, so that others have ``_TASTE`` bytes, or all of theirs.
    """
    least = min(_TASTE, sum(map(len, sources)) / max(1, len(sources)))
    every = max(1, int(len(sources) * least / max(1, n)))
    chosen = sources[::every]
    share = min(1.0, (n if every == 1 else least * len(chosen)) / max(1, sum(map(len, chosen))))
    return joined(tuple(source.part(0.0, share) for source in chosen))
