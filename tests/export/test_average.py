"""Averaged checkpoints: means of weights by share, logits divided by the temperature."""

import dataclasses
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fscompress.errors import RefusedError
from fscompress.export.average import average
from fscompress.model.config import ModelConfig
from fscompress.model.fs_rnn import FSRNN
from fscompress.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from fscompress.training.config import TrainConfig

SHAPE = ModelConfig(fast_size=6, slow_size=5, n_fast=2, embedding_size=3)


def checkpoint(seed: int, shape: ModelConfig = SHAPE) -> Checkpoint:
    torch.manual_seed(seed)
    weights = {f"model.{name}": p.detach() for name, p in FSRNN(shape).named_parameters()}
    return Checkpoint(shape, TrainConfig(), {"step": seed}, weights)


def test_one_alone_stays_as_it_is() -> None:
    one = checkpoint(1)
    assert all(torch.equal(one.tensors[name], mean) for name, mean in average([(one, 0.3)]).tensors.items())


def test_means_by_share() -> None:
    one, two = checkpoint(1), checkpoint(2)
    made = average([(one, 1.0), (two, 3.0)])
    assert made.progress == two.progress
    for name, mean in made.tensors.items():
        torch.testing.assert_close(mean, 0.25 * one.tensors[name] + 0.75 * two.tensors[name])


def test_temperature_divides_the_logits() -> None:
    tokens = torch.arange(40)[:, None]
    logits = []
    for temperature in (1.0, 2.0):
        model = FSRNN(SHAPE).eval()
        model.load_state_dict(average([(checkpoint(1), 1.0)], temperature).weights())
        logits.append(model(tokens, model.initial_state(1))[0])
    torch.testing.assert_close(logits[0], 2.0 * logits[1])


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan, math.inf])
def test_refuses_what_has_no_mean(temperature: float) -> None:
    one, other = checkpoint(1), checkpoint(1, dataclasses.replace(SHAPE, fast_size=7))
    with pytest.raises(RefusedError, match="positive"):
        average([(one, 1.0)], temperature)
    with pytest.raises(RefusedError, match="positive"):
        average([(one, temperature)])
    with pytest.raises(RefusedError, match="positive"):
        average([])
    with pytest.raises(RefusedError, match="shapes"):
        average([(one, 1.0), (other, 1.0)])
    less = dataclasses.replace(one, tensors={**one.tensors, "model.output.bias": torch.zeros(1)})
    with pytest.raises(RefusedError, match="shapes"):
        average([(one, 1.0), (less, 1.0)])


def test_as_a_command(tmp_path: Path) -> None:
    for seed in (1, 2):
        write_checkpoint(tmp_path / f"{seed}", checkpoint(seed))
    words = [tmp_path / "mean", "1.5", f"{tmp_path / '1'}=0.5", f"{tmp_path / '2'}=0.5"]
    subprocess.run([sys.executable, "-m", "fscompress.export.average", *map(str, words)], check=True)
    expected = average([(checkpoint(1), 0.5), (checkpoint(2), 0.5)], 1.5)
    found = read_checkpoint(tmp_path / "mean")
    assert all(torch.equal(expected.tensors[name], found.tensors[name]) for name in expected.tensors)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["out", "1.0"], "average: checkpoints, each with a positive share"),
        (["out"], "expected OUT TEMPERATURE CKPT=SHARE"),
        (["out", "1.0", "1=one"], "(got 'out 1.0 1=one')"),
        (["out", "1.0", "1"], "(got 'out 1.0 1')"),
        (["out", "1.0", "nothere=1"], "nothere: checkpoint cannot be read"),
        (["out", "nan", "1=1"], "a positive temperature"),
    ],
)
def test_wrong_words_are_one_line(tmp_path: Path, words: list[str], message: str) -> None:
    write_checkpoint(tmp_path / "1", checkpoint(1))
    command = [sys.executable, "-m", "fscompress.export.average", *words]
    found = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert found.returncode == 1
    assert message in found.stderr
    assert len(found.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()
