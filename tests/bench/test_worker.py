"""What runs in a process of this program: measured there, and its failures are rows here."""

import errno
import os
from pathlib import Path

import pytest

from fscompress.bench.compressors import LIBRARIES, Library
from fscompress.bench.worker import Task, measure_apart
from fscompress.errors import EXIT_REFUSED
from tests.helpers import TINY

TEXT = b"To be, or not to be, that is the question. " * 60


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_bytes(TEXT)
    return path


def test_library(text: Path) -> None:
    row = measure_apart(Task("gzip -9", "gzip"), "a", text, len(TEXT), 2, 300.0)
    assert row.failure == ""
    assert (row.compressor, row.file, row.runs) == ("gzip -9", "a", 2)
    assert 4e6 < row.peak_bytes < 60e6, "an interpreter and gzip, not the tests themselves"


def test_own_model(text: Path) -> None:
    row = measure_apart(Task("ours", "", str(TINY), 1234, "fast"), "a", text, len(TEXT), 1, 300.0)
    assert row.failure == ""
    assert (row.compressor, row.model_bytes, row.n_plain) == ("ours", 1234, len(TEXT))
    assert row.bits_per_byte_with_model == pytest.approx(8 * (row.n_coded + 1234) / len(TEXT))
    assert row.peak_bytes > 20e6


def test_a_process_that_fails(text: Path, tmp_path: Path) -> None:
    row = measure_apart(Task("ours", "", str(tmp_path / "none.safetensors"), 0, "fast"), "a", text, len(TEXT), 1, 300.0)
    assert row.failure.startswith(f"exit code {EXIT_REFUSED}: ")
    assert "none.safetensors" in row.failure


def test_a_file_that_vanished_or_changed(text: Path) -> None:
    text.write_bytes(b"")
    assert measure_apart(Task("gzip -9", "gzip"), "a", text, 9, 1, 300.0).failure.startswith(
        "the file has another length"
    )
    text.unlink()
    row = measure_apart(Task("gzip -9", "gzip"), "a", text, 9, 1, 300.0)
    assert (row.n_plain, row.verified) == (9, False)
    assert "No such file or directory" in row.failure


def test_no_room_for_a_process(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    assert "No space left" in measure_apart(Task("gzip -9", "gzip"), "a", text, 9, 1, 300.0).failure


def test_time_limit(text: Path) -> None:
    assert measure_apart(Task("gzip -9", "gzip"), "a", text, len(TEXT), 1, 0.001).failure == "took more than 0.001 s"


def test_nothing_is_imported_from_the_working_folder(here: Path) -> None:
    for name in ("statistics", "json", "fscompress"):
        Path(f"{name}.py").write_text("open('executed', 'w')")
    Path("a.txt").write_bytes(TEXT)
    assert measure_apart(Task("gzip -9", "gzip"), "a", Path("a.txt"), len(TEXT), 1, 300.0).failure == ""
    assert not Path("executed").exists()


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)
def test_libraries_come_back(library: Library) -> None:
    pytest.importorskip(library.module)
    compressor = library.make()
    assert compressor.name == library.label
    for data in (TEXT, b"a", bytes(range(256)) * 5):
        assert compressor.decompress(compressor.compress(data)) == data
    assert library.version()
