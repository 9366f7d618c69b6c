"""What a study says of its figures: whether they came out as in the paper, and by how much."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fscompress.model.build import build_model
from fscompress.model.config import ModelConfig
from fscompress.study import comparison, dynamics, fastgrnn, gradients, positions
from fscompress.study.cells import _ratio
from fscompress.study.fastgrnn import Exported
from fscompress.study.runs import Trained
from fscompress.training.metrics import Report, append_metrics
from fscompress.training.window import make_window

SHAPES = {
    "fs-lstm-4": ModelConfig(4, 5, 2, 3),
    "stacked-lstm": ModelConfig(4, 0, 2, 3, architecture="stacked"),
    "sequential-lstm": ModelConfig(4, 0, 2, 3, architecture="sequential"),
}
SO, NOT_SO = ": as in the paper", ": not so here"


def compared(folder: Path, bpc: Sequence[float]) -> Any:
    """Stands for the ``Runs`` of three models that were never trained, of these validation results."""
    append_metrics(folder, Report(1, 10, 8.0, None, 0.1, 1.0, 1.0))
    models = [
        Trained(name, make_window(build_model(shape), compiled=False), found, 10, folder)
        for (name, shape), found in zip(SHAPES.items(), bpc, strict=True)
    ]
    return SimpleNamespace(compared=lambda: models, text=lambda: b"")


@pytest.mark.parametrize(
    ("bpc", "verdict"), [((1.1, 1.3, 1.2), SO), ((1.1, 1.2, 1.3), NOT_SO), ((1.3, 1.2, 1.1), NOT_SO)]
)
def test_comparison(tmp_path: Path, bpc: Sequence[float], verdict: str) -> None:
    (remark,) = comparison.comparison(compared(tmp_path, bpc)).remarks
    assert remark == "bpc fs-lstm-4 < sequential-lstm < stacked-lstm" + verdict


@pytest.mark.parametrize(
    ("slow", "fast", "sequential", "verdicts"),
    [(1.0, 2.0, 4.0, [SO, SO]), (2.0, 1.0, 4.0, [NOT_SO, NOT_SO]), (1.0, 4.0, 3.0, [SO, NOT_SO])],
)
def test_dynamics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: float, fast: float, sequential: float, verdicts: list[str]
) -> None:
    rates = iter([[fast, slow, fast], [3.0, 5.0], [sequential, sequential]])
    monkeypatch.setattr(dynamics, "change_rates", lambda *_: next(rates))
    remarks = dynamics.dynamics(compared(tmp_path, (1, 1, 1))).remarks
    assert [remark[remark.index(": ") :] for remark in remarks] == verdicts


def test_gradients_compare_with_the_least_of_the_stack() -> None:
    assert gradients._least_stacked({"Fast-1": 0.5, "Stacked-1": 3.0, "Stacked-2": 1.0}) == 1.0


def test_positions_compare_with_the_better_of_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gains after the first letter are weighted by how many letters stand there."""
    n = positions.LAST - 2
    bits = iter([[4.0, 2.0, *[1.0] * n], [4.5, 2.4, *[9.0] * n], [4.2, 2.8, *[1.8] * n]])
    counts = [10, 3, 1, *[0] * (n - 1)]
    monkeypatch.setattr(positions, "_by_position", lambda *_: (next(bits), counts))
    gain, order = positions.positions(compared(tmp_path, (1, 1, 1))).remarks
    assert gain.endswith("by 0.200 bit at the first letter, 0.500 after it")
    assert order == "the gain is larger after the first letter" + SO


def test_ratios_of_scalars() -> None:
    told = _ratio("Slow", {"alpha": 0.05, "beta": 0.9})
    assert told == "fast-rnn Slow: alpha / beta = 0.056, beta / (1 - alpha) = 0.947"


def test_the_smallest_is_compared_with_the_first() -> None:
    sizes = [Exported(9000, 8000, 1.0), Exported(7, 7, 1.0), Exported(3000, 1000, 1.0)]
    told = fastgrnn._remark(["LSTM", "FastGRNN", "LSQ"], sizes, 0.25)
    assert told.startswith("LSQ: 3.0 times smaller than LSTM, its cells 8.0 times, +0.2500 bpc (")
