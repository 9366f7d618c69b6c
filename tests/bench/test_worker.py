"""What runs in a process of this program: measured there, and its failures are rows here."""

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
    row = measure_apart(Task("gzip -9", "gzip"), "a", text, 2, 300.0)
    assert row.failure == ""
    assert (row.compressor, row.file, row.runs) == ("gzip -9", "a", 2)
    assert 4e6 < row.peak_bytes < 60e6, "an interpreter and gzip, not the tests themselves"


def test_own_model(text: Path) -> None:
    row = measure_apart(Task("ours", "", str(TINY), 1234, "fast"), "a", text, 1, 300.0)
    assert row.failure == ""
    assert (row.compressor, row.model_bytes, row.n_plain) == ("ours", 1234, len(TEXT))
    assert row.bits_per_byte_with_model == pytest.approx(8 * (row.n_coded + 1234) / len(TEXT))
    assert row.peak_bytes > 20e6


def test_a_process_that_fails(text: Path, tmp_path: Path) -> None:
    row = measure_apart(Task("ours", "", str(tmp_path / "none.safetensors"), 0, "fast"), "a", text, 1, 300.0)
    assert row.failure.startswith(f"exit code {EXIT_REFUSED}: ")
    assert "none.safetensors" in row.failure


def test_time_limit(text: Path) -> None:
    assert measure_apart(Task("gzip -9", "gzip"), "a", text, 1, 0.001).failure == "took more than 0.001 s"


def test_nothing_is_imported_from_the_working_folder(here: Path) -> None:
    for name in ("statistics", "json", "fscompress"):
        Path(f"{name}.py").write_text("open('executed', 'w')")
    Path("a.txt").write_bytes(TEXT)
    assert measure_apart(Task("gzip -9", "gzip"), "a", Path("a.txt"), 1, 300.0).failure == ""
    assert not Path("executed").exists()


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)
def test_libraries_come_back(library: Library) -> None:
    pytest.importorskip(library.module)
    compressor = library.make()
    assert compressor.name == library.label
    for data in (TEXT, b"a", bytes(range(256)) * 5):
        assert compressor.decompress(compressor.compress(data)) == data
    assert library.version()
