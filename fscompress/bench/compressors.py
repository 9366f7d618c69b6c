"""The compressors that run in a process of this program, each as a pair of functions from bytes to bytes."""

import bz2
import gzip
import importlib.metadata
import importlib.util
import io
import lzma
import platform
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fscompress.codec import CodingOptions
    from fscompress.engine import IntegerModel

Transform = Callable[[bytes], bytes]
BROTLI_WINDOW_LOG2 = 24  # the largest of the format
PPMD_ORDER, PPMD_MEMORY = 16, 256 << 20  # what `7z -mx=9` has, but for its order of 32


@dataclass(frozen=True)
class Compressor:
    """``model_bytes`` is what a decoder must have beside itself; 0 for a compressor that needs nothing."""

    name: str
    compress: Transform
    decompress: Transform
    model_bytes: int = 0


# Python's own, by name, each with the module that it needs.
_OWN = {
    "gzip": ("zlib", Compressor("gzip -9", lambda data: gzip.compress(data, 9, mtime=0), gzip.decompress)),
    "bzip2": ("bz2", Compressor("bzip2 -9", lambda data: bz2.compress(data, 9), bz2.decompress)),
    "xz": ("lzma", Compressor("xz -9e", partial(lzma.compress, preset=9 | lzma.PRESET_EXTREME), lzma.decompress)),
}
BASELINES = tuple(compressor for _, compressor in _OWN.values())


def _zstandard() -> Compressor:
    import zstandard

    name, decompress = "zstandard 22", zstandard.ZstdDecompressor().decompress
    return Compressor(name, zstandard.ZstdCompressor(level=22).compress, decompress)


def _brotli() -> Compressor:
    import brotli

    def compress(data: bytes) -> bytes:
        coded: bytes = brotli.compress(data, quality=11, lgwin=BROTLI_WINDOW_LOG2)
        return coded

    return Compressor("python-brotli 11", compress, brotli.decompress)


def _pyppmd() -> Compressor:
    import pyppmd

    def compress(data: bytes) -> bytes:
        return bytes(pyppmd.compress(data, max_order=PPMD_ORDER, mem_size=PPMD_MEMORY))

    def decompress(data: bytes) -> bytes:
        plain = pyppmd.decompress(data, max_order=PPMD_ORDER, mem_size=PPMD_MEMORY)
        return plain.encode() if isinstance(plain, str) else bytes(plain)

    return Compressor(f"pyppmd o{PPMD_ORDER}", compress, decompress)


@dataclass(frozen=True)
class Library:
    """A compressor of Python's own library, or of the extra ``bench``; ``make`` needs ``module``."""

    name: str
    label: str
    module: str
    make: Callable[[], Compressor]

    def version(self) -> str | None:
        """Of the installed package, of Python for its own, None where it is not installed."""
        if self.module == "zlib":
            return f"zlib {zlib.ZLIB_RUNTIME_VERSION}"
        if self.module in ("bz2", "lzma"):
            return f"Python {platform.python_version()}"
        if importlib.util.find_spec(self.module) is None:
            return None
        return importlib.metadata.version(self.module)


def _itself(compressor: Compressor) -> Compressor:
    return compressor


LIBRARIES = (
    *(Library(name, own.name, module, partial(_itself, own)) for name, (module, own) in _OWN.items()),
    Library("zstandard", "zstandard 22", "zstandard", _zstandard),
    Library("python-brotli", "python-brotli 11", "brotli", _brotli),
    Library("pyppmd", f"pyppmd o{PPMD_ORDER}", "pyppmd", _pyppmd),
)


def fscompress(model: "IntegerModel", model_bytes: int, options: "CodingOptions", name: str = "") -> Compressor:
    """This program with that model; sizes are those of whole .fsc files, header included.

    Args:
        model_bytes: size of the model's file.
        name: of the row; empty: level and model.
    """
    from fscompress.codec import decode_stream, encode_stream

    def compress(data: bytes) -> bytes:
        target = io.BytesIO()
        encode_stream(io.BytesIO(data), target, model, options)
        return target.getvalue()

    def decompress(data: bytes) -> bytes:
        target = io.BytesIO()
        decode_stream(io.BytesIO(data), target, lambda _id, _name: model, options)
        return target.getvalue()

    return Compressor(name or f"fscompress {options.level} ({model.name})", compress, decompress, model_bytes)
