"""Presets: how many weights each has, and that the two sizes for mixed text are trained as the small one is."""

import pytest

from fscompress.model.fs_rnn import FSRNN
from fscompress.training.config import preset

WEIGHTS = {"small": 1_466_112, "base": 7_111_168, "large": 27_330_792}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weight_counts(name: str) -> None:
    import torch

    with torch.device("meta"):  # shapes without memory
        network = FSRNN(preset(name).model)
    assert sum(parameter.numel() for parameter in network.parameters()) == WEIGHTS[name]


def test_base_fills_whole_tiles() -> None:
    model = preset("base").model
    assert model.fast_size % 64 == model.slow_size % 64 == 0
    assert model.embedding_size <= 128


def test_large_has_the_papers_shape() -> None:
    shapes = [
        (model.fast_size, model.slow_size, model.n_fast, model.embedding_size)
        for model in (preset(name).model for name in ("large", "enwik8-fs-lstm-4"))
    ]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("name", WEIGHTS)
def test_models_for_mixed_text_follow_a_cosine(name: str) -> None:
    chosen = preset(name)
    assert chosen.training.schedule == "cosine"
    assert chosen.model.dropout == chosen.model.zoneout_cell == chosen.model.zoneout_hidden == 0
