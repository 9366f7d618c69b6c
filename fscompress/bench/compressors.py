"""The compressors that are compared, each as a pair of functions from bytes to bytes."""

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fscompress.codec import CodingOptions
    from fscompress.engine import IntegerModel

Transform = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Compressor:
    """``model_bytes`` is what a decoder must have beside itself; 0 for a compressor that needs nothing."""

    name: str
    compress: Transform
    decompress: Transform
    model_bytes: int = 0


BASELINES = (
    Compressor("gzip -9", lambda data: gzip.compress(data, 9, mtime=0), gzip.decompress),
    Compressor("bzip2 -9", lambda data: bz2.compress(data, 9), bz2.decompress),
    Compressor("xz -9e", lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME), lzma.decompress),
)


def fscompress(model: "IntegerModel", model_bytes: int, options: "CodingOptions") -> Compressor:
    """This program with that model; sizes are those of whole .fsc files, header included."""
    from fscompress.codec import decode_stream, encode_stream

    def compress(data: bytes) -> bytes:
        target = io.BytesIO()
        encode_stream(io.BytesIO(data), target, model, options)
        return target.getvalue()

    def decompress(data: bytes) -> bytes:
        target = io.BytesIO()
        decode_stream(io.BytesIO(data), target, lambda _id, _name: model, options)
        return target.getvalue()

    return Compressor(f"fscompress {options.level} ({model.name})", compress, decompress, model_bytes)
