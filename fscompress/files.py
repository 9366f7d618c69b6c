"""Input and output on disk: an output appears whole under its name, or not at all.

In: paths, ``-`` for stdin and stdout.  Out: binary file objects.  Everything is written to a temporary file in the
target's folder (``temporary.py``), which takes its name once the caller is satisfied (``publishing.py``); a failure or
an interruption leaves no trace.  Devices, pipes and open descriptors (``/dev/stdout``) are written as they are.  Knows
nothing of formats and models.  Guarded by ``tests/test_files.py``.
"""

import contextlib
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fscompress.errors import RefusedError
from fscompress.publishing import publish
from fscompress.streams import flush_all, naming, write_all
from fscompress.temporary import temporary_beside

STANDARD = "-"
_ZEROS = bytes(1 << 20)
_MOST_LINKS = 40  # from name to name, as Linux has it


@dataclass
class Output:
    """An output being written.

    Args:
        file: to write to; name: of errors.
        written: for reading back; None for a stream or a device.
    """

    file: BinaryIO
    name: str
    written: Path | None = None

    def write(self, data: bytes) -> None:
        """Writes all of ``data``."""
        with naming(self.name):
            write_all(self.file, data)


@contextmanager
def open_input(name: str, binary_expected: bool = False, force: bool = False) -> Iterator[BinaryIO]:
    """Opens ``name`` (``-``: stdin) for reading.

    Raises RefusedError for a folder, and for a terminal where ``binary_expected`` unless ``force``.
    """
    if name != STANDARD:
        _refuse_folder(Path(name))
        with Path(name).open("rb") as file:
            yield file
        return
    stream = _standard(sys.stdin, "stdin")
    if binary_expected and stream.isatty() and not force:
        raise RefusedError("stdin: compressed data is not read from a terminal; name a file")
    yield stream


def check_output(name: str, source: str, force: bool, binary: bool) -> None:
    """Raises RefusedError if ``open_output`` would refuse: known before the work is done rather than after.

    Args:
        name: the output, ``-`` for stdout; source: the input it is made from.
        force: overwrite, and write compressed data to a terminal; binary: whether compressed data is written.
    """
    if name == STANDARD:
        stream = _standard(sys.stdout, "stdout")
        if binary and stream.isatty() and not force:
            raise RefusedError("stdout: compressed data is not written to a terminal; redirect it, -o FILE, or -f")
        _refuse_input(stream, "stdout", source)
        return
    _refuse_folder(Path(name))
    in_place = _in_place(name)
    if in_place is None:
        _require_folder(name)
    elif binary and not force and _is_terminal(in_place):
        raise RefusedError(f"{name}: compressed data is not written to a terminal; -o FILE, or -f")
    _refuse_input(name if in_place is None else in_place, name, source)
    if not force and in_place is None and os.path.lexists(name):
        raise RefusedError(f"{name}: exists already; -f overwrites it")


def require_file(target: Path) -> None:
    """Raises RefusedError for an output that has to be a file and is none: stdout, a device, a pipe."""
    if str(target) == STANDARD or _in_place(str(target)) is not None:
        raise RefusedError(f"{target}: is no file; give the name of one")


def require_stdout() -> None:
    """Raises RefusedError where stdout is closed."""
    _standard(sys.stdout, "stdout")


@contextmanager
def open_output(
    name: str,
    source: str = STANDARD,
    force: bool = False,
    binary: bool = False,
    status: os.stat_result | None = None,
) -> Iterator[Output]:
    """Opens ``name`` for writing, with the arguments of ``check_output``.

    The target appears when the block ends without an exception; otherwise it is as it was before.  A file takes owner,
    mode and mtime of the input whose ``status`` is given, if that is a regular file; else it has the user's defaults.
    """
    check_output(name, source, force, binary)
    if name == STANDARD:
        stream = _standard(sys.stdout, "stdout")
        yield Output(stream, "stdout")
        with naming("stdout"):
            flush_all(stream)
        return
    in_place = _in_place(name)
    if in_place is not None:
        with _closing(open(in_place, "wb", closefd=isinstance(in_place, str)), name) as file:
            yield Output(file, name)
        return
    target = Path(os.path.realpath(name))  # through a link: the file it points to is replaced, not the link
    with temporary_beside(target) as (temporary, descriptor):
        with _closing(open(descriptor, "wb", closefd=False), name) as file:
            yield Output(file, name, temporary)
        try:
            with naming(name):
                publish(temporary, descriptor, target, status, force)
        except FileExistsError as error:  # since the check
            raise RefusedError(f"{target}: exists already; -f overwrites it") from error


@contextmanager
def _closing(file: BinaryIO, name: str) -> Iterator[BinaryIO]:
    """``file``, closed at the end, which writes what it still holds; errors of that name it."""
    try:
        yield file
    finally:
        with naming(name):
            file.close()


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """An empty file beside ``target`` for libraries that write to a path; it takes the name when the block ends.

    It is its owner's alone until then, and gets the user's default mode.  After an exception ``target`` is as it was.
    Raises RefusedError for a target that cannot be replaced.
    """
    require_file(target)
    with temporary_beside(target) as (temporary, _):
        yield temporary
        descriptor = os.open(temporary, os.O_RDWR)  # a library may have put another file in its place
        try:
            publish(temporary, descriptor, target, None, force=True)
        finally:
            os.close(descriptor)


def files_below(folder: Path) -> list[Path]:
    """All files of a folder and its sub-folders, sorted; hidden ones, and those in hidden folders, are left out."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not any(n.startswith(".") for n in path.relative_to(folder).parts))


def printable(name: str) -> str:
    """A name, or a line with names in it, as text that any stream takes and that does nothing to a terminal.

    Names may hold line ends, escapes, and bytes that are no text: these are shown as Python writes them.
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)


def write_zeros(target: BinaryIO, n: int) -> None:
    """Writes ``n`` zeros; where ``target`` is a regular file that ends here, as a hole, which takes no room on disk."""
    flush_all(target)
    if _ends_here(target):
        end = target.tell() + n
        target.truncate(end)
        target.seek(end)
        return
    for start in range(0, n, len(_ZEROS)):
        write_all(target, _ZEROS[: n - start])


def check_removable(source: str) -> os.stat_result:
    """The status of ``source``; raises RefusedError for what is no file of its own: a link, a device, a pipe."""
    status = os.lstat(source)
    if not stat.S_ISREG(status.st_mode):
        kind = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "no file"
        raise RefusedError(f"{source}: is {kind}; --rm removes files alone")
    return status


def remove_input(source: str, before: os.stat_result) -> None:
    """Deletes ``source`` unless it changed since ``before`` was taken: it then holds bytes that were never read."""
    now = check_removable(source)
    if not os.path.samestat(now, before) or (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise RefusedError(f"{source}: changed while it was read; not removed")
    try:
        Path(source).unlink()
    except OSError as error:  # else it would read as if the input had not been read
        raise RefusedError(f"{source}: cannot be deleted ({error.strerror}); its output is whole") from error


def _standard(text_stream: object, name: str) -> BinaryIO:
    binary: BinaryIO | None = getattr(text_stream, "buffer", None)
    if binary is None:
        raise RefusedError(f"{name}: is closed; name a file")
    return binary


def _ends_here(target: BinaryIO) -> bool:
    """Whether writing would go on at the end of a regular file; one opened for appending may stand elsewhere."""
    try:
        status = os.fstat(target.fileno())
    except OSError:  # no file at all
        return False
    return stat.S_ISREG(status.st_mode) and target.tell() == status.st_size


def _in_place(name: str) -> int | str | None:
    """What is opened and written as it is: an open descriptor, a device or pipe of that name; None for files."""
    path, descriptor = Path(name), _descriptor(name)
    return name if descriptor is None and path.exists() and not path.is_file() else descriptor


def _is_terminal(in_place: int | str) -> bool:
    if isinstance(in_place, int):
        return os.isatty(in_place)
    if Path(in_place).is_char_device():  # to open a pipe would wait for its reader
        with contextlib.suppress(OSError), open(in_place, "wb", buffering=0) as device:  # as it is opened to be written
            return device.isatty()
    return False


def _refuse_folder(path: Path) -> None:
    if path.is_dir():
        raise RefusedError(f"{path}: is a folder; name a file")


def _require_folder(name: str) -> None:
    folder = Path(name) if name.endswith(os.sep) else Path(os.path.realpath(name)).parent
    if not folder.is_dir():
        raise RefusedError(f"{name}: there is no folder {folder}")


def _refuse_input(output: int | str | BinaryIO, name: str, source: str) -> None:
    """Raises RefusedError where ``output`` is the regular file ``source``: reading would find no end, or nothing."""
    with contextlib.suppress(OSError):  # what does not exist, or is no file of the system's, is no input
        descriptor = output if isinstance(output, int | str) else output.fileno()
        written = Path(descriptor).stat() if isinstance(descriptor, str) else os.fstat(descriptor)
        read = os.fstat(_standard(sys.stdin, "stdin").fileno()) if source == STANDARD else Path(source).stat()
        if stat.S_ISREG(written.st_mode) and os.path.samestat(written, read):
            raise RefusedError(f"{name}: input and output are the same file; give another output")


def _descriptor(name: str) -> int | None:
    """The open descriptor that a name such as /dev/stdout or /dev/fd/3 stands for, of this process."""
    own = re.compile(rf"(/dev/fd|/proc/(self|{os.getpid()})/fd)/([0-9]+)")
    path = Path(name)
    for _ in range(_MOST_LINKS):
        if match := own.fullmatch(str(path)):
            return int(match[3])
        if not path.is_symlink():
            return None
        path = path.parent / path.readlink()
    return None
