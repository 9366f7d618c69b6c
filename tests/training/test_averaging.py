"""The mean of the weights is the mean, outlives a checkpoint, and is what is validated and kept."""

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fscompress.errors import RefusedError
from fscompress.training.averaging import EVERY, WeightAverage
from fscompress.training.checkpoint import read_checkpoint
from fscompress.training.config import TrainConfig
from fscompress.training.evaluation import bits_per_byte
from fscompress.training.trainer import BEST, LAST
from tests.training.test_trainer import SMALL, fit, make

AVERAGED = dataclasses.replace(SMALL, training=dataclasses.replace(SMALL.training, average=3 * EVERY))


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=12), st.integers(1, 5))
def test_a_mean_of_all_samples_then_of_the_last_ones(values, most):
    model = torch.nn.Linear(1, 1, bias=False)
    average = WeightAverage(model, most * EVERY)
    expected = 0.0
    for n, value in enumerate(values, 1):
        with torch.no_grad():
            model.weight.fill_(float(value))
        average.sample(n * EVERY)
        expected = sum(values[:n]) / n if n <= most else expected + (value - expected) / most
    with average.in_place():
        assert model.weight.item() == pytest.approx(expected, abs=1e-2)
    assert model.weight.item() == values[-1]


def test_only_each_sixteenth_step_is_a_sample_and_none_where_there_is_no_mean():
    model = torch.nn.Linear(1, 1)
    assert [step for step in range(1, 50) if WeightAverage(model, 32).due(step)] == [16, 32, 48]
    without = WeightAverage(model, 0)
    assert not any(without.due(step) for step in range(1, 50))
    with without.in_place():
        assert not without.tensors()


def test_a_resumed_run_has_the_mean_of_an_uninterrupted_one(corpus, tmp_path):
    whole = fit(make(corpus, tmp_path / "a", 70, chosen=AVERAGED))
    first = fit(make(corpus, tmp_path / "b", 70, chosen=AVERAGED), stop_at=37)
    assert first + fit(make(corpus, tmp_path / "b", 70, resume=True, chosen=AVERAGED)) == whole
    finals = [read_checkpoint(tmp_path / name / LAST).tensors for name in "ab"]
    assert any(name.startswith("average.") for name in finals[0])
    assert finals[0].keys() == finals[1].keys()
    assert all(torch.equal(tensor, finals[1][name]) for name, tensor in finals[0].items())


def test_the_mean_is_validated_and_training_does_not_see_it(corpus, tmp_path):
    trainer = make(corpus, tmp_path / "mean", 64, chosen=AVERAGED)
    assert fit(trainer) == fit(make(corpus, tmp_path / "plain", 64))
    last, best = (read_checkpoint(tmp_path / "mean" / name) for name in (LAST, BEST))
    plain = read_checkpoint(tmp_path / "plain" / LAST)
    for name, tensor in plain.tensors.items():
        assert torch.equal(tensor, last.tensors[name]), name
    for name, tensor in last.weights().items():
        mean = last.tensors["average." + name]
        assert not torch.equal(tensor, mean)
        assert torch.equal(best.weights()[name], mean)  # 64 is the last step, validated there
    trainer.initialise(best.weights())
    assert trainer.state.best == bits_per_byte(trainer.run, trainer.valid, SMALL.training.batch)


def test_what_cannot_be_averaged_is_refused():
    for steps in (-1, 1, 31):
        with pytest.raises(RefusedError, match="average must be 0 or at least 32 steps"):
            TrainConfig(average=steps)
    with pytest.raises(RefusedError, match="leave out average"):
        TrainConfig(average=32, sparsity=0.5)
