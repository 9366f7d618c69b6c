"""enwik8: the first 10^8 bytes of an English Wikipedia dump; found locally or downloaded, and always verified."""

import hashlib
import tempfile
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO

from fscompress.errors import CorpusError
from fscompress.files import replacing
from fscompress.settings import cache_folder

N_BYTES = 100_000_000
MD5 = "a1fa5ffddb56f4953e226637dabbb36a"
URL = "https://mattmahoney.net/dc/enwik8.zip"
TIMEOUT_SECONDS = 20
CHUNK = 1 << 20
# what zipfile raises of an archive that is damaged, or of another kind: encrypted, packed in ways it does not know
_BAD_ARCHIVE = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError, ValueError)


def verify(path: Path) -> None:
    """Raises CorpusError unless the file has enwik8's size and md5."""
    size = path.stat().st_size
    if size != N_BYTES:
        raise CorpusError(f"{path}: is not enwik8 (got {size:,} bytes, expected {N_BYTES:,}); delete it and try again")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "md5").hexdigest()
    if digest != MD5:
        raise CorpusError(f"{path}: is not enwik8 (md5 {digest}, expected {MD5}); delete it and try again")


def locate(data: Path | None, report: Callable[[str, int, int], None]) -> Path:
    """Path of a verified enwik8: in ``data``, in the cache folder, or downloaded into it."""
    cached = cache_folder() / "enwik8"
    places = [cached] if data is None else [data, data / "enwik8", cached]
    for place in places:
        if place.is_file():
            verify(place)
            return place
    _download(cached, report)
    return cached


def _download(target: Path, report: Callable[[str, int, int], None]) -> None:
    """Leaves a verified file at ``target``, or nothing at all."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent) as archive, replacing(target) as unpacked:
            _fetch(archive, report)
            # One member of a known name into a file of our own: no path of an archive is ever used.
            with zipfile.ZipFile(archive) as zipped, zipped.open("enwik8") as member, unpacked.open("wb") as file:
                while chunk := member.read(min(CHUNK, N_BYTES + 1 - file.tell())):
                    file.write(chunk)
            verify(unpacked)
    except (OSError, HTTPException, *_BAD_ARCHIVE) as error:
        raise CorpusError(f"enwik8: cannot be downloaded ({error}); put the file of 10^8 bytes at {target}") from error


def _fetch(archive: BinaryIO, report: Callable[[str, int, int], None]) -> None:
    with urllib.request.urlopen(URL, timeout=TIMEOUT_SECONDS) as reply:
        if not reply.url.startswith("https://"):  # a redirection may lead anywhere
            raise CorpusError(f"enwik8: was redirected to {reply.url}, which is not https")
        total = int(reply.headers.get("Content-Length", 0))
        while chunk := reply.read(CHUNK):
            archive.write(chunk)
            report("enwik8.zip", archive.tell(), total)
