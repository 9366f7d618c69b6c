"""Benchmark rows count only what came back; published records are marked as such."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fscompress import store
from fscompress.bench.compressors import BASELINES, Compressor
from fscompress.bench.measure import measure, repeated, spread
from fscompress.bench.published import PUBLISHED
from fscompress.bench.sample import sample_text
from fscompress.bench.sizes import compare
from fscompress.bench.suite import ours
from fscompress.cli.app import group
from fscompress.errors import EXIT_INTERRUPTED
from tests.bench.fakes import fake_cmix
from tests.conftest import running

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


def invoke(*words: str) -> Result:
    return CliRunner().invoke(group, ["bench", *words])


def test_runs_of_short_and_long() -> None:
    def lasting(*seconds: float) -> list[float]:
        left = iter([*seconds, *[0.01] * 100])
        return [taken for _, taken in repeated(lambda: (None, next(left)), None)]

    assert lasting(1.5) == [1.5]
    assert len(lasting(0.9)) == 3
    assert len(lasting(0.1, 0.2, 0.1, 0.2)) == 4
    assert len(lasting(0.001)) == 25
    assert len(repeated(lambda: (None, 9.0), 5)) == 5
    assert spread([7.0]) == 0
    assert spread([1.0, 2.0, 3.0]) == 0.5


def test_command(installed: Path, here: Path) -> None:
    Path("a.txt").write_bytes(TEXT)
    result = invoke("--json", "--only", "fscompress,gzip", "--level", "fast", "a.txt")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    gzip, ours = report["measured"]
    assert (gzip["compressor"], ours["compressor"]) == ("gzip -9", "fscompress fast (default)")
    assert ours["verified"]
    assert ours["model_bytes"] == (installed / "default.safetensors").stat().st_size
    assert ours["peak_bytes"] > 0
    assert report["published"] == []
    assert result.stderr.splitlines() == ["[1/2] a.txt: gzip -9", "[2/2] a.txt: fscompress fast (default)"]


def test_several_models(tiny_model: Path) -> None:
    models = [store.describe(tiny_model), store.Installed("tiny", tiny_model, b"12345678")]
    subjects = ours(models, ("fast", "best"), "cpu", 1)
    names = [f"{level} (tiny {model.id.hex()[:16]})" for model in models for level in ("fast", "best")]
    assert [subject.label for subject in subjects] == [f"fscompress {name}" for name in names]


def test_what_is_named_twice_is_measured_once(installed: Path, here: Path) -> None:
    Path("a.txt").write_bytes(TEXT)
    Path("b.txt").write_bytes(TEXT[:300])
    words = ["--only", "fscompress", "--level", "fast", "--level", "fast", "a.txt", "b.txt"]
    result = invoke(*words, "--model", "default", "--model", str(installed / "default.safetensors"))
    assert result.exit_code == 0, result.stderr
    assert len(result.stderr.splitlines()) == 2
    assert f"all 2 files: {len(TEXT) + 300:,} bytes" in result.stdout
    assert result.stdout.count("fscompress fast (default)") == 4  # of each file, of their sum, above the overview


def test_forms(here: Path) -> None:
    Path("a.txt").write_bytes(TEXT)
    words = ["--only", "gzip,bzip2", "-q", "a.txt"]
    assert invoke(*words).stdout.splitlines()[-1].split()[-1] == "yes"
    assert "| gzip -9 |" in invoke(*words, "--markdown").stdout
    assert invoke(*words, "--csv").stdout.count("measured,a.txt,") == 2


@pytest.mark.parametrize("form", ["text", "json", "csv", "markdown"])
def test_names_that_are_no_text(form: str, installed: Path, here: Path) -> None:
    """stdout is as strict here as where the locale is a common one."""
    odd, model = os.fsdecode(b"\xff\n.txt"), installed / os.fsdecode(b"\xfe.safetensors")
    Path(odd).write_bytes(TEXT)
    model.write_bytes((installed / "default.safetensors").read_bytes())
    Path("a.md").write_text("<!-- fscompress bench results --><!-- end -->")
    words = ["--only", "fscompress", "--level", "fast", odd, "--model", str(model), "--into", "a.md"]
    result = invoke(*words, *([] if form == "text" else [f"--{form}"]))
    assert result.exit_code == 0, result.stderr
    for name in (r"\udcff\n.txt", r"\udcfe"):
        assert (json.dumps(name)[1:-1] if form == "json" else name) in result.stdout
        assert name in Path("a.md").read_text()


@pytest.mark.parametrize("name", [os.fsdecode(b"\xff.txt"), r"$\nothing$.txt"])
def test_names_that_are_no_title(installed: Path, here: Path, name: str) -> None:
    pytest.importorskip("matplotlib")
    Path(name).write_bytes(TEXT)
    Path("b.txt").write_bytes(TEXT)
    for words in (["--only", "gzip", name], ["--curve", "--level", "fast", name, "b.txt"]):
        result = invoke(*words, "--plot", "a.svg", "-f")
        assert result.exit_code == 0, result.stderr


def test_two_names_that_are_no_text_stay_two(here: Path) -> None:
    names = [os.fsdecode(name) for name in (b"\xff", b"\xfe")]
    for name in names:
        Path(name).write_bytes(TEXT)
    report = json.loads(invoke("--only", "gzip", *names, "--json").stdout)
    assert [row["file"] for row in report["measured"]] == [r"\udcff", r"\udcfe"]


def test_plot(here: Path) -> None:
    pytest.importorskip("matplotlib")
    Path("a.txt").write_bytes(TEXT)
    words = ["--only", "gzip,xz", "a.txt", "--plot", "a.svg"]
    assert invoke(*words).exit_code == 0
    assert b"<svg" in Path("a.svg").read_bytes()
    again = invoke(*words)
    assert (again.exit_code, again.stdout) == (1, "")
    assert "a.svg: exists already; -f overwrites it" in again.stderr
    assert invoke(*words, "-f").exit_code == 0


def test_published_alone() -> None:
    result = invoke("--published")
    assert result.stdout.count("as published by others (not measured here)") == len(PUBLISHED)
    assert "Large Text Compression Benchmark" in result.stdout
    records = json.loads(invoke("--published", "--json").stdout)["published"]
    assert len(records) == sum(map(len, PUBLISHED.values()))


def test_failed_row_is_exit_1(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.txt").write_bytes(TEXT)
    fake_cmix("wrong", tmp_path / "bin", monkeypatch)
    result = invoke("--only", "cmix,gzip", "a.txt")
    assert result.exit_code == 1
    assert "FAILED: cmix on a.txt: decoding did not give the input back" in result.stdout
    assert "cmix (21)" in result.stdout


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--only", "gzip,gzap", "a.txt"], 2, "'gzap' is not one of fscompress, gzip, bzip2"),
        (["none.txt"], 2, "'none.txt' does not exist and is none of sample, enwik8, enwik8-test, ptb-test"),
        (["--json", "--csv", "a.txt"], 2, "--json and --csv exclude each other"),
        (["--lanes", "--model", "a", "--model", "b", "a.txt"], 2, "takes one --model"),
        (["--plot", "a.gif", "a.txt"], 1, "a.gif: a plot is written as .svg or .png"),
        (["--only", "cmix", "a.txt"], 1, "nothing to measure; not installed: cmix"),
        (["--model", "none", "a.txt"], 4, "model 'none' is not installed"),
    ],
)
def test_wrong_usage(
    words: list[str], code: int, message: str, here: Path, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(here))
    Path("a.txt").write_bytes(TEXT)
    result = invoke(*words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr


def test_ctrl_c_keeps_what_is_done(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.txt").write_bytes(TEXT)
    fake_cmix("slow", tmp_path / "bin", monkeypatch)
    command = [sys.executable, "-m", "fscompress", "bench", "--only", "gzip,cmix", "a.txt"]
    with running(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        while b"[2/2]" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == EXIT_INTERRUPTED
    assert stdout.decode().splitlines()[-1].startswith("gzip -9")
    assert b"interrupted" in stderr


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
    assert all(speed["peak_share"] > 0 for speed in speeds)
    assert all(speed["bytes_per_second"] > 0 for speed in speeds)
