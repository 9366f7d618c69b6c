"""Temporary files are their owner's alone, and those of dead processes do not stay."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fscompress import temporary
from fscompress.files import open_output, replacing
from fscompress.temporary import temporary_beside
from tests.conftest import running

WRITER = """
import sys, time
from pathlib import Path
from fscompress.files import open_output
with open_output("out") as output:
    output.file.write(b"half")
    output.file.flush()
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _forget_swept_folders() -> None:
    temporary._sweep.cache_clear()


def write(target: Path) -> None:
    with open_output(str(target)) as output:
        output.file.write(b"whole")


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def test_litter_of_a_killed_process_goes_with_the_next_output(here: Path) -> None:
    before = os.umask(0)
    try:
        with running([sys.executable, "-c", WRITER], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"writing\n"
            assert set(modes(here).values()) == {0o600}
            write(here / "first")  # the other process lives: its file is left alone
            assert len(modes(here)) == 2
            child.send_signal(signal.SIGKILL)
    finally:
        os.umask(before)
    assert len(modes(here)) == 2
    temporary._sweep.cache_clear()
    write(here / "second")
    assert set(modes(here)) == {"first", "second"}


def test_only_files_of_that_name_are_swept(here: Path) -> None:
    (here / "precious").write_bytes(b"x")
    (here / ".fscompress-link.tmp").symlink_to("precious")
    (here / ".fscompress-folder.tmp").mkdir()
    os.mkfifo(here / ".fscompress-pipe.tmp")
    (here / ".fscompress-0123456789abcdef.tmp").write_bytes(b"x")
    (here / ".other.tmp").write_bytes(b"x")
    write(here / "out")
    assert set(modes(here)) == {
        "precious", ".fscompress-link.tmp", ".fscompress-folder.tmp", ".fscompress-pipe.tmp", ".other.tmp", "out"
    }  # fmt: skip


def test_a_file_swept_before_it_was_locked_is_made_anew(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = temporary._lock
    made: list[str] = []

    def swept_first(descriptor: int, wait: bool) -> bool:
        made.extend(path.name for path in here.iterdir())
        if len(made) == 1:
            (here / made[0]).unlink()
        return lock(descriptor, wait)

    monkeypatch.setattr(temporary, "_lock", swept_first)
    with temporary_beside(here / "out") as (path, _):
        assert path.exists()
    assert len(set(made)) == 2


def test_replacing(here: Path) -> None:
    target = here / "model"
    target.write_bytes(b"old")
    with pytest.raises(ValueError, match="no"), replacing(target) as path:
        path.write_bytes(b"half")
        assert modes(here)[path.name] == 0o600
        raise ValueError("no")
    assert target.read_bytes() == b"old"
    before = os.umask(0o027)
    try:
        with replacing(target) as path:
            path.write_bytes(b"new")
    finally:
        os.umask(before)
    assert target.read_bytes() == b"new"
    assert modes(here) == {"model": 0o640}


def test_an_interruption_before_the_file_is_locked_leaves_nothing(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_descriptor: int, wait: bool) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(temporary, "_lock", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(here / "out")
    assert not modes(here)


def test_files_of_others_with_a_similar_name_stay(here: Path) -> None:
    for name in (".fscompress-notes.tmp", ".fscompress-0123456789abcdef.tmp.txt", ".fscompress-0123456789ABCDEF.tmp"):
        (here / name).write_bytes(b"mine")
    (here / ".fscompress-0123456789abcdef.tmp").write_bytes(b"litter")
    write(here / "out")
    assert set(modes(here)) == {
        "out", ".fscompress-notes.tmp", ".fscompress-0123456789abcdef.tmp.txt", ".fscompress-0123456789ABCDEF.tmp"
    }  # fmt: skip
