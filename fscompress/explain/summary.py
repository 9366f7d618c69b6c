"""A trace in figures: cost by kind of byte, by place in the word and by winner, and as it runs along the text."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fscompress.code_lengths import F64
from fscompress.explain.trace import Trace
from fscompress.lanes import U8

Groups = npt.NDArray[np.int64]

LEFT_OUT = -1
LETTERS, DIGITS, SPACES, NEWLINES, PUNCTUATION, OTHER_UTF8, CONTROL = range(7)
KINDS = ("letters", "digits", "spaces and tabs", "newlines", "punctuation", "other UTF-8", "control")
LAST_PLACE = 10  # of a word: and all behind it
PLACES = (*map(str, range(1, LAST_PLACE)), f"{LAST_PLACE} and on")


@dataclass(frozen=True)
class Share:
    """Bytes of one group: how many, their bits at the level, their bits with the network alone."""

    name: str
    n_bytes: int
    bits: float
    network_bits: float


@dataclass(frozen=True)
class Input:
    """An input of the mixer: the bytes for which it spoke most, how often it came second, its mean evidence in bits."""

    name: str
    first: Share
    n_second: int
    evidence: float


def by_kind(trace: Trace) -> list[Share]:
    """A share for each of ``KINDS`` that occurs."""
    return _shares(trace, _kinds()[_bytes(trace)], KINDS)


def by_place(trace: Trace) -> list[Share]:
    """A share for each place in a word: a run of letters and of bytes from 128 on, counted in bytes."""
    kinds = _kinds()[_bytes(trace)]
    inside = (kinds == LETTERS) | (kinds == OTHER_UTF8)
    at = np.arange(len(inside))
    before = np.maximum.accumulate(np.where(inside, -1, at))  # the last byte outside
    return _shares(trace, np.where(inside, np.minimum(at - before, LAST_PLACE) - 1, LEFT_OUT), PLACES)


def by_input(trace: Trace) -> list[Input]:
    """All inputs and ``NOBODY``, the one with most evidence first."""
    shares = {share.name: share for share in _shares(trace, trace.winners[:, 0].astype(np.int64), trace.names)}
    second = np.bincount(trace.winners[:, 1], minlength=len(trace.names)).tolist()
    none = Share("", 0, 0.0, 0.0)
    inputs = [
        Input(name, shares.get(name, none), n, evidence)
        for name, n, evidence in zip(trace.names, second, [*trace.evidence.tolist(), 0.0], strict=True)
    ]
    return sorted(inputs, key=lambda each: -each.evidence)


def running_cost(bits: F64, n_points: int) -> tuple[Groups, F64, F64]:
    """Ends of at most ``n_points`` equal stretches, mean bits of all bytes before each, and of each stretch alone."""
    ends = np.unique(np.linspace(0, len(bits), min(n_points, len(bits)) + 1).astype(np.int64))
    sums = np.concatenate(([0.0], np.cumsum(bits)))[ends]
    return ends[1:], sums[1:] / ends[1:], np.diff(sums) / np.diff(ends)


def _bytes(trace: Trace) -> U8:
    return np.frombuffer(trace.data, np.uint8)


def _kinds() -> Groups:
    """int64 [256], the kind of each byte."""
    kinds = np.full(256, CONTROL)
    kinds[0x21:0x7F], kinds[0x80:] = PUNCTUATION, OTHER_UTF8
    kinds[ord("0") : ord("9") + 1] = DIGITS
    for first, last in ("AZ", "az"):
        kinds[ord(first) : ord(last) + 1] = LETTERS
    kinds[list(b" \t")], kinds[list(b"\n\r")] = SPACES, NEWLINES
    return kinds


def _shares(trace: Trace, groups: Groups, names: Sequence[str]) -> list[Share]:
    """Of the groups that occur, in the order of their names; ``groups`` int64 [n], ``LEFT_OUT`` in none."""
    counted = groups != LEFT_OUT
    columns = [
        np.bincount(groups[counted], weights, len(names))
        for weights in (None, trace.bits[counted], trace.network_bits[counted])
    ]
    rows = zip(names, *(column.tolist() for column in columns), strict=True)
    return [Share(name, int(n), bits, network) for name, n, bits, network in rows if n]
