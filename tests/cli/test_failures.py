"""What goes wrong around the work: memory, full disks, closed streams.  One line, the right exit code, nothing lost."""

import os
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from click.testing import CliRunner, Result

from fscompress.cli.app import group

TEXT = b"Nothing is so painful to the human mind as a great and sudden change. " * 20

pytestmark = pytest.mark.usefixtures("installed")


@pytest.fixture(autouse=True)
def _place(here: Path) -> None:
    (here / "a.txt").write_bytes(TEXT)


def run(*words: str) -> Result:
    return CliRunner().invoke(group, words)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_an_input_too_large_for_the_memory_stops_no_other(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fscompress import codec

    encode_stream = codec.encode_stream

    def encode_small(source: BinaryIO, *others: Any) -> codec.CodingStats:
        if os.fstat(source.fileno()).st_size > len(TEXT):
            raise MemoryError
        return encode_stream(source, *others)

    monkeypatch.setattr(codec, "encode_stream", encode_small)
    (here / "b.txt").write_bytes(TEXT * 2)
    (here / "c.txt").write_bytes(TEXT)
    result = run("encode", "a.txt", "b.txt", "c.txt")
    assert (result.exit_code, result.stderr) == (1, "fscompress: b.txt -> b.txt.fsc: out of memory\n")
    assert names(here) == {"a.txt", "b.txt", "c.txt", "a.txt.fsc", "c.txt.fsc"}


def test_a_bad_setting_of_verification_is_noticed_before_the_work(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSCOMPRESS_MEMORY", "much")
    monkeypatch.setattr("fscompress.codec.encode_stream", None)
    result = run("encode", "--rm", "a.txt")
    said = "fscompress: FSCOMPRESS_MEMORY: must be a size such as 512M or 2G (got 'much')\n"
    assert (result.exit_code, result.stderr) == (1, said)
    assert names(here) == {"a.txt"}


@pytest.mark.parametrize("words", [["encode", "a.txt"], ["explain", "a.txt"]])
def test_a_full_disk_is_named(words: list[str]) -> None:
    result = run(*words, "-o", "/dev/full")
    assert (result.exit_code, result.stderr) == (1, "fscompress: /dev/full: no space left on device\n")


def test_a_full_disk_below_a_run_of_training_is_named(here: Path) -> None:
    from fscompress.training.metrics import METRICS, Report, append_metrics

    (here / METRICS).symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught:
        append_metrics(here, Report(1, 1, 1.0, None, 1.0, 1.0, 1.0))
    assert caught.value.filename == str(here / METRICS)
