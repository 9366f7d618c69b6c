"""The range coder in unbounded Python integers: 32-bit words, 64-bit state, 24-bit precision.

Range coding (Martin 1979) in the form that constriction 0.5 gives it: an interval [lower, lower + range) of numbers
below 2**64, a word shifted out whenever range falls below 2**32.
"""

from collections.abc import Iterable

WORD, STATE, PRECISION = 32, 64, 24
FULL = (1 << STATE) - 1
LAST_WORD = (1 << WORD) - 1

Decision = tuple[int, int]  # bit, p1


def interval(bit: int, p1: int) -> tuple[int, int]:
    """Start and length of a bit's part of 2**24: zeros first, a one gets 256 * p1."""
    zeros = (1 << PRECISION) - 256 * p1
    return (zeros, 256 * p1) if bit else (0, zeros)


def encode(decisions: Iterable[Decision]) -> list[int]:
    """All words."""
    words: list[int] = []  # a carry goes into those already there, so that none need be held back
    lower, range_ = 0, FULL
    for bit, p1 in decisions:
        start, length = interval(bit, p1)
        scale = range_ >> PRECISION
        lower += scale * start
        range_ = scale * length
        if lower > FULL:
            lower -= FULL + 1
            _carry(words)
        if range_ < 1 << (STATE - WORD):
            words.append(lower >> (STATE - WORD))
            lower = lower << WORD & FULL
            range_ <<= WORD
    return words if range_ == FULL else _sealed(words, lower, range_)


def _sealed(words: list[int], lower: int, range_: int) -> list[int]:
    """One more word, rounded up so that it lies within the interval whatever follows; two where that is not so."""
    point = lower + (1 << (STATE - WORD)) - 1
    if point > FULL:
        point -= FULL + 1
        _carry(words)
    top = point >> (STATE - WORD)
    beyond = (lower + range_ & FULL) >> (STATE - WORD)
    return [*words, top, 0] if beyond == top else [*words, top]


def _carry(words: list[int]) -> None:
    at = len(words) - 1
    while words[at] == LAST_WORD:
        words[at] = 0
        at -= 1
    words[at] += 1


def decode(words: list[int], p1s: Iterable[int]) -> list[int]:
    """The bits; raises ValueError where the words lead outside all intervals.  Zeros follow the last word."""
    rest = iter(words)
    point = next(rest, 0) << WORD | next(rest, 0)
    range_, bits = FULL, []
    for p1 in p1s:
        scale = range_ >> PRECISION
        quantile = point // scale
        if quantile >> PRECISION:
            raise ValueError("outside all intervals")
        bit = int(quantile >= interval(1, p1)[0])
        start, length = interval(bit, p1)
        point -= scale * start
        range_ = scale * length
        if range_ < 1 << (STATE - WORD):
            range_ <<= WORD
            point = point << WORD | next(rest, 0)
        bits.append(bit)
    return bits
