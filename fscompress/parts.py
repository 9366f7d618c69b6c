"""Files in parts: a model larger than ``PART_BYTES`` is kept as NAME.00, NAME.01, ... and NAME.sha256 beside them.

Parts are cuts of the bytes, not of the tensors: joined in order they are the very file whose sha256 is the model's id.
NAME.sha256 has a line for the whole and one for each part, as ``sha256sum`` writes them; so a part that is missing, cut
short, exchanged or of another model is noticed and named.  ``path`` means NAME everywhere; where one file of that name
exists, it is read and the parts are not.  Knows nothing of models.  Guarded by ``tests/test_parts.py``.
"""

import hashlib
import os
import re
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from fscompress.errors import ModelFileError, RefusedError
from fscompress.files import open_output

PART_BYTES = 16_000_000
MAX_PARTS = 100  # two digits
_DIGITS = "[0-9][0-9]"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
_MAX_LIST_BYTES = 100_000


@dataclass(frozen=True)
class Sums:
    """What NAME.sha256 says: sha256 of the whole and of each part, 32 bytes each."""

    whole: bytes
    parts: tuple[bytes, ...]


def sums_path(path: Path) -> Path:
    """NAME.sha256."""
    return path.with_name(path.name + ".sha256")


def part_path(path: Path, index: int) -> Path:
    """NAME.00 for ``index`` 0, up to NAME.99."""
    return path.with_name(f"{path.name}.{index:02}")


def part_paths(path: Path) -> list[Path]:
    """The parts that exist, in order."""
    found = re.compile(re.escape(path.name) + r"\." + _DIGITS)
    folder = path.parent
    return sorted(p for p in folder.iterdir() if found.fullmatch(p.name)) if folder.is_dir() else []


def locate(path: Path) -> Path | None:
    """NAME for NAME itself, whole or in parts, and for each of its parts; None if there is no such file."""
    if path.is_file():
        is_part = re.fullmatch(r"\." + _DIGITS, path.suffix) and sums_path(path.with_suffix("")).is_file()
        return path.with_suffix("") if is_part else path
    return path if part_paths(path) else None


def read_sums(path: Path) -> Sums:
    """Reads NAME.sha256; raises ModelFileError if it is missing or says something else, OSError if it is unreadable."""
    source = sums_path(path)
    if not source.is_file():
        raise ModelFileError(f"{source}: is missing; it lists the parts of {path.name}")
    if source.stat().st_size > _MAX_LIST_BYTES:
        raise ModelFileError(f"{source}: is not a list of parts (larger than {_MAX_LIST_BYTES:,} bytes)")
    lines = source.read_bytes().decode("ascii", "replace").splitlines()
    found = [_LINE.fullmatch(line) for line in lines]
    names = [path.name, *(part_path(path, i).name for i in range(len(lines) - 1))]
    if not 2 <= len(lines) <= MAX_PARTS + 1 or [match and match[2] for match in found] != names:
        raise ModelFileError(f"{source}: does not list {path.name} and its parts, in order, as sha256sum does")
    whole, *pieces = (bytes.fromhex(match[1]) for match in found if match)
    return Sums(whole, tuple(pieces))


def size(path: Path) -> int:
    """Bytes of the file, or of all its parts that exist."""
    return path.stat().st_size if path.is_file() else sum(part.stat().st_size for part in part_paths(path))


def read_joined(path: Path) -> bytes:
    """The bytes of the file at ``path``, joined from its parts if it is kept so.

    Raises:
        ModelFileError: a part is missing, cut short, exchanged, not listed, or its list is damaged.
        OSError: there is nothing at ``path``, or it cannot be read.
    """
    if path.is_file() or not part_paths(path):
        return path.read_bytes()
    sums = read_sums(path)
    expected = [part_path(path, i) for i in range(len(sums.parts))]
    for i, part in enumerate(expected, 1):
        if not part.is_file():
            raise ModelFileError(f"{part}: is missing (part {i} of {len(expected)})")
    for part in set(part_paths(path)).difference(expected):
        raise ModelFileError(f"{part}: is not one of the {len(expected)} parts that {sums_path(path).name} lists")
    data = b"".join(_read_part(path, sums, i) for i in range(len(expected)))
    if hashlib.sha256(data).digest() != sums.whole:
        raise ModelFileError(f"{sums_path(path)}: its parts do not make up the whole that it lists")
    return data


def _read_part(path: Path, sums: Sums, index: int) -> bytes:
    part = part_path(path, index)
    data = part.read_bytes()
    got = hashlib.sha256(data).digest()
    if got == sums.parts[index]:
        return data
    if got in sums.parts:
        raise ModelFileError(f"{part}: holds the bytes of {part_path(path, sums.parts.index(got)).name}; exchange them")
    raise ModelFileError(
        f"{part}: is damaged or cut short (got {len(data):,} bytes of sha256 {got.hex()[:16]}, "
        f"expected {sums.parts[index].hex()[:16]}); fetch it again"
    )


def check_absent(path: Path, force: bool) -> None:
    """Raises RefusedError if parts of ``path``, or their list, exist and ``force`` does not allow to replace them."""
    if not force and part_paths(path):
        raise RefusedError(f"{path}: exists already, in parts; -f overwrites it")
    if not force and os.path.lexists(sums_path(path)):
        raise RefusedError(f"{sums_path(path)}: exists already; -f overwrites it")


def check_number(path: Path, n_bytes: int, part_bytes: int) -> None:
    """Raises RefusedError if a file of ``n_bytes`` would have more than ``MAX_PARTS``."""
    n_parts = -(-n_bytes // part_bytes)
    if n_parts > MAX_PARTS:
        raise RefusedError(f"{path}: would have {n_parts:,} parts of {part_bytes:,} bytes (at most {MAX_PARTS})")


def split_file(path: Path, part_bytes: int = PART_BYTES) -> int:
    """Puts parts of at most ``part_bytes`` in the place of a file that is larger; gives their number, 1 for a file.

    Parts of an older file of that name are removed.  Until all new ones and their list are in place the file remains,
    and while it does the parts are not read: an interruption leaves what was there.
    Raises RefusedError if there would be more than ``MAX_PARTS``.
    """
    data = path.read_bytes()
    check_number(path, len(data), part_bytes)
    pieces = [data[at : at + part_bytes] for at in range(0, len(data), part_bytes)]
    if len(pieces) <= 1:
        for old in (*part_paths(path), sums_path(path)):
            old.unlink(missing_ok=True)
        return 1
    _write_parts(path, data, pieces)
    for old in part_paths(path)[len(pieces) :]:
        old.unlink()
    path.unlink()
    return len(pieces)


def _write_parts(path: Path, data: bytes, pieces: list[bytes]) -> None:
    named = [(path.name, data), *((part_path(path, i).name, piece) for i, piece in enumerate(pieces))]
    listing = "".join(f"{hashlib.sha256(piece).hexdigest()}  {name}\n" for name, piece in named)
    targets = [(sums_path(path), listing.encode()), *((path.with_name(name), piece) for name, piece in named[1:])]
    with ExitStack() as outputs:
        for target, content in targets:
            output = outputs.enter_context(open_output(str(target), force=True, status=path.stat()))
            output.write(content)
