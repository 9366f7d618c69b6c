"""From float to integers: certified whatever the weights, refused where the scheme has no answer, near the float."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from fscompress.engine import arithmetic as q
from fscompress.engine import engine_factory
from fscompress.engine.evaluation import integer_bits_per_byte
from fscompress.engine.model_file import parse_model
from fscompress.errors import ModelFileError, RefusedError
from fscompress.export.export import ExportSettings, export_model
from fscompress.model.base import ByteModel
from fscompress.model.build import build_model
from fscompress.model.config import CELL_NAMES, ModelConfig
from fscompress.model.fs_rnn import FSRNN
from fscompress.wiring import fs_rnn
from tests.golden.make import PRIMER
from tests.golden.train import CONFIG, load_master
from tests.helpers import text, tiny

SETTINGS = ExportSettings("test", "a test", b"primer", {"bits_per_byte": "2.5"})
Weights = dict[str, npt.NDArray[np.float64]]


def weights_of(model: ByteModel) -> Weights:
    return {name: tensor.detach().double().numpy() for name, tensor in model.state_dict().items()}


def fresh(seed: int = 0, **shape: Any) -> tuple[Weights, ModelConfig]:
    config = ModelConfig(**({"fast_size": 6, "slow_size": 9, "n_fast": 2, "embedding_size": 5} | shape))
    torch.manual_seed(seed)
    return weights_of(FSRNN(config)), config


@pytest.mark.parametrize("n_fast", [2, 3, 5])
@pytest.mark.parametrize(("fast", "slow", "embedding"), [(1, 1, 1), (6, 9, 5), (33, 7, 40)])
def test_shapes(fast: int, slow: int, embedding: int, n_fast: int) -> None:
    weights, config = fresh(fast_size=fast, slow_size=slow, embedding_size=embedding, n_fast=n_fast)
    model = parse_model(export_model(weights, config, SETTINGS))
    assert model.wiring == fs_rnn(fast, slow, n_fast)
    engine_factory(model, "reference")
    engine_factory(model, "cpu")


@pytest.mark.parametrize("scale", [0.0, 1e-6, 1e-3, 0.1, 1.0, 10.0, 300.0])
def test_any_weights_are_certified_or_refused(scale: float) -> None:
    """``parse_model`` proves the bounds, so what is exported holds them."""
    weights, config = fresh()
    rng = np.random.default_rng(4)
    wild = {name: scale * rng.standard_cauchy(value.shape) for name, value in weights.items()}
    try:
        data = export_model(wild, config, SETTINGS)
    except ModelFileError as error:
        assert scale >= 1, error  # noqa: PT017
        return
    engine_factory(parse_model(data), "reference")


def test_the_same_model_gives_the_same_file() -> None:
    weights, config = fresh()
    assert export_model(weights, config, SETTINGS) == export_model(weights, config, SETTINGS)


def test_metadata() -> None:
    weights, config = fresh(zoneout_cell=0.5, zoneout_hidden=0.25)
    model = parse_model(export_model(weights, config, SETTINGS))
    assert model.name == "test"
    assert model.metadata["description"] == "a test"
    assert model.metadata["bits_per_byte"] == "2.5"
    assert model.cells[0].keep.tolist() == [1 << 13, 1 << 14]


def test_the_primer_is_what_lanes_have_read() -> None:
    weights, config = fresh()
    primed, other = (
        parse_model(export_model(weights, config, replace(SETTINGS, primer=primer))) for primer in (b"abc", b"ab")
    )
    first, second = engine_factory(primed)(), engine_factory(other)()
    first.start(1)
    second.start(1)
    assert not np.array_equal(first.tree, second.tree)
    second.advance(np.frombuffer(b"c", np.uint8))
    assert np.array_equal(first.tree, second.tree)


def test_what_is_refused() -> None:
    weights, config = fresh()
    for wrong in (np.nan, np.inf):
        with pytest.raises(RefusedError, match="not finite"):
            export_model(weights | {"output.bias": np.full(256, wrong)}, config, SETTINGS)
    with pytest.raises(RefusedError, match="primer"):
        ExportSettings("test", "", b"")
    for name in ("", "Test", "../test", "a" * 65, "a b"):
        with pytest.raises(RefusedError, match="name"):
            ExportSettings(name, "", b"x")


def float_bits_per_byte(model: ByteModel, data: bytes, lanes: int) -> float:
    """What ``integer_bits_per_byte`` measures, in floats: every lane begins after the primer."""
    rows = np.frombuffer(data, np.uint8).reshape(lanes, -1).T.astype(np.int64)
    primer = np.tile(np.frombuffer(PRIMER, np.uint8)[:, None].astype(np.int64), (1, lanes))
    tokens = torch.from_numpy(np.concatenate((primer, rows)))
    with torch.no_grad():
        logits, _ = model(tokens[:-1], model.initial_state(lanes))
    loss = torch.nn.functional.cross_entropy(logits[len(primer) - 1 :].flatten(0, 1), tokens[len(primer) :].flatten())
    return float(loss) / math.log(2)


def test_the_integer_model_predicts_as_the_float_model_does() -> None:
    data = text(8 * 600)
    exact = float_bits_per_byte(load_master(), data, 8)
    assert abs(integer_bits_per_byte(tiny(), data, 8) - exact) < 0.02
    assert 2 < exact < 4


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_each_parameter_of_a_cell_has_its_place_among_the_integers(cell: str) -> None:
    """Parameters far from where they start: one in the place of another would be seen."""
    torch.manual_seed(1)
    model = build_model(ModelConfig(24, 0, 2, 6, cell=cell, architecture="sequential", zoneout_hidden=0.2)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() < 2 or "gate" in name or "bias" in name:
                parameter += torch.randn_like(parameter)
        model.output.weight *= 3.0
    exported = parse_model(export_model(weights_of(model), model.config, replace(SETTINGS, primer=PRIMER)))
    data = text(8 * 64)
    exact = float_bits_per_byte(model, data, 8)
    assert integer_bits_per_byte(exported, data, 8) == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize("scale", [0.02, 1.0, 20.0])
def test_the_epsilon_of_layer_normalisation_is_of_the_unit_of_what_is_normalised(scale: float) -> None:
    """The float one is 1e-3, of x squared; an integer x has the fraction bits that its multipliers give it."""
    weights, config = fresh()
    weights = {name: value * (scale if name.endswith(".weight") else 1.0) for name, value in weights.items()}
    for i, cell in enumerate(parse_model(export_model(weights, config, SETTINGS)).cells):
        exact, rounded = weights[f"cells.{i}.weight"][:, -cell.weight.shape[1] :], cell.weight.astype(np.float64)
        of_one = (exact * rounded).sum(axis=1) / (rounded**2).sum(axis=1) / q.HIDDEN_MAX
        f = np.log2(np.median(cell.multiplier / of_one)) - cell.shift
        assert f == pytest.approx(round(f), abs=0.05)
        assert cell.epsilon.tolist() == [max(1, round(1e-3 * 4 ** round(f)))] * 4 + [round(1e-3 * 4**q.CELL_Q)]


def test_exporting_the_float_model_again() -> None:
    """The shipped integers are those of the shipped floats, up to a last place where another numpy rounds otherwise."""
    again = parse_model(export_model(weights_of(load_master()), CONFIG, ExportSettings("tiny", "again", PRIMER)))
    for ours, theirs in zip(again.cells, tiny().cells, strict=True):
        assert np.abs(ours.weight.astype(int) - theirs.weight).max() <= 1
        assert np.abs(ours.gain.astype(np.int64) - theirs.gain).max() <= 1
        assert np.array_equal(ours.keep, theirs.keep)
    assert np.abs(again.exp2.astype(np.int64) - tiny().exp2).max() <= 1
