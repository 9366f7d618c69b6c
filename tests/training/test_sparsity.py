"""Thresholds keep exactly what they should, a frozen support stays, and a run may be interrupted in every stage."""

from dataclasses import asdict, replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fscompress.corpora import open_corpus
from fscompress.errors import RefusedError
from fscompress.export.checkpoint import load_float_model
from fscompress.model.config import ModelConfig
from fscompress.training.checkpoint import read_checkpoint
from fscompress.training.config import Preset, TrainConfig
from fscompress.training.schedule import Budget
from fscompress.training.sparsity import THRESHOLD_STEPS, largest
from fscompress.training.trainer import BEST, LAST, RunOptions, Trainer

MODEL = ModelConfig(12, 10, 2, 8, cell="fast-grnn", rank=4, gates="piecewise")
SPARSE = Preset(MODEL, TrainConfig(batch=4, window=4, rate=0.01, sparsity=0.7))
STEPS = 3 * THRESHOLD_STEPS + 6  # stages of 17 steps; the one threshold of the second is at step 30


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    text = tmp_path_factory.mktemp("corpus") / "text"
    text.write_bytes(b"the quick brown fox jumps over the lazy dog. " * 200)
    return open_corpus(str(text))


@pytest.fixture(scope="module")
def whole(corpus, tmp_path_factory):
    """Losses and last tensors of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    return fit(make(corpus, folder)), read_checkpoint(folder / LAST).tensors


def make(corpus, out, steps=STEPS, resume=False, chosen=SPARSE, eval_every=10):
    options = RunOptions(out, device="cpu", precision="fp32", compiled=False, eval_every=eval_every)
    return Trainer(chosen, corpus, Budget(steps=steps), options, resume)


def fit(trainer, stop_at=None):
    losses = []
    trainer.fit(lambda report: losses.append(report.bpc), lambda: trainer.state.step == stop_at)
    return losses


def zeros(trainer):
    return {name: matrix.detach() == 0 for name, matrix in trainer.model.cell_matrices().items()}


def counts(trainer):
    """(zeros, entries) of each matrix."""
    return [(int(where.sum()), where.numel()) for where in zeros(trainer).values()]


@given(
    st.lists(st.integers(-4, 4), min_size=1, max_size=40),
    st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99]),
)
def test_exactly_the_largest_are_kept(values, sparsity):
    matrix = torch.tensor([values], dtype=torch.float32)
    support = largest(matrix, sparsity)
    assert int(support.sum()) == round(len(values) * (1 - sparsity))
    kept, dropped = matrix[support].abs(), matrix[~support].abs()
    assert not kept.numel() or not dropped.numel() or kept.min() >= dropped.max()
    again = largest(matrix * support, sparsity)
    assert torch.equal(matrix * support * again, matrix * support)


def test_of_equal_entries_the_first_are_kept():
    assert largest(torch.tensor([[1.0, -2.0, 2.0], [2.0, -1.0, 1.0]]), 0.5).tolist() == [
        [False, True, True],
        [True, False, False],
    ]
    assert largest(torch.ones(2, 2), 0.5).tolist() == [[True, True], [False, False]]


def test_stages(corpus, tmp_path):
    """No zeros in the first; in the second they come and go; in the third they stay, and the others are trained."""
    trainer = make(corpus, tmp_path)
    fit(trainer, stop_at=STEPS // 3)
    assert all(n == 0 for n, _ in counts(trainer))
    fit(trainer, stop_at=30)
    exact = [(n - round(n * 0.3), n) for _, n in counts(trainer)]
    assert counts(trainer) == exact
    fit(trainer, stop_at=31)
    assert all(n < wanted for (n, _), (wanted, _) in zip(counts(trainer), exact, strict=True))
    assert not trainer.sparsity.support
    fit(trainer, stop_at=2 * STEPS // 3)
    frozen = zeros(trainer)
    before = {name: matrix.detach().clone() for name, matrix in trainer.model.cell_matrices().items()}
    assert counts(trainer) == exact
    fit(trainer)
    for name, matrix in trainer.model.cell_matrices().items():
        assert torch.equal(matrix == 0, frozen[name])
        assert (matrix != before[name]).any()
        for moment in ("exp_avg", "exp_avg_sq"):
            assert trainer.optimiser.state[matrix][moment][frozen[name]].count_nonzero() == 0
    dense = trainer.model.n_weights()
    assert trainer.model.n_nonzeros() == dense - sum(n for n, _ in exact)


@pytest.mark.parametrize("stop", [5, 17, 30, 31, 34, 40])
def test_resumed_in_any_stage_equals_uninterrupted(stop, corpus, whole, tmp_path):
    losses, expected = whole
    first = fit(make(corpus, tmp_path), stop_at=stop)
    assert first + fit(make(corpus, tmp_path, resume=True)) == losses
    found = read_checkpoint(tmp_path / LAST).tensors
    assert found.keys() == expected.keys()
    assert "support.cells.0.left" in found
    assert all(torch.equal(found[name], expected[name]) for name in found)


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_the_best_network_is_a_sparse_one(steps, corpus, tmp_path):
    """However short the run, and where a validation of the dense network was better."""
    trainer = make(corpus, tmp_path, steps, chosen=replace_rate(1e-9), eval_every=1)
    fit(trainer)
    model = load_float_model(tmp_path / BEST)
    found = {name: int((matrix == 0).sum()) for name, matrix in model.cell_matrices().items()}
    assert found == {
        name: matrix.numel() - round(matrix.numel() * 0.3) for name, matrix in model.cell_matrices().items()
    }
    assert read_checkpoint(tmp_path / BEST).progress["best"] == trainer.state.best


def replace_rate(rate, **changes):
    return Preset(SPARSE.model, replace(SPARSE.training, rate=rate, **changes))


def test_early_stopping_waits_for_the_sparse_network(tmp_path):
    """At a rate of next to nothing no epoch betters the first, of the dense network and then of the sparse one."""
    (tmp_path / "text").write_bytes(b"the quick brown fox jumps over the lazy dog. " * 30)
    corpus, chosen = open_corpus(str(tmp_path / "text")), replace_rate(1e-30, schedule="plateau", batch=16, window=16)
    epoch = corpus.n_train // chosen.training.bytes_per_step
    options = RunOptions(tmp_path / "run", device="cpu", precision="fp32", compiled=False)
    trainer = Trainer(chosen, corpus, Budget(steps=18 * epoch), options)
    steps = len(fit(trainer))
    assert 12 * epoch < steps < 18 * epoch
    assert trainer.stopped_early
    assert trainer.state.plateau.divisions > 2


def test_a_frozen_support_outlives_a_longer_budget(corpus, tmp_path):
    trainer = make(corpus, tmp_path)
    fit(trainer, stop_at=40)
    longer = make(corpus, tmp_path, 4 * STEPS, resume=True)
    fit(longer, stop_at=50)
    assert longer.progress() < 1 / 3
    for name, where in zeros(trainer).items():
        assert torch.equal(where, zeros(longer)[name])


def test_old_checkpoints_are_dense_and_smooth():
    """What they describe has neither rank nor gates nor sparsity."""
    model, training = ModelConfig(4, 5, 2, 3), TrainConfig()
    old = asdict(model), asdict(training)
    del old[0]["rank"], old[0]["gates"], old[1]["sparsity"]
    assert (ModelConfig(**old[0]), TrainConfig(**old[1])) == (model, training)


def test_impossible_settings_are_refused(corpus, tmp_path):
    with pytest.raises(RefusedError, match=r"sparsity must be in \[0, 1\)"):
        TrainConfig(sparsity=1.0)
    torch_lstm = ModelConfig(4, 0, 1, 3, cell="lstm-plain", architecture="torch-lstm")
    with pytest.raises(RefusedError, match="torch-lstm cannot be made sparse"):
        Preset(torch_lstm, SPARSE.training)
    with pytest.raises(RefusedError, match="rank 10 is not below both sides of a cell's 10 x 22 matrix"):
        make(corpus, tmp_path, chosen=replace(SPARSE, model=replace(MODEL, rank=10)))
