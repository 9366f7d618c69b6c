"""Folders that cannot be written: a full disk, a read-only one, a cache that is out of reach.

root passes all permissions, so as root a small file system is mounted; as another user the mode of the folder does.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.torture.box import Box
from tests.torture.tally import SkippedError


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A tmpfs at ``folder``."""
    if os.geteuid() != 0:
        raise SkippedError("only root may mount")
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "fscompress-torture", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        raise SkippedError("this system does not let root mount a tmpfs")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The folder cannot be written while the block runs; what is in it is kept."""
    if os.geteuid() != 0:
        folder.chmod(0o500)
        try:
            yield
        finally:
            folder.chmod(0o700)
        return
    with mounted(folder, "size=4m"):
        (folder / "in").write_bytes((folder.parent / "in").read_bytes())
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        yield


def full_disk(box: Box) -> None:
    """The target's file system has no room."""
    sample, small = box.sample(slow=True), box.folder / "small"
    (box.folder / "in").write_bytes(sample.coded)
    with mounted(small, "size=16k"):
        box.expect(box.run("decode", "in", "-o", "small/out"), 1)
        if any(small.iterdir()):
            box.check_target(small / "out", None)
            raise AssertionError(f"left on a full disk: {list(small.iterdir())}")


def read_only_folder(box: Box) -> None:
    """The target's folder is read-only; reading from it goes on."""
    sample, closed = box.sample(), box.folder / "closed"
    (box.folder / "in").write_bytes(sample.plain)
    closed.mkdir()
    (closed / "in").write_bytes(sample.plain)
    with read_only(closed):
        box.expect(box.run("encode", "--level", sample.level, "closed/in"), 1)
        box.expect(box.run("encode", "--level", sample.level, "closed/in", "-o", "out"), 0)
    box.check_target(box.folder / "out", sample.coded)


def unwritable_cache(box: Box) -> None:
    """The cache folder cannot be made: kernels are compiled for the process alone, and nothing is left of them."""
    sample = next(each for each in box.samples if each.level == "fast" and len(each.plain) == 3_000)
    temporary = box.folder / "tmp"
    temporary.mkdir()
    box.env |= {"FSCOMPRESS_CACHE": "/dev/null/cache", "TMPDIR": str(temporary)}
    ended = box.run("encode", "-q", "--level", sample.level, "-", "-o", "out", stdin=sample.plain)
    box.expect(ended, 0)
    box.check_target(box.folder / "out", sample.coded)
    box.check_folder("out", "tmp")
    assert not any(temporary.iterdir()), "kernels of one process stayed"
