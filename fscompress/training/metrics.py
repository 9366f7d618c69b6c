"""The metrics of a run: a line of JSON every so many steps, in a file that a killed run may have left torn."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

from fscompress.files import replacing
from fscompress.streams import naming

METRICS = "metrics.jsonl"


@dataclass(frozen=True)
class Report:
    """What is told after each step: its ``bpc``, the last validation result, and progress from 0 to 1.

    Where steps are recorded, ``bpc`` is that of the step before, but for the first one: the present one still runs.
    """

    step: int
    bytes_seen: int
    bpc: float
    valid_bpc: float | None
    rate: float
    progress: float
    seconds: float


def append_metrics(folder: Path, report: Report) -> None:
    """Adds a line to the metrics of the run in ``folder``, which need not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    with naming(str(folder / METRICS)), (folder / METRICS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(vars(report)) + "\n")


def forget_metrics_after(folder: Path, step: int) -> None:
    """Leaves out what a killed run, or another one in this folder, has told of steps that are still to come."""
    metrics = folder / METRICS
    if metrics.exists():
        lines = metrics.read_text("utf-8", errors="replace").splitlines(keepends=True)
        kept = [line for line in lines if _step_told(line) <= step]
        with naming(str(metrics)), replacing(metrics) as temporary:
            temporary.write_text("".join(kept), "utf-8")


def _step_told(line: str) -> float:
    """The step of a line of METRICS; infinite for one that was not written whole."""
    try:
        return float(json.loads(line)["step"]) if line.endswith("\n") else math.inf
    except (ValueError, KeyError, TypeError):
        return math.inf
