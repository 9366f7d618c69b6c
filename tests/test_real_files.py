"""Every file of a folder of real files, through the default model and back: set FSCOMPRESS_TEST_FILES to the folder.

Slow: minutes for tens of megabytes.  Each file's sha256 is compared, as are the extremes that no folder may lack.
"""

import hashlib
import io
import os
from pathlib import Path

import numpy as np
import pytest

from fscompress import compress_stream, decompress_stream
from fscompress.settings import threads

FOLDER = os.environ.get("FSCOMPRESS_TEST_FILES", "")
FILES = sorted(path for path in Path(FOLDER).rglob("*") if path.is_file()) if FOLDER else []
RANDOM_BYTES = 10_000_000


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.mark.slow
@pytest.mark.skipif(not FILES, reason="FSCOMPRESS_TEST_FILES names no folder with files")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_real_file_round_trips(path: Path, tmp_path: Path) -> None:
    coded, decoded = tmp_path / "coded.fsc", tmp_path / "decoded"
    with path.open("rb") as source, coded.open("wb") as target:
        compress_stream(source, target, threads=threads())
    with coded.open("rb") as source, decoded.open("wb") as target:
        decompress_stream(source, target, threads=threads())
    assert sha256(decoded) == sha256(path)


@pytest.mark.parametrize("plain", [b"", b"x"], ids=["empty", "one byte"])
def test_smallest_files(plain: bytes) -> None:
    assert round_trip(plain)[1] == plain


def test_ten_megabytes_of_random_bytes() -> None:
    plain = np.random.default_rng(10).integers(0, 256, RANDOM_BYTES).astype(np.uint8).tobytes()
    coded, decoded = round_trip(plain)
    assert decoded == plain
    n_blocks = -(-RANDOM_BYTES // (1 << coded[6]))  # byte 6 of the header is block_log2
    assert len(coded) <= len(plain) + 64 + 16 * n_blocks


def round_trip(plain: bytes) -> tuple[bytes, bytes]:
    coded, decoded = io.BytesIO(), io.BytesIO()
    compress_stream(io.BytesIO(plain), coded)
    decompress_stream(io.BytesIO(coded.getvalue()), decoded)
    return coded.getvalue(), decoded.getvalue()
