"""What a finished run has reached on the test part of its corpus."""

from dataclasses import dataclass

from fscompress.corpora import Corpus
from fscompress.corpora.source import joined
from fscompress.training.distributed import World
from fscompress.training.evaluation import WINDOW
from fscompress.training.window import Window

PIECE_BYTES = 5_000_000  # the test part of enwik8 is one piece; what evaluation holds in memory is bounded by it


@dataclass(frozen=True)
class TestFigures:
    """``bpc``: bits per byte of the network alone on the ``n_bytes`` of the test part."""

    bpc: float
    n_bytes: int

    def with_model(self, model_bytes: int) -> float:
        """Bits per byte where the decompressor counts: those of the model divided by the number of test bytes."""
        return self.bpc + 8 * model_bytes / self.n_bytes


def test_figures(run: Window, corpus: Corpus, lanes: int, world: World) -> TestFigures | None:
    """Measures the test part, which all ranks share; None where the corpus has none, or one shorter than a window."""
    n_bytes = sum(len(source) for source in corpus.test)
    bits = measured = 0.0
    for start in range(0, n_bytes, PIECE_BYTES):
        piece = joined(corpus.test, start, start + PIECE_BYTES)
        if len(piece) >= WINDOW:
            bits += len(piece) * world.bits_per_byte(run, piece, lanes)
            measured += len(piece)
    return TestFigures(bits / measured, n_bytes) if measured else None
