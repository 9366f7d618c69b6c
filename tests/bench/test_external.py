"""External programs: what comes back counts, whatever else happens is a failed row with its reason."""

import time
from pathlib import Path

import pytest

from fscompress.bench.external import measure_program
from fscompress.bench.measure import Row
from fscompress.bench.programs import PROGRAMS, Program
from tests.bench.fakes import fake_cmix

TEXT = b"To be, or not to be, that is the question. " * 60
BY_NAME = {program.name: program for program in PROGRAMS}
CMIX = BY_NAME["cmix"]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_bytes(TEXT)
    return path


def run(path: Path, program: Program = CMIX, runs: int | None = 1, timeout: float = 60.0) -> Row:
    return measure_program(program, "a.txt", path, len(TEXT), 1, runs, timeout)


def test_what_comes_back_counts(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_cmix("good", tmp_path / "bin", monkeypatch)
    row = run(text, runs=None)
    assert (row.compressor, row.file, row.n_plain, row.n_coded, row.model_bytes) == ("cmix", "a.txt", 2580, 2580, 0)
    assert row.verified
    assert row.runs >= 3
    assert min(row.encode_seconds, row.decode_seconds) > 0
    assert row.peak_bytes < 40e6, "the peak of the tests themselves"
    assert text.read_bytes() == TEXT


def test_peak_memory_is_the_programs(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_cmix("large", tmp_path / "bin", monkeypatch)
    assert 64e6 < run(text).peak_bytes < 110e6


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        ("wrong", "decoding did not give the input back"),
        ("complains", "exit code 1: no memory left"),
        ("crashes", "killed by SIGSEGV"),
        ("silent", "wrote no coded file"),
    ],
)
def test_failures(kind: str, failure: str, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_cmix(kind, tmp_path / "bin", monkeypatch)
    row = run(text)
    assert row == Row("cmix", "a.txt", len(TEXT), failure=failure)


def test_a_file_that_vanished_or_changed(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_cmix("good", tmp_path / "bin", monkeypatch)
    text.write_bytes(b"")
    assert run(text).failure == "the file has another length than when it was looked at"
    text.unlink()
    assert run(text) == Row("cmix", "a.txt", len(TEXT), failure="the file: No such file or directory")


def test_no_room_for_a_folder(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_cmix("good", tmp_path / "bin", monkeypatch)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    assert run(text).failure == "the temporary folder: No such file or directory"


@pytest.mark.parametrize("kind", ["slow", "late"])
def test_time_limit(kind: str, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_cmix(kind, tmp_path / "bin", monkeypatch)
    began = time.monotonic()
    assert run(text, timeout=0.5).failure == "took more than 0.5 s"
    assert time.monotonic() - began < 10


def test_nothing_is_left_behind(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private = tmp_path / "tmp"
    private.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(private))
    for kind in ("good", "crashes"):
        fake_cmix(kind, tmp_path / "bin", monkeypatch)
        run(text)
    assert not list(private.iterdir())


def test_a_model_beside_the_program_is_counted(text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fake_cmix("good", tmp_path / "bin", monkeypatch)
    path.with_name("weights.bin").write_bytes(bytes(1000))
    words = {"encode": CMIX.encode, "decode": CMIX.decode, "model": "weights.bin"}
    row = run(text, Program("cmix", "cmix", ("cmix",), **words))
    assert (row.verified, row.model_bytes) == (True, 1000)


def test_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_cmix("good", tmp_path / "bin", monkeypatch)
    assert CMIX.version() == "21"
    assert BY_NAME["zpaq"].version() is None
    assert run(tmp_path, BY_NAME["zpaq"]).failure == "not installed"


def test_a_program_that_tells_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, version in (("lpaq1", "2007"), ("paq8px", "unknown")):
        path = tmp_path / name
        path.write_text("#!/bin/sh\nexit 1\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        assert BY_NAME[name].version() == version


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_real_program(program: Program, text: Path) -> None:
    if program.find() is None or program.name in ("cmix", "lstm-compress", "nncp", "paq8px", "ts_zip"):
        pytest.skip(f"{program.name} is not installed, or takes minutes")
    row = run(text, program)
    assert row.failure == ""
    assert 0 < row.n_coded < len(TEXT)
    version = program.version()
    assert version is not None
    assert version[0].isdigit()
