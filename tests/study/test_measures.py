"""What the studies measure, on networks so small that it can be said by hand, and the files that they write."""

import csv
import dataclasses
import itertools
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from fscompress.corpora import open_corpus
from fscompress.model.build import build_model
from fscompress.model.config import ModelConfig
from fscompress.study.cells import scalars
from fscompress.study.fastgrnn import exported
from fscompress.study.outcome import Curve, Outcome, Picture, order_remark
from fscompress.study.positions import word_positions
from fscompress.study.runs import Runs, Trained
from fscompress.study.settings import SETTINGS, Setting
from fscompress.study.size import model_bytes, stored_bytes
from fscompress.study.states import LANES, cell_names, change_rates, first_cells, gradient_norms
from fscompress.training.checkpoint import read_checkpoint, write_checkpoint
from fscompress.training.config import Preset, TrainConfig
from fscompress.training.trainer import BEST
from fscompress.training.window import make_window

TEXT = np.frombuffer(b"the quick brown fox jumps over the lazy dog. " * 60, np.uint8)
FS = ModelConfig(4, 5, 3, 3)
STACKED = ModelConfig(4, 0, 2, 3, architecture="stacked")
SEQUENTIAL = ModelConfig(4, 0, 2, 3, architecture="sequential")


def network(config):
    torch.manual_seed(4)
    return build_model(config).eval()


@pytest.mark.parametrize(
    ("config", "names", "first"),
    [
        (FS, ["Fast-1", "Slow", "Fast-2", "Fast-3"], [0, 1]),
        (STACKED, ["Stacked-1", "Stacked-2"], [0, 1]),
        (SEQUENTIAL, ["Sequential-1", "Sequential-2"], [0]),
    ],
)
def test_cells_are_named_as_in_the_figures(config, names, first):
    model = network(config)
    assert (cell_names(model), first_cells(model)) == (names, first)


def test_gradient_norms_equal_finite_differences():
    """Moving c of the slow cell k steps back along one unit changes the loss by the gradient."""
    model, span = network(FS).double(), 3
    text = TEXT[: 64 * LANES]
    norms = gradient_norms_in_double(model, text, span)
    grid = torch.from_numpy(text.reshape(LANES, 64).T.astype("int64"))
    with torch.no_grad():
        _, states = model(grid[:span], in_double(model.initial_state(LANES)))
        for k in range(span):
            found = torch.stack([difference(model, grid[span : 2 * span + 1], states, k, unit) for unit in range(5)])
            torch.testing.assert_close(found.norm(dim=0).mean(), norms[k, 1].double(), rtol=1e-4, atol=1e-7)


def gradient_norms_in_double(model, text, span):
    plain = model.initial_state
    model.initial_state = lambda batch: in_double(plain(batch))
    try:
        return gradient_norms(model, text, span, targets=1)
    finally:
        model.initial_state = plain


def in_double(states):
    return tuple(tuple(member.double() for member in state) for state in states)


def difference(model, tokens, states, k, unit):
    """Of each lane's last loss, float [B]."""
    losses = []
    for sign in (1e-5, -1e-5):
        current, masks = list(states), model.draw_masks(len(tokens) - 1, LANES, None)
        for t, embedded in enumerate(model.embed(tokens[:-1], masks)):
            if t < len(tokens) - 2 - k:
                model.step(embedded, current, masks, t)
            elif t == len(tokens) - 2 - k:
                moved_step(model, embedded, current, sign, unit)
            else:
                model.step(embedded, current, masks, t)
        logits = model.read_out(model.hidden(current), masks)
        losses.append(torch.nn.functional.cross_entropy(logits, tokens[-1], reduction="none"))
    return (losses[0] - losses[1]) / 2e-5


def moved_step(model, embedded, current, sign, unit):
    """A step of the FS-RNN by hand, in which the slow cell's new c is moved before its h is computed."""
    keep = (None, None)
    current[0] = model.cell(0)(embedded, current[0], keep)
    slow = model.cell(1)
    h, c = current[1]
    a = torch.cat((current[0][0], h), 1) @ slow.weight.t()
    gates = torch.nn.functional.layer_norm(a.unflatten(1, (4, 5)), (5,), eps=1e-3)
    f, i, o, g = (gates * slow.gate_gain + slow.gate_bias).unbind(1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    c = c + sign * torch.eye(5, dtype=c.dtype)[unit]
    normed = torch.nn.functional.layer_norm(c, (5,), slow.cell_gain, slow.cell_bias, eps=1e-3)
    current[1] = (torch.sigmoid(o) * torch.tanh(normed), c)
    current[0] = model.cell(2)(current[1][0], current[0], keep)
    current[0] = model.cell(3)(None, current[0], keep)


def test_change_rates_are_mean_squared_changes():
    model = network(STACKED)
    grid = torch.from_numpy(TEXT[: 64 * LANES].reshape(LANES, 64).T.astype("int64"))
    states, c = model.initial_state(LANES), []
    with torch.no_grad():
        for row in grid[:9]:
            _, states = model(row[None], states)
            c.append([state[1] for state in states])
    expected = [np.mean([(b[i] - a[i]).square().mean() for a, b in itertools.pairwise(c)]) for i in (0, 1)]
    assert change_rates(model, TEXT[: 64 * LANES], 8) == pytest.approx(expected, rel=1e-5)


def test_positions_in_words():
    column = np.frombuffer(b"a To, it's extraordinarily", np.uint8)[:, None]
    assert word_positions(column)[:, 0].tolist() == [1, 0, 1, 2, 0, 0, 1, 2, 0, 1, 0, *range(1, 11), 10, 10, 10, 10, 10]


def test_scalars_of_fast_cells():
    model = network(ModelConfig(4, 5, 2, 3, cell="fast-rnn"))
    found = scalars(Trained("a", make_window(model, compiled=False), 1.0, 1, None))
    assert list(found) == ["Fast-1", "Slow", "Fast-2"]
    assert found["Slow"] == {"alpha": pytest.approx(0.0474, abs=1e-4), "beta": pytest.approx(0.9526, abs=1e-4)}
    assert scalars(Trained("a", make_window(network(FS), compiled=False), 1.0, 1, None)) == {}


def test_stored_bytes_count_the_cheaper_form_of_each_parameter():
    model = network(ModelConfig(4, 0, 1, 3, cell="rnn", architecture="sequential"))
    for parameter in model.parameters():
        parameter.data.fill_(1.0)
    n = 256 * 3 + 4 * 7 + 4 + 256 * 4 + 256
    assert (model.n_weights(), model.n_nonzeros(), stored_bytes(model)) == (n, n, n)
    model.cell(0).weight.data[1:] = 0.0  # 28 places in 4 bytes, 7 non-zeros
    assert (model.n_nonzeros(), stored_bytes(model)) == (n - 21, n - 28 + 4 + 7)


def test_outcome_files():
    from fscompress.study.plot import draw

    pytest.importorskip("matplotlib")
    lines = Picture("t", "x", "y", [Curve("a", [1, 2], [3.0, 4.0])], log_x=True, log_y=True)
    bars = Picture("t", "x", "y", [Curve("a", [0, 1], [3.0, 4.0])], names=["b", "c"])
    for picture in (lines, bars):
        assert ElementTree.fromstring(draw(picture)).tag.endswith("svg")
        assert draw(picture) == draw(picture)
    assert list(csv.reader(Outcome(("a", "b"), [["a, b", "1,500"]], [], lines).csv().splitlines())) == [
        ["a", "b"],
        ["a, b", "1500"],
    ]
    assert order_remark("a < b", [1, 2]) == "a < b: as in the paper"
    assert order_remark("a < b", [2, 2]) == "a < b: not so here"


def test_a_model_is_trained_once(tmp_path):
    (tmp_path / "text").write_bytes(TEXT.tobytes() * 3)
    preset = Preset(STACKED, TrainConfig(batch=4, window=8))
    setting = Setting("tiny", {"a b": preset}, {}, {}, {}, 3, 500, compiled=False)
    told = []

    def fit(trainer):
        trainer.fit(lambda report: told.append(report.step), lambda: False)

    runs = Runs(setting, open_corpus(str(tmp_path / "text")), tmp_path / "runs", fit, device="cpu")
    first, again = runs.compared() + runs.compared()
    assert told == [1, 2, 3]
    assert first.bpc == again.bpc
    assert first.bytes_seen == 96
    assert first.folder == tmp_path / "runs" / "a-b-3-steps"
    assert first.curve()[0] == [32e-6]
    assert all(torch.equal(a, b) for a, b in zip(first.model.parameters(), again.model.parameters(), strict=True))
    best = read_checkpoint(first.folder / BEST)  # as if it were of another step than the last
    changed = best.tensors | {"model.output.bias": torch.arange(256.0)}
    write_checkpoint(first.folder / BEST, dataclasses.replace(best, tensors=changed))
    assert torch.equal(runs.compared()[0].model.output.bias, torch.arange(256.0))


def test_exported_bytes_are_those_of_the_file(tmp_path):
    (tmp_path / "text").write_bytes(TEXT.tobytes() * 3)
    shape = ModelConfig(48, 0, 1, 8, cell="fast-grnn", architecture="sequential", rank=6)
    preset = Preset(shape, TrainConfig(batch=4, window=8))
    setting = Setting("tiny", {}, {}, {}, {"a": preset}, 3, 500, compiled=False)
    runs = Runs(
        setting, open_corpus(str(tmp_path / "text")), tmp_path / "runs", lambda t: t.fit(print, bool), device="cpu"
    )
    trained = runs.trained("a", preset)
    found = exported(trained, TEXT[:900].tobytes())
    vectors = 4 * (2 * 48 + 2 * 48 + 2 * 48 + 1 + 2)  # multipliers, scales of factors, biases, zoneout, scalars
    assert found.cell_bytes == 48 * 6 + 6 * (8 + 48) + vectors
    assert found.file_bytes == model_bytes(trained)[0]
    assert found.speed > 0


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_settings_name_cells_that_exist(setting):
    from fscompress.model.cells import CELLS
    from fscompress.model.config import CELL_NAMES

    assert list(setting.cells) == list(CELLS) == list(CELL_NAMES)
    assert all(preset.model.cell == cell for cell, preset in setting.cells.items())
    with torch.device("meta"):  # shapes without memory: every rank is below both sides
        smallest = [build_model(preset.model).n_weights() for preset in setting.fastgrnn.values()]
    assert list(setting.fastgrnn) == ["LSTM", "FastRNN", "FastGRNN", "FastGRNN-LR", "FastGRNN-LSQ"]
    assert smallest[0] > smallest[2] > smallest[3] == smallest[4]
