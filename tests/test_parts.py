"""Files in parts: joined they are the very file, and whatever is not as it was split is named in one line."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fscompress import parts
from fscompress.errors import ModelFileError, RefusedError

DATA = b"".join(bytes([i]) * 256 for i in range(4)) + b"end"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file in five parts, of 256 bytes but for the last."""
    path = tmp_path / "m[1].safetensors"  # brackets mean something to glob
    path.write_bytes(DATA)
    assert parts.split_file(path, 256) == 5
    return path


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


@given(st.binary(max_size=300), st.integers(3, 400))
def test_split_and_joined_again(data: bytes, part_bytes: int) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.safetensors"
        path.write_bytes(data)
        n_parts = parts.split_file(path, part_bytes)
        assert parts.read_joined(path) == data
        assert parts.size(path) == len(data)
        assert n_parts == max(-(-len(data) // part_bytes), 1)
        pieces = parts.part_paths(path)
        assert all(0 < piece.stat().st_size <= part_bytes for piece in pieces)
        in_parts = {f"a.safetensors.{i:02}" for i in range(n_parts)} | {"a.safetensors.sha256"}
        assert names(path.parent) == ({"a.safetensors"} if n_parts == 1 else in_parts)


@given(st.integers(0, 4), st.integers(0, 255), st.integers(0, 255), st.booleans())
def test_any_changed_or_cut_part_is_named(index: int, at: int, value: int, cut: bool) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.safetensors"
        path.write_bytes(DATA)
        parts.split_file(path, 256)
        part = parts.part_path(path, index)
        piece = bytearray(part.read_bytes())
        at %= len(piece)
        changed = piece[:at] if cut else piece[:at] + bytes([piece[at] ^ (value or 1)]) + piece[at + 1 :]
        part.write_bytes(changed)
        with pytest.raises(ModelFileError, match=rf"a\.safetensors\.0{index}: is damaged or cut short") as caught:
            parts.read_joined(path)
        assert caught.value.exit_code == 3
        assert "\n" not in str(caught.value)


@given(st.permutations(range(5)))
def test_exchanged_parts_are_named(order: list[int]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.safetensors"
        path.write_bytes(DATA)
        parts.split_file(path, 256)
        pieces = [part.read_bytes() for part in parts.part_paths(path)]
        for index, source in enumerate(order):
            parts.part_path(path, index).write_bytes(pieces[source])
        if order == sorted(order):
            assert parts.read_joined(path) == DATA
            return
        first = next(index for index, source in enumerate(order) if index != source)
        expected = rf"a\.safetensors\.0{first}: holds the bytes of a\.safetensors\.0{order[first]}"
        with pytest.raises(ModelFileError, match=expected):
            parts.read_joined(path)


@pytest.mark.parametrize("index", range(5))
def test_missing_part(path: Path, index: int) -> None:
    parts.part_path(path, index).unlink()
    with pytest.raises(ModelFileError, match=rf"0{index}: is missing \(part {index + 1} of 5\)"):
        parts.read_joined(path)


def test_part_too_many(path: Path) -> None:
    parts.part_path(path, 5).write_bytes(b"more")
    with pytest.raises(ModelFileError, match=r"05: is not one of the 5 parts"):
        parts.read_joined(path)


LISTS: list[Callable[[str], str]] = [
    lambda text: "",
    lambda text: text.splitlines()[0] + "\n",
    lambda text: "\n".join(reversed(text.splitlines())),
    lambda text: text.replace("  ", " "),
    lambda text: text.replace("m[1]", "other"),
    lambda text: text.upper(),
    lambda text: text + text,
    lambda text: "x" * 200_000,
    lambda text: text.replace(text[:64], "0" * 64),
    lambda text: text.replace(".03", ".é3"),
]


@pytest.mark.parametrize("change", LISTS)
def test_damaged_list(path: Path, change: Callable[[str], str]) -> None:
    listing = parts.sums_path(path)
    listing.write_text(change(listing.read_text()), encoding="utf-8")
    with pytest.raises(ModelFileError, match=r"sha256: (does not list|is not a list|its parts do not make up)"):
        parts.read_joined(path)


def test_missing_list(path: Path) -> None:
    parts.sums_path(path).unlink()
    with pytest.raises(ModelFileError, match=r"sha256: is missing; it lists the parts of m\[1\]"):
        parts.read_joined(path)


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="no sha256sum")
def test_common_tools_check_and_join(path: Path) -> None:
    check = ["sha256sum", "--check", "--strict", "--quiet", "--ignore-missing", parts.sums_path(path).name]
    subprocess.run(check, cwd=path.parent, check=True)
    assert b"".join(part.read_bytes() for part in sorted(path.parent.glob("*.0?"))) == DATA
    assert parts.read_sums(path).whole == hashlib.sha256(DATA).digest()


def test_the_one_file_comes_first(path: Path) -> None:
    path.write_bytes(b"joined")
    assert parts.read_joined(path) == b"joined"
    assert parts.size(path) == 6


@pytest.mark.parametrize("n_bytes", [0, 100, 300, 600])
def test_split_replaces_older_parts(path: Path, n_bytes: int) -> None:
    path.write_bytes(bytes(n_bytes))
    n_parts = parts.split_file(path, 256)
    assert parts.read_joined(path) == bytes(n_bytes)
    assert len(names(path.parent)) == (1 if n_parts == 1 else n_parts + 1)


def test_failed_split_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(DATA)
    with pytest.raises(RefusedError, match="would have 1,027 parts of 1 bytes"):
        parts.split_file(path, 1)
    assert names(tmp_path) == {"a.safetensors"}
    parts.part_path(path, 2).mkdir()  # where no file can be written
    with pytest.raises(RefusedError, match="is a folder"):
        parts.split_file(path, 256)
    assert parts.read_joined(path) == DATA
    assert names(tmp_path) == {"a.safetensors", "a.safetensors.02"}


def test_located_by_the_name_of_the_whole_or_of_a_part(path: Path) -> None:
    assert parts.locate(path) == parts.locate(parts.part_path(path, 3)) == path
    for missing in (path.with_name("b"), path.parent / "no" / "folder", parts.part_path(path, 7)):
        assert parts.locate(missing) is None
    lone = path.with_name("lone.07")
    lone.write_bytes(b"a file whose name happens to end so")
    assert parts.locate(lone) == lone


def test_reading_nothing(tmp_path: Path) -> None:
    for missing in (tmp_path / "a", tmp_path / "no" / "a"):
        with pytest.raises(FileNotFoundError):
            parts.read_joined(missing)


def test_existing_parts_are_refused_unless_forced(path: Path) -> None:
    parts.check_absent(path, force=True)
    parts.check_absent(path.with_name("other"), force=False)
    with pytest.raises(RefusedError, match="exists already, in parts"):
        parts.check_absent(path, force=False)


def test_a_list_of_something_else_is_refused_unless_forced(path: Path) -> None:
    other = path.with_name("other")
    parts.check_absent(other, force=False)
    parts.sums_path(other).write_bytes(b"precious")
    with pytest.raises(RefusedError, match="sha256: exists already; -f overwrites it"):
        parts.check_absent(other, force=False)
    parts.check_absent(other, force=True)
