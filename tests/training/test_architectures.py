"""Every cell in every architecture: it learns a short text, comes back from its checkpoint, resumes exactly, and codes.

What is exported predicts nearly as the float network does, alike on every engine.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from fscompress.corpora import open_corpus
from fscompress.corpora.source import joined
from fscompress.engine.cuda import CudaEngine, CudaLayout
from fscompress.engine.evaluation import integer_bits_per_byte
from fscompress.engine.model_file import parse_model
from fscompress.export.checkpoint import export_checkpoint, load_float_model
from fscompress.export.export import ExportSettings
from fscompress.model.cells import CELLS
from fscompress.model.config import FS_RNN, ModelConfig
from fscompress.training.checkpoint import read_checkpoint
from fscompress.training.config import Preset, TrainConfig
from fscompress.training.evaluation import bits_per_byte, float_bits_per_byte, predictions
from fscompress.training.schedule import Budget
from fscompress.training.trainer import BEST, RunOptions, Trainer
from fscompress.training.window import make_window
from tests.engine.test_cuda import check_equal
from tests.engine.test_equality import random_rows
from tests.helpers import decode, encode

FS = ModelConfig(12, 12, 2, 8)
FALLS_TO = 0.8  # of the first loss, in STEPS steps
STEPS = 12
TEXT = b"the quick brown fox jumps over the lazy dog. " * 60
PRIMER, CODED = TEXT[:45], TEXT[:400]
LANES = 16  # of 64 bytes each, where the float network and the exported one are compared
CONFIGS = {f"fs-rnn-{cell}": replace(FS, cell=cell) for cell in CELLS}
for kind in ("stacked", "sequential"):
    CONFIGS |= {f"{kind}-{cell}": replace(FS, slow_size=0, cell=cell, architecture=kind) for cell in CELLS}
CONFIGS["factors"] = replace(FS, slow_size=0, cell="gru", architecture="stacked", rank=6, gates="piecewise")
CONFIGS["slow-levels"] = replace(FS, n_slow=2)
CONFIGS["torch-lstm"] = ModelConfig(12, 0, 2, 8, dropout=0.1, cell="lstm-plain", architecture="torch-lstm")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    text = tmp_path_factory.mktemp("corpus") / "text"
    text.write_bytes(TEXT)
    return open_corpus(str(text))


def make(config, corpus, out, steps=STEPS, resume=False):
    options = RunOptions(out, device="cpu", precision="fp32", compiled=False, eval_every=STEPS)
    return Trainer(Preset(config, TrainConfig(8, 3, 0.05)), corpus, Budget(steps=steps), options, resume)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_learns_and_comes_back(config, corpus, tmp_path):
    trainer, losses = make(config, corpus, tmp_path), []
    trainer.fit(lambda report: losses.append(report.bpc), lambda: False)
    assert losses[-1] < FALLS_TO * losses[0]
    saved = read_checkpoint(tmp_path / BEST)
    assert saved.model == config
    text = joined(corpus.valid)
    model = load_float_model(tmp_path / BEST)
    assert model.n_weights() == trainer.model.n_weights()
    assert float_bits_per_byte([model], text) == pytest.approx(bits_per_byte(trainer.run, text), rel=1e-5)
    check_integers(tmp_path / BEST, 64 if config.architecture == FS_RNN else 7)


def check_integers(checkpoint, lanes):
    """The exported model: three engines, the cost of rounding, and a file there and back."""
    exported = parse_model(export_checkpoint(checkpoint, ExportSettings("exported", "", PRIMER)))
    check_equal(exported, random_rows(lanes, 3), CudaEngine(CudaLayout(exported, "cpu")))
    network, plain = load_float_model(checkpoint), np.frombuffer(TEXT[: LANES * 64], np.uint8)
    exact = float_bits_per_byte([network], plain, LANES, PRIMER)
    assert integer_bits_per_byte(exported, plain.tobytes(), LANES) == pytest.approx(exact, abs=0.01)
    coded = encode(CODED, [exported], "normal")
    assert len(coded) < len(CODED)
    assert decode(coded, lambda model_id, name: exported) == CODED


@pytest.mark.parametrize("name", ["stacked-gru", "torch-lstm"])
def test_resumes_exactly(name, corpus, tmp_path):
    losses = {}
    for run, stop in (("whole", [None]), ("parts", [3, None])):
        losses[run] = []
        for resume, at in enumerate(stop):
            trainer = make(CONFIGS[name], corpus, tmp_path / run, 6, bool(resume))
            trainer.fit(lambda r, run=run: losses[run].append(r.bpc), lambda at=at, t=trainer: t.state.step == at)
    assert losses["parts"] == losses["whole"]


def test_a_checkpoint_without_an_architecture_is_of_an_fs_rnn():
    described = {"fast_size": 4, "slow_size": 5, "n_fast": 2, "embedding_size": 3, "cell": "lstm"}
    assert ModelConfig(**described).architecture == "fs-rnn"


def test_ensemble_averages_probabilities(corpus):
    text, windows = joined(corpus.valid), []
    for seed, name in enumerate(("fs-rnn-gru", "torch-lstm")):
        torch.manual_seed(seed)
        windows.append(make_window(load_random(CONFIGS[name]), compiled=False))
    single = [[logits.softmax(-1) for _, logits in predictions([window], text, 1)] for window in windows]
    costs = []
    for (rows, logits), *members in zip(predictions(windows, text, 1), *single, strict=True):
        mean = sum(members) / 2
        torch.testing.assert_close(logits.softmax(-1), mean)
        costs += (-mean.gather(-1, rows[..., None]).log2()).flatten().tolist()
    together = float_bits_per_byte([window.model for window in windows], text, 1)
    assert together == pytest.approx(np.mean(costs), rel=1e-5)
    assert together < np.mean([bits_per_byte(window, text, 1) for window in windows])
    assert math.isfinite(together)


def load_random(config):
    from fscompress.model.build import build_model

    for_evaluation = build_model(config).eval()
    for_evaluation.output.weight.data *= 3.0
    return for_evaluation
