"""Bits per byte of the test part, in one piece or several, with and without the bytes of the model."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from fscompress.corpora import open_corpus
from fscompress.corpora.source import joined
from fscompress.model.config import ModelConfig
from fscompress.model.fs_rnn import FSRNN
from fscompress.training import results
from fscompress.training.distributed import ALONE
from fscompress.training.evaluation import bits_per_byte
from fscompress.training.recurrence import Recurrence


@pytest.fixture
def run():
    torch.manual_seed(1)
    return Recurrence(FSRNN(ModelConfig(8, 8, 2, 4)), compiled=False)


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "text").write_bytes(b"the quick brown fox jumps over the lazy dog. " * 600)
    return open_corpus(str(tmp_path / "text"))


def test_windows_of_evaluation_are_one_pass_over_each_lane_without_regularisation():
    """From the state after the primer; a model that is being trained is so again after."""
    torch.manual_seed(1)
    model = FSRNN(ModelConfig(8, 8, 2, 4, dropout=0.5, zoneout_cell=0.3, zoneout_hidden=0.1))
    data = np.random.default_rng(0).integers(0, 256, 602).astype(np.uint8)
    found = bits_per_byte(Recurrence(model.train(), compiled=False), data, 4, b"ab")
    assert model.training
    rows = torch.from_numpy(data[:600].reshape(4, 150).T.astype(np.int64))
    tokens = torch.cat((torch.tensor([ord("a"), ord("b")])[:, None].expand(2, 4), rows))
    with torch.no_grad():
        logits, _ = model.eval()(tokens[:-1], model.initial_state(4))
    costs = torch.nn.functional.cross_entropy(logits[1:].flatten(0, 1), rows.flatten())
    assert found == pytest.approx(float(costs) / math.log(2), rel=1e-5)


def test_the_whole_part_is_measured(run, corpus):
    result = results.test_figures(run, corpus, 4, ALONE)
    assert result.n_bytes == 1350
    assert result.bpc == pytest.approx(bits_per_byte(run, joined(corpus.test), 4))
    assert result.with_model(1350) == pytest.approx(result.bpc + 8)


def test_pieces_are_weighted_by_their_length(run, corpus, monkeypatch):
    monkeypatch.setattr(results, "PIECE_BYTES", 500)
    test = joined(corpus.test)
    parts = [test[start : start + 500] for start in range(0, 1350, 500)]
    expected = sum(len(part) * bits_per_byte(run, part, 2) for part in parts) / 1350
    assert results.test_figures(run, corpus, 2, ALONE).bpc == pytest.approx(expected)


def test_none_where_there_is_nothing_to_measure(run, corpus):
    assert results.test_figures(run, replace(corpus, test=()), 4, ALONE) is None
    assert results.test_figures(run, replace(corpus, test=(corpus.test[0].part(0, 0.01),)), 4, ALONE) is None
