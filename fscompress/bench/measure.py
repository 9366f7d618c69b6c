"""One compressor on one file: sizes and speeds of real bytes, counted only if they come back as they were."""

import statistics
from dataclasses import dataclass

from fscompress.bench.blocks import timed
from fscompress.bench.compressors import Compressor
from fscompress.errors import FscompressError

WARM_UP_BYTES = 1 << 15  # compiles kernels and loads tables outside the measured runs


@dataclass(frozen=True)
class Row:
    """Figures of one compressor on one file.

    Args:
        n_plain, n_coded, model_bytes: sizes in bytes.
        encode_seconds, decode_seconds: median of the runs.
        failure: why the round trip does not count; empty if the bytes came back.
    """

    compressor: str
    file: str
    n_plain: int
    n_coded: int = 0
    model_bytes: int = 0
    encode_seconds: float = 0.0
    decode_seconds: float = 0.0
    runs: int = 0
    failure: str = ""

    @property
    def verified(self) -> bool:
        """Whether decoding gave the very bytes back."""
        return not self.failure

    @property
    def bits_per_byte(self) -> float:
        """Coded bits for each plain byte."""
        return 8 * self.n_coded / self.n_plain

    @property
    def bits_per_byte_with_model(self) -> float:
        """The same, the model file counted as part of the output."""
        return 8 * (self.n_coded + self.model_bytes) / self.n_plain

    @property
    def encode_speed(self) -> float:
        """kB (1000 bytes) of text a second."""
        return self.n_plain / 1000 / self.encode_seconds if self.encode_seconds else 0.0

    @property
    def decode_speed(self) -> float:
        """kB (1000 bytes) of text a second."""
        return self.n_plain / 1000 / self.decode_seconds if self.decode_seconds else 0.0


def measure(compressor: Compressor, file: str, data: bytes, runs: int = 1) -> Row:
    """Encodes and decodes ``data`` (not empty) ``runs`` times after a warm-up; a failure is a row, not an exception."""
    try:
        compressor.decompress(compressor.compress(data[:WARM_UP_BYTES]))
        encodes = [timed(lambda: compressor.compress(data)) for _ in range(runs)]
        coded = encodes[0][0]
        decodes = [timed(lambda: compressor.decompress(coded)) for _ in range(runs)]
    except (FscompressError, OSError, EOFError, ValueError, RuntimeError) as error:
        return Row(compressor.name, file, len(data), failure=f"{type(error).__name__}: {error}")
    failure = ""
    if any(other != coded for other, _ in encodes):
        failure = "encoding twice gave different bytes"
    if any(plain != data for plain, _ in decodes):
        failure = "decoding did not give the input back"
    return Row(
        compressor.name,
        file,
        len(data),
        len(coded),
        compressor.model_bytes,
        statistics.median(seconds for _, seconds in encodes),
        statistics.median(seconds for _, seconds in decodes),
        runs,
        failure,
    )
