"""enwik8: the first 10^8 bytes of an English Wikipedia dump; found locally or downloaded, and always verified."""

import hashlib
import os
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

from fscompress.errors import CorpusError
from fscompress.settings import cache_folder

N_BYTES = 100_000_000
MD5 = "a1fa5ffddb56f4953e226637dabbb36a"
URL = "https://mattmahoney.net/dc/enwik8.zip"
TIMEOUT_SECONDS = 20
CHUNK = 1 << 20


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
    verify(cached)
    return cached


def _download(target: Path, report: Callable[[str, int, int], None]) -> None:
    archive = target.with_suffix(f".{os.getpid()}.zip")
    unpacked = target.with_suffix(f".{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(URL, timeout=TIMEOUT_SECONDS) as reply, archive.open("wb") as file:
            total = int(reply.headers.get("Content-Length", 0))
            while chunk := reply.read(CHUNK):
                file.write(chunk)
                report("enwik8.zip", file.tell(), total)
        with zipfile.ZipFile(archive) as zipped, zipped.open("enwik8") as member, unpacked.open("wb") as file:
            while chunk := member.read(min(CHUNK, N_BYTES + 1 - file.tell())):
                file.write(chunk)
        unpacked.replace(target)
    except (OSError, KeyError, zipfile.BadZipFile, urllib.error.URLError) as error:
        raise CorpusError(f"enwik8: cannot be downloaded ({error}); put the file of 10^8 bytes at {target}") from error
    finally:
        archive.unlink(missing_ok=True)
        unpacked.unlink(missing_ok=True)
