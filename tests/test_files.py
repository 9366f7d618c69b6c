"""Outputs appear whole or not at all, inputs are never lost."""

import errno
import io
import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from fscompress import files
from fscompress.errors import RefusedError
from fscompress.files import check_output, open_input, open_output, remove_input, write_zeros


def write(target: Path, data: bytes, source: str = "-", force: bool = False) -> None:
    status = None if source == "-" else Path(source).stat()
    with open_output(str(target), source, force, status=status) as output:
        output.write(data)


def test_appears_only_when_complete(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with open_output(str(target)) as output:
        output.file.write(b"all of it")
        assert not target.exists()
        assert output.written is not None
        assert output.written.parent == tmp_path
        assert stat.S_IMODE(output.written.stat().st_mode) == 0o600
    assert target.read_bytes() == b"all of it"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit])
def test_failure_leaves_no_trace(tmp_path: Path, failure: type[BaseException]) -> None:
    old = tmp_path / "out"
    old.write_bytes(b"old")
    with pytest.raises(failure), open_output(str(old), force=True) as output:
        output.file.write(b"half")
        raise failure
    assert old.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [old]


def test_existing_file_needs_force(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.write_bytes(b"old")
    with pytest.raises(RefusedError, match="exists already; -f"):
        write(target, b"new")
    assert target.read_bytes() == b"old"
    write(target, b"new", force=True)
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("hard_links", [True, False])
def test_file_that_appears_meanwhile_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hard_links: bool) -> None:
    def no_link(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not hard_links:
        monkeypatch.setattr(os, "link", no_link)
    target = tmp_path / "out"
    with pytest.raises(RefusedError, match="exists already"), open_output(str(target)) as output:
        output.file.write(b"ours")
        target.write_bytes(b"theirs")
    assert target.read_bytes() == b"theirs"
    target.unlink()
    write(target, b"ours")
    assert target.read_bytes() == b"ours"
    assert list(tmp_path.iterdir()) == [target]


def test_mode_and_time_are_those_of_the_input(tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(b"text")
    source.chmod(0o4640)
    os.utime(source, ns=(1_000_000_000, 2_000_000_000))
    write(target, b"x", str(source))
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert target.stat().st_mtime_ns == 2_000_000_000


def test_attributes_are_those_of_the_file_that_was_read(tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(b"text")
    source.chmod(0o600)
    with open_input(str(source)) as opened, open_output(str(target), str(source), status=os.fstat(opened.fileno())):
        source.unlink()
        source.write_bytes(b"another")
        source.chmod(0o666)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.parametrize(("mode", "kept"), [(0o644, 0o644), (0o660, 0o600), (0o606, 0o600), (0o755, 0o755)])
def test_another_group_gets_no_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, kept: int) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(b"text")
    source.chmod(mode)
    monkeypatch.setattr(os, "fchown", refused)
    status = source.stat()
    other = SimpleNamespace(**{name: getattr(status, name) for name in dir(status) if name.startswith("st_")})
    other.st_gid += 1
    with open_output(str(target), status=other) as output:  # type: ignore[arg-type]
        output.write(b"x")
    assert stat.S_IMODE(target.stat().st_mode) == kept


@pytest.mark.skipif(os.getuid() != 0, reason="only the superuser gives files away")
def test_owner_and_group_are_those_of_the_input(tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(b"text")
    try:
        os.chown(source, 1000, 1001)
    except OSError as error:
        pytest.skip(f"not all owners are to be had here ({error})")
    source.chmod(0o640)
    write(target, b"x", str(source))
    status = target.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1000, 1001, 0o640)


def test_mode_of_a_stream_is_the_default(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "out", b"x")
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o640


def test_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_bytes(b"old")
    link.symlink_to(real)
    write(link, b"new", force=True)
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_device_is_written_as_it_is() -> None:
    with open_output(os.devnull) as output:
        output.file.write(b"gone")
        assert output.written is None
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize("name", ["/dev/fd/{}", "/proc/self/fd/{}", "link"])
@pytest.mark.parametrize("kind", ["pipe", "file"])
def test_open_descriptors_are_written_as_they_are(tmp_path: Path, name: str, kind: str) -> None:
    old = tmp_path / "old"
    old.write_bytes(b"kept, ")
    reading, writing = os.pipe()
    if kind == "file":
        os.close(writing)
        writing = os.open(old, os.O_WRONLY | os.O_APPEND)
    chosen = name.format(writing)
    if name == "link":
        chosen = str(tmp_path / "link")
        Path(chosen).symlink_to(f"/proc/self/fd/{writing}")
    with open_output(chosen, force=True) as output:
        output.write(b"text")
        assert output.written is None
    os.write(writing, b".")  # it is still open
    os.close(writing)
    assert os.read(reading, 99) == (b"text." if kind == "pipe" else b"")
    assert old.read_bytes() == (b"kept, " if kind == "pipe" else b"kept, text.")
    os.close(reading)


@pytest.mark.parametrize("size", [1, 1 << 20])
@pytest.mark.parametrize("kind", ["a file", "/dev/full", "an error of fsync"])
def test_errors_of_writing_name_the_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, size: int
) -> None:
    """Those of writing, of what is written when it is closed, and of bringing it to the disk; no others."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    name = kind if kind == "/dev/full" else str(tmp_path / "out")
    if kind == "an error of fsync":
        monkeypatch.setattr(os, "fsync", full)
    elif kind == "a file":
        monkeypatch.setattr(files, "write_all", full)
    with pytest.raises(OSError, match="No space left") as caught, open_output(name) as output:
        output.write(bytes(size))
    assert caught.value.filename == name
    assert not list(tmp_path.iterdir())
    with pytest.raises(OSError, match="of the input") as caught, open_output(name) as output:
        raise OSError(errno.EIO, "of the input")
    assert caught.value.filename is None


def test_a_link_to_nothing_exists(tmp_path: Path) -> None:
    link, behind = tmp_path / "link", tmp_path / "behind"
    link.symlink_to(behind)
    with pytest.raises(RefusedError, match="exists already"):
        write(link, b"x")
    assert not behind.exists()
    write(link, b"x", force=True)
    assert behind.read_bytes() == b"x"


def test_input_is_never_the_output(tmp_path: Path) -> None:
    source, link = tmp_path / "in", tmp_path / "link"
    source.write_bytes(b"text")
    os.link(source, link)
    for target in (source, link):
        with pytest.raises(RefusedError, match="same file"):
            write(target, b"x", str(source), force=True)


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="no names of descriptors here")
def test_input_is_never_the_output_that_a_descriptor_appends_to(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.write_bytes(b"text")
    with source.open("ab") as appended, pytest.raises(RefusedError, match="same file"):
        write(Path(f"/dev/fd/{appended.fileno()}"), b"x", str(source))
    assert source.read_bytes() == b"text"


def test_stdout_that_appends_to_the_input_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "in"
    source.write_bytes(b"text")
    with source.open("a") as appended:
        monkeypatch.setattr("sys.stdout", appended)
        with pytest.raises(RefusedError, match="stdout: input and output are the same file"):
            check_output("-", str(source), force=True, binary=True)
        check_output("-", "-", force=True, binary=True)


def test_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="is a folder"):
        write(tmp_path, b"x", force=True)
    with pytest.raises(RefusedError, match="is a folder"), open_input(str(tmp_path)):
        pass


def test_missing_folder_is_named(tmp_path: Path) -> None:
    target = tmp_path / "nowhere" / "out"
    with pytest.raises(RefusedError, match=f"{target}: there is no folder {target.parent}"):
        write(target, b"x")
    with pytest.raises(RefusedError, match=f"{target.parent}/: there is no folder {target.parent}"):
        check_output(f"{target.parent}/", "-", force=False, binary=False)


def test_longest_name_allowed(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 255)
    write(target, b"x")
    assert target.read_bytes() == b"x"


def test_changed_input_is_not_removed(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.write_bytes(b"text")
    before = source.stat()
    source.write_bytes(b"more text")
    with pytest.raises(RefusedError, match="changed while"):
        remove_input(str(source), before)
    assert source.exists()
    remove_input(str(source), source.stat())
    assert not source.exists()


def test_closed_standard_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(RefusedError, match="stdin: is closed"), open_input(files.STANDARD):
        pass
    with pytest.raises(RefusedError, match="stdout: is closed"):
        files.check_output(files.STANDARD, "in", force=False, binary=True)


@pytest.mark.parametrize("mode", ["wb", "ab"])
def test_zeros_at_the_end_of_a_file_are_a_hole(tmp_path: Path, mode: str) -> None:
    path, n = tmp_path / "a", 1 << 26
    path.write_bytes(b"before ")
    with path.open(mode) as target:
        target.write(b"here")
        write_zeros(target, n)
        target.write(b"there")
        write_zeros(target, 9)
    status = path.stat()
    begin = b"here" if mode == "wb" else b"before here"
    assert path.read_bytes() == begin + bytes(n) + b"there" + bytes(9)
    assert 512 * status.st_blocks < n // 16


def test_zeros_elsewhere_are_written(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 50)
    with path.open("r+b") as target:
        target.seek(10)
        write_zeros(target, 20)
        target.write(b"y")
    assert path.read_bytes() == b"x" * 10 + bytes(20) + b"y" + b"x" * 19
    reader, writer = os.pipe()
    with open(reader, "rb") as source, open(writer, "wb") as target:
        write_zeros(target, 999)
        target.close()
        assert source.read() == bytes(999)
    memory = io.BytesIO()
    write_zeros(memory, (1 << 20) + 3)
    assert memory.getvalue() == bytes((1 << 20) + 3)


def test_what_is_no_file_of_its_own_is_not_removed(tmp_path: Path) -> None:
    real, link, pipe = tmp_path / "real", tmp_path / "link", tmp_path / "pipe"
    real.write_bytes(b"text")
    link.symlink_to(real)
    os.mkfifo(pipe)
    for path, what in ((link, "a symbolic link"), (pipe, "no file"), (Path("/dev/null"), "no file")):
        with pytest.raises(RefusedError, match=f"{path}: is {what}; --rm removes files alone"):
            remove_input(str(path), path.stat())
        assert os.path.lexists(path)
    remove_input(str(real), real.stat())
    assert not real.exists()


def test_stdin_that_is_the_output_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"text")
    with path.open("rb") as source:
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=source))
        with pytest.raises(RefusedError, match="input and output are the same file"):
            check_output(str(path), "-", force=True, binary=True)
        check_output(str(tmp_path / "other"), "-", force=True, binary=True)


def test_an_input_that_cannot_be_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"text")

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(RefusedError, match=r"file: cannot be deleted \(Permission denied\); its output is whole"):
        remove_input(str(path), path.stat())
