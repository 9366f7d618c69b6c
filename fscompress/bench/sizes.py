"""Prints the size of a text, of its .fsc file, and of the same text under xz, with bits per character.

Run: ``python -m fscompress.bench.sizes TEXT ENCODED``
"""

import sys
from pathlib import Path

from fscompress.bench.compressors import BASELINES


def compare(text: bytes, n_encoded: int) -> str:
    """Three lines: name, bytes, bits per byte."""
    xz = next(baseline for baseline in BASELINES if baseline.name.startswith("xz"))
    sizes = {"text": len(text), xz.name: len(xz.compress(text)), "fscompress": n_encoded}
    return "\n".join(f"{name:<12}{size:>10,} bytes{8 * size / len(text):>9.4f} bpc" for name, size in sizes.items())


if __name__ == "__main__":
    print(compare(Path(sys.argv[1]).read_bytes(), Path(sys.argv[2]).stat().st_size))
