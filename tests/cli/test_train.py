"""``fscompress train`` from a corpus to what it says at the end."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fscompress.cli.app import group
from fscompress.engine import load_model
from fscompress.jit import kernel_cache
from fscompress.training.checkpoint import read_checkpoint

TEXT = b" it was the best of times , it was the worst of times \n" * 60
SETTINGS = ["--batch", "2", "--no-compile", "--precision", "fp32", "--device", "cpu", "--out", "run"]


@pytest.fixture(autouse=True)
def _ptb(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel_cache()  # asked for before FSCOMPRESS_CACHE is set: compiled kernels stay where they are
    monkeypatch.setenv("FSCOMPRESS_CACHE", str(here / "cache"))
    for part in ("train", "valid", "test"):
        (here / f"ptb.{part}.txt").write_bytes(TEXT)


def run(*words: str) -> Result:
    return CliRunner().invoke(group, words)


def test_ptb_ends_with_test_figures_with_and_without_the_model() -> None:
    result = run("train", "ptb", "--data", ".", "--epochs", "0.12", *SETTINGS)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    assert read_checkpoint(Path("run/last.safetensors")).progress["step"] == 2
    n_bytes = len(TEXT) - 2 * 60
    plain = re.search(r"test (\d+\.\d{4}) bpc over ([\d,]+) bytes \((.*)\)", result.stderr)
    counted = re.search(r"test (\d+\.\d{4}) bpc with the model's ([\d,]+) bytes \(int8 export\)", result.stderr)
    assert plain
    assert counted
    assert int(plain[2].replace(",", "")) == n_bytes
    assert plain[3].startswith("text form: lines stripped and joined by newlines")
    model_bytes = int(counted[2].replace(",", ""))
    assert float(counted[1]) == pytest.approx(float(plain[1]) + 8 * model_bytes / n_bytes, abs=2e-4)
    assert run("export", "run/best.safetensors", "m.safetensors").exit_code == 0
    assert load_model(Path("m.safetensors")).name == "m"
    assert abs(Path("m.safetensors").stat().st_size - model_bytes) < 64


def test_a_run_is_not_overwritten_and_wrong_words_are_one_line() -> None:
    words = ["train", "ptb", "--data", ".", "--epochs", "0.06", *SETTINGS]
    assert run(*words).exit_code == 0
    before = Path("run/last.safetensors").read_bytes()
    for more, message in (
        ([], "holds a run already"),
        (["--average", "31"], "average must be 0 or at least 32 steps (got 31)"),
        (["--resume", "--rate", "0.1"], "other settings"),
        (["--preset", "smal"], "known: small"),
    ):
        result = run(*words, *more)
        assert result.exit_code == 1
        assert message in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert Path("run/last.safetensors").read_bytes() == before
    Path("run/last.safetensors").unlink()
    assert "holds a run already" in run(*words).stderr
    assert Path("run/best.safetensors").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--weight", "a=1", "--weight", "a=2"], "'a' has two"),
        (["--weight", "a=1e300"], "expected FOLDER=NUMBER (got 'a=1e300')"),
        (["--seed", "-1"], "-1 is not in the range"),
        (["--seed", str(2**64)], "is not in the range"),
    ],
)
def test_numbers_that_nothing_could_be_made_of_are_wrong_usage(more: list[str], message: str) -> None:
    result = run("train", "ptb", "--data", ".", *SETTINGS, *more)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize("more", [[], ["--rounded"], ["--rounded", "--average", "32"]])
def test_validation_and_test_are_of_the_same_weights(more: list[str]) -> None:
    result = run("train", "ptb", "--data", ".", "--epochs", "0.12", *SETTINGS, *more)
    assert result.exit_code == 0, result.stderr
    found = re.findall(r"(?:validation|test) (\d+\.\d{4})(?: bpc$| bpc over)", result.stderr, re.MULTILINE)
    assert len(found) == 2
    assert found[0] == found[1]


@pytest.mark.parametrize("option", ["--minutes", "--epochs", "--rate", "--sparsity", "--dropout"])
def test_what_is_no_number_is_wrong_usage(option: str) -> None:
    assert run("train", "ptb", "--data", ".", *SETTINGS, option, "nan").exit_code == 2


def test_impossible_places_among_processes_are_refused() -> None:
    result = CliRunner().invoke(group, ["train", "ptb", *SETTINGS], env={"RANK": "2", "WORLD_SIZE": "2"})
    assert result.exit_code == 1
    assert result.stderr == "fscompress: RANK must be below WORLD_SIZE (got 2 of 2); start with torchrun\n"
    result = CliRunner().invoke(group, ["train", "ptb", *SETTINGS], env={"WORLD_SIZE": "4"})
    assert result.exit_code == 1
    assert "a batch of 2 lanes cannot be divided among 4 processes" in result.stderr
