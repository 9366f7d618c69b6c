"""Other cells and architectures on the command line: trained, measured alone and together, exported and coded with."""

import csv
import dataclasses
import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from fscompress.cli.app import group
from fscompress.cli.study import STUDIES
from fscompress.model.config import ModelConfig
from fscompress.study.settings import SETTINGS
from fscompress.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from fscompress.training.config import Preset, TrainConfig

TRAINING = TrainConfig(batch=32, window=4)
TINY = dataclasses.replace(
    SETTINGS["small"],
    compared={
        "fs-lstm-4": Preset(ModelConfig(4, 4, 4, 3), TRAINING),
        "stacked-lstm": Preset(ModelConfig(4, 0, 2, 3, architecture="stacked"), TRAINING),
        "sequential-lstm": Preset(ModelConfig(4, 0, 2, 3, architecture="sequential"), TRAINING),
    },
    cells={cell: Preset(ModelConfig(4, 4, 2, 3, cell=cell), TRAINING) for cell in ("fast-rnn", "fast-grnn")},
    fastgrnn={
        "LSTM": Preset(ModelConfig(4, 0, 1, 3, cell="lstm-plain", architecture="sequential"), TRAINING),
        "FastGRNN-LSQ": Preset(
            ModelConfig(4, 0, 1, 3, cell="fast-grnn", architecture="sequential", rank=2, gates="piecewise"),
            dataclasses.replace(TRAINING, sparsity=0.5),
        ),
    },
    sizes={f"gru {n}": Preset(ModelConfig(n, n, 2, 3, cell="gru"), TRAINING) for n in (4, 5)},
)
TEXT = b"it was the best of times, it was the worst of times. " * 40


@pytest.fixture(autouse=True)
def _text(here: Path) -> None:
    Path("text").write_bytes(TEXT)


def run(*words: str) -> Result:
    return CliRunner().invoke(group, words)


def trained(out: str, *words: str) -> Result:
    settings = ["--batch", "2", "--epochs", "0.1", "--fast", "6", "--embedding", "3", "--no-compile", "--out", out]
    return run("train", "text", *settings, *words)


def test_trained_measured_and_exported() -> None:
    a, b = "a/best.safetensors", "b/best.safetensors"
    result = trained("a", "--cell", "gru", "--slow", "7", "--k", "3")
    assert result.exit_code == 0, result.stderr
    assert "(int8 export)" in result.stderr
    assert trained("b", "--cell", "lstm-plain", "--architecture", "torch-lstm", "--seed", "1").exit_code == 0
    shape = read_checkpoint(Path(a)).model
    assert (shape.cell, shape.fast_size, shape.slow_size, shape.n_fast, shape.embedding_size) == ("gru", 6, 7, 3, 3)

    bits = {}
    for names in ((a,), (b,), (a, b)):
        result = run("eval", "--json", "text", *(word for name in names for word in ("--model", f"./{name}")))
        assert result.exit_code == 0, result.stderr
        bits[names] = json.loads(result.stdout)[0]["bits_per_byte"]
    assert bits[(a, b)] < (bits[(a,)] + bits[(b,)]) / 2

    for name in (a, b):
        result = run("export", "-f", name, "m.safetensors", "--valid", "text")
        assert result.exit_code == 0, result.stderr
        assert abs(float(result.stdout.split()[-2])) < 0.01
        assert run("encode", "-f", "--model", "./m.safetensors", "text", "-o", "text.fsc").exit_code == 0
        assert " m (" in run("list", "text.fsc").stdout
        assert run("decode", "-f", "--model", "./m.safetensors", "text.fsc", "-o", "again").exit_code == 0
        assert Path("again").read_bytes() == TEXT
    Path("short").write_bytes(TEXT[:500])
    words = ["--level", "fast", "--model", "./m.safetensors", "short"]
    assert run("explain", "--bytes", "300", *words).exit_code == 0
    assert run("bench", "--parts", "--runs", "1", *words).exit_code == 0


def test_what_has_no_integer_form_is_refused_before_its_tensors_are_read() -> None:
    shape = ModelConfig(4, 0, 65, 3, cell="gru", architecture="sequential")
    write_checkpoint(Path("deep"), Checkpoint(shape, TRAINING, {}, {"model.x": torch.zeros(1)}))
    result = run("export", "deep", "m.safetensors")
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "deep: has no integer form (model 'sequential': 65 cells or 1 groups" in result.stderr
    assert not Path("m.safetensors").exists()


def test_low_rank_and_sparse() -> None:
    words = ["--rank", "2", "--sparsity", "0.5", "--gates", "piecewise", "--slow", "7"]
    result = trained("a", *words)
    assert result.exit_code == 0, result.stderr
    saved = read_checkpoint(Path("a/best.safetensors"))
    assert (saved.model.rank, saved.model.gates, saved.training.sparsity) == (2, "piecewise", 0.5)
    weights = saved.weights()
    n_weights, n_zeros = sum(w.numel() for w in weights.values()), sum(int((w == 0).sum()) for w in weights.values())
    assert f"{n_weights - n_zeros:,} of {n_weights:,} weights are not zero" in result.stderr
    assert run("eval", "text", "--model", "./a/best.safetensors").exit_code == 0
    result = run("export", "a/best.safetensors", "m.safetensors", "--valid", "text")
    assert result.exit_code == 0, result.stderr
    assert abs(float(result.stdout.split()[-2])) < 0.01
    assert trained("b", *words, "--init", "a/best.safetensors").exit_code == 0
    result = trained("c", "--slow", "7", "--init", "a/best.safetensors")
    assert (result.exit_code, result.stderr) == (1, "fscompress: initial weights are of a network of another shape\n")


def test_dropout_goes_with_weights_trained_without_it() -> None:
    assert trained("a", "--slow", "7").exit_code == 0
    result = trained("b", "--slow", "7", "--dropout", "0.25", "--init", "a/best.safetensors")
    assert result.exit_code == 0, result.stderr
    assert read_checkpoint(Path("a/best.safetensors")).model.dropout == 0.0
    assert read_checkpoint(Path("b/best.safetensors")).model.dropout == 0.25
    assert run("train", "text", "--dropout", "1").exit_code == 2


def test_an_ensemble_of_integer_models_is_refused(installed: Path) -> None:
    result = run("eval", "text", "--model", "default", "--model", "default")
    assert result.exit_code == 1
    assert "an ensemble is made of checkpoints" in result.stderr


def test_impossible_shapes_are_one_line() -> None:
    for words, message in (
        (["--architecture", "torch-lstm"], "cells of type lstm-plain"),
        (["--k", "1"], "at least 2 fast cells"),
        (["--architecture", "stacked", "--slow", "3"], "no slow cell"),
        (["--architecture", "torch-lstm", "--cell", "lstm-plain", "--rank", "2"], "no low rank"),
        (["--architecture", "torch-lstm", "--cell", "lstm-plain", "--sparsity", "0.5"], "cannot be made sparse"),
        (["--rank", "9", "--slow", "7"], "rank 9 is not below both sides of a cell's 24 x 9 matrix"),
    ):
        result = trained("c", *words)
        assert result.exit_code == 1
        assert message in result.stderr
        assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", STUDIES)
def test_study_writes_a_table_and_a_picture(name: str, studied: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SETTINGS, "small", TINY)
    result = run("study", name, *studied)
    assert result.exit_code == 0, result.stderr
    folder = Path(studied[-1])
    rows = list(csv.reader((folder / f"{name}.csv").read_text().splitlines()))
    assert len(rows) > 1
    assert result.stdout.startswith(rows[0][0])
    assert (folder / f"{name}.svg").read_bytes().startswith(b"<?xml")


def test_study_prints_before_it_writes_and_overwrites_nothing(
    studied: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SETTINGS, "small", TINY)
    figures, picture = (Path(studied[-1]) / f"gradients.{suffix}" for suffix in ("csv", "svg"))
    picture.parent.mkdir(exist_ok=True)
    figures.unlink(missing_ok=True)
    picture.write_bytes(b"mine")
    result = run("study", "gradients", *studied)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"fscompress: {picture}: exists already; -f overwrites it\n"
    figures.symlink_to("/dev/full")
    result = run("study", "-f", "-q", "gradients", *studied)
    assert (result.exit_code, result.stderr) == (1, f"fscompress: {figures}: no space left on device\n")
    assert len(result.stdout.splitlines()) > 1
    assert picture.read_bytes() == b"mine"
    figures.unlink()
    assert run("study", "-f", "gradients", *studied).exit_code == 0
    assert picture.read_bytes() != b"mine"
    picture.unlink()
    figures.unlink()


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Words of studies that share their runs."""
    pytest.importorskip("matplotlib")
    folder = tmp_path_factory.mktemp("study")
    (folder / "text").write_bytes(TEXT * 40)
    return [str(folder / "text"), "--steps", "1", "--device", "cpu", "--out", str(folder / "out")]


def test_study_refuses_a_text_too_short_to_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SETTINGS, "small", TINY)
    result = run("study", "gradients", "text", "--steps", "2", "-q")
    assert (result.exit_code, result.stderr) == (
        1,
        "fscompress: the validation part is too short for gradients (got 106 bytes, expected at least 4,096)\n",
    )


def test_study_needs_a_name_it_knows() -> None:
    assert run("study", "everything", "text").exit_code == 2
    assert set(SETTINGS) == {"small", "paper"}
