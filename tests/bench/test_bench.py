"""Benchmark rows count only what came back; published records are marked as such."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from fscompress.bench.compressors import BASELINES, Compressor
from fscompress.bench.measure import measure
from fscompress.bench.published import ENWIK8
from fscompress.bench.sample import sample_text
from fscompress.bench.sizes import compare
from fscompress.cli.app import group

TEXT = b"To be, or not to be, that is the question. " * 30


@pytest.mark.parametrize("compressor", BASELINES, ids=lambda compressor: compressor.name)
def test_baselines_come_back(compressor: Compressor) -> None:
    row = measure(compressor, "a", TEXT, runs=3)
    assert row.verified
    assert row.n_coded == len(compressor.compress(TEXT))
    assert row.bits_per_byte == row.bits_per_byte_with_model == 8 * row.n_coded / len(TEXT)
    assert row.encode_speed > 0
    assert row.decode_speed > 0


def test_model_bytes_are_counted() -> None:
    row = measure(Compressor("copy", bytes, bytes, model_bytes=len(TEXT)), "a", TEXT)
    assert (row.bits_per_byte, row.bits_per_byte_with_model) == (8, 16)


def test_failed_round_trip_is_a_failed_row() -> None:
    assert "did not give the input back" in measure(Compressor("cut", bytes, lambda data: data[:-1]), "a", TEXT).failure

    def fails(_data: bytes) -> bytes:
        raise ValueError("broken")

    assert measure(Compressor("fails", fails, bytes), "a", TEXT).failure == "ValueError: broken"


def test_encoding_that_varies_is_a_failed_row() -> None:
    state = iter(range(10))
    row = measure(Compressor("varies", lambda data: data + bytes([next(state)]), lambda data: data[:-1]), "a", TEXT, 2)
    assert "different bytes" in row.failure


def test_command(installed: Path, here: Path) -> None:
    Path("a.txt").write_bytes(TEXT)
    result = CliRunner().invoke(group, ["bench", "--json", "a.txt"])
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    ours = report["measured"][-1]
    assert ours["compressor"].startswith("fscompress")
    assert ours["verified"]
    assert ours["model_bytes"] == (installed / "default.safetensors").stat().st_size
    assert len(report["published_enwik8"]) == len(ENWIK8)
    table = CliRunner().invoke(group, ["bench"]).stdout
    assert "published by others (not measured here)" in table
    assert "Large Text Compression Benchmark" in table


def test_failed_row_is_exit_1(installed: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.txt").write_bytes(TEXT)
    monkeypatch.setattr("fscompress.cli.bench.BASELINES", (Compressor("cut", bytes, lambda data: data[:-1]),))
    result = CliRunner().invoke(group, ["bench", "a.txt"])
    assert result.exit_code == 1
    assert "FAILED: cut on a.txt: decoding did not give the input back" in result.stdout


def test_sample_is_english_prose() -> None:
    text = sample_text()
    assert len(text) > 200_000
    assert b" the " in text


def test_sizes() -> None:
    lines = compare(TEXT, 100).splitlines()
    assert [line.split()[0] for line in lines] == ["text", "xz", "fscompress"]
    assert lines[2].split()[1] == "100"


@pytest.mark.slow
def test_training_speed() -> None:
    result = CliRunner().invoke(group, ["bench", "--train", "--seconds", "1", "--json"])
    assert result.exit_code == 0, result.stderr
    speeds = json.loads(result.stdout)
    assert list(dict.fromkeys(speed["loop"] for speed in speeds)) == ["plain autograd", "fused", "torch.nn.LSTM"]
    assert abs(speeds[0]["n_weights"] - speeds[-1]["n_weights"]) < 0.01 * speeds[0]["n_weights"]
    assert all(0 < speed["peak_share"] for speed in speeds)
    assert all(speed["bytes_per_second"] > 0 for speed in speeds)
