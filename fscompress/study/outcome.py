"""What a study gives: a table, remarks that say whether it came out as in the paper, and what is to be drawn."""

import csv
import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Curve:
    """Points joined by a line; in a picture with ``names``, x is an index into them and y a bar."""

    label: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Picture:
    """Curves over labelled axes; with ``names``, bars over these instead."""

    title: str
    x_label: str
    y_label: str
    curves: Sequence[Curve]
    log_x: bool = False
    log_y: bool = False
    names: Sequence[str] = ()


@dataclass(frozen=True)
class Outcome:
    """``rows`` are text, one entry a title; what is to be drawn may be finer than the table."""

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    remarks: Sequence[str]
    picture: Picture

    def csv(self) -> str:
        """The table, for spreadsheets: whole numbers without commas."""
        target = io.StringIO()
        csv.writer(target, lineterminator="\n").writerows([self.titles, *(map(_plain, row) for row in self.rows)])
        return target.getvalue()


def _plain(entry: str) -> str:
    digits = entry.replace(",", "")
    return digits if digits.isdigit() else entry


def order_remark(claim: str, values: Sequence[float]) -> str:
    """Whether the ``values`` rise, which is what the paper has found and ``claim`` says."""
    rises = all(a < b for a, b in itertools.pairwise(values))
    return f"{claim}: {'as in the paper' if rises else 'not so here'}"
