"""fscompress: a text compressor in which a Fast-Slow LSTM in exact integers drives an arithmetic coder.

packed = fscompress.compress(b"some text")
assert fscompress.decompress(packed) == b"some text"
"""

from io import BytesIO
from typing import BinaryIO

__version__ = "1.0.0rc1"
__all__ = ["__version__", "compress", "compress_stream", "decompress", "decompress_stream"]


def compress(
    data: bytes, model: str = "default", threads: int = 1, engine: str = "auto", level: str = "normal"
) -> bytes:
    """The bytes of an .fsc file that holds ``data``.

    Args:
        data: any bytes, none included.
        model: name, path or id of an installed model.
        threads: blocks coded at the same time; does not change the result.
        engine: ``auto``, ``cpu``, ``cuda`` or ``reference``; does not change the result.
        level: ``fast``, ``light``, ``normal``, ``best`` or ``bulk``.
    Raises:
        ModelNotFoundError, ModelFileError, EngineError: all of them ``fscompress.errors.FscompressError``.
    """
    target = BytesIO()
    compress_stream(BytesIO(memoryview(data)), target, model, threads, engine, level)
    return target.getvalue()


def decompress(data: bytes, model: str | None = None, threads: int = 1, engine: str = "auto") -> bytes:
    """The bytes that ``compress`` was given; ``model`` may name a model file that is not installed.

    Raises:
        DamagedError, ChecksumError: not an intact .fsc file.  ModelNotFoundError: its model is not installed.
        RefusedError: it needs more memory than FSCOMPRESS_MEMORY, or 4 GiB, allows.
    """
    target = BytesIO()
    decompress_stream(BytesIO(memoryview(data)), target, model, threads, engine)
    return target.getvalue()


def compress_stream(
    source: BinaryIO,
    target: BinaryIO,
    model: str = "default",
    threads: int = 1,
    engine: str = "auto",
    level: str = "normal",
) -> None:
    """Encodes a binary file object into another; memory is bounded by the block size, not by the length."""
    from fscompress.codec import CodingOptions, encode_stream
    from fscompress.store import load

    encode_stream(source, target, load(model), CodingOptions(engine, threads, level))


def decompress_stream(
    source: BinaryIO, target: BinaryIO, model: str | None = None, threads: int = 1, engine: str = "auto"
) -> None:
    """Decodes a binary file object into another; what was written before an error is raised is not to be trusted."""
    from fscompress.codec import CodingOptions, decode_stream
    from fscompress.settings import memory
    from fscompress.store import finder

    decode_stream(source, target, finder(model), CodingOptions(engine, threads, memory=memory()))
