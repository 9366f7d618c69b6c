"""What others have published, to set our own measurements beside, on the right text only.

Nothing here was measured by us.  Compressors are compared on the whole of enwik8 and begin it knowing nothing but their
own program; language models are compared on the test split of a corpus after training on the rest of it.  A figure of
one kind says nothing about a figure of the other.
"""

from dataclasses import dataclass

N_PLAIN = 100_000_000  # bytes of enwik8
WHOLE, TEST, PTB_TEST = "enwik8", "enwik8-test", "ptb-test"

LTCB = "Large Text Compression Benchmark"
LTCB_DATE = "2024-09-19"
PAPER = "Mujika et al., Fast-Slow RNNs"


@dataclass(frozen=True)
class Published:
    """One record.

    Args:
        bits_per_byte: of the coded file alone, program and model not counted; of a language model its test loss.
        source, date: where it was published, and the year or day of that.
        n_coded: bytes of the coded file, where the source gives them.
        speed: of encoding in kB (1000 bytes) a second on the source's machine, where it gives one.
    """

    name: str
    bits_per_byte: float
    source: str
    date: str
    n_coded: int | None = None
    speed: float | None = None
    note: str = ""


def _ltcb(name: str, n_coded: int, ns_per_byte: float | None = None, note: str = "") -> Published:
    """A row of the benchmark, whose nanoseconds a byte are those of coding enwik9, the tenfold text."""
    speed = None if ns_per_byte is None else 1e6 / ns_per_byte
    return Published(name, 8 * n_coded / N_PLAIN, LTCB, LTCB_DATE, n_coded, speed, note)


ENWIK8 = (
    _ltcb("gzip 1.3.5 -9", 36_445_248),
    _ltcb("bzip2 1.0.2 -9", 29_008_736),
    _ltcb("brotli -q 11 -w 24", 25_764_698, 3400),
    _ltcb("zstd 0.6.0 -22 --ultra", 25_405_601, 701),
    _ltcb("xz 5.2.1 -9e, dictionary of 1 GiB", 24_703_772, 5876),
    _ltcb("ppmd J1 -m256 -o10 -r1", 21_388_296, 880),
    _ltcb("7zip 4.46a PPMd -o10", 21_197_559, 503),
    _ltcb("bsc 3.25 -b1000 -e2", 20_786_794, 23),
    _ltcb("bzip3 -b 511", 20_749_611, 175),
    Published("lstm-compress", 8 * 20_494_577 / N_PLAIN, "Bellard, NNCP", "2019", 20_494_577),
    _ltcb("lpaq1 9", 19_755_948),
    _ltcb("ppmonstr J -m1700 -o16", 19_055_092, 3574),
    _ltcb("zpaq 6.42 max", 17_855_729, 6699),
    _ltcb("paq8hp12any -8", 16_230_028, 37_660, "dictionary made for this text"),
    _ltcb("durilca'kingsize", 16_209_167, 1398, "dictionary made for this text"),
    _ltcb("tensorflow-compress v4", 15_905_037, 291_394, "GPU"),
    _ltcb("paq8px v206fix1 -12L", 15_849_084, 291_916),
    Published("cmix v13", 1.225, PAPER, "2017"),
    _ltcb("nncp v3.2", 14_915_298, 241_871, "GPU"),
    _ltcb("cmix v21", 14_623_723, 622_949),
    Published(
        "ts_zip", 8 * 13_825_741 / N_PLAIN, "bellard.org/ts_zip", "2024", 13_825_741, 1000,
        "GPU; model of 169M weights, trained on other text, not counted",
    ),
)  # fmt: skip

ENWIK8_TEST = (
    Published("LSTM, 2000 units", 1.461, PAPER, "2017", note="18M weights"),
    Published("layer norm LSTM, 1800 units", 1.402, PAPER, "2017", note="14M weights"),
    Published("HyperLSTM", 1.340, PAPER, "2017", note="27M weights"),
    Published("HM-LSTM", 1.32, PAPER, "2017", note="35M weights"),
    Published("surprisal-driven zoneout", 1.31, PAPER, "2017", note="64M weights"),
    Published("RHN, depth 5", 1.31, PAPER, "2017", note="23M weights"),
    Published("RHN, depth 10", 1.30, PAPER, "2017", note="21M weights"),
    Published("FS-LSTM-2", 1.290, PAPER, "2017", note="27M weights"),
    Published("FS-LSTM-4", 1.277, PAPER, "2017", note="27M weights"),
    Published("large RHN, depth 10", 1.27, PAPER, "2017", note="46M weights"),
    Published("large FS-LSTM-4", 1.245, PAPER, "2017", note="47M weights"),
    Published("mLSTM", 1.24, "Krause et al.", "2016"),
    Published("AWD-LSTM", 1.232, "Merity et al.", "2018"),
    Published("two large FS-LSTM-4", 1.198, PAPER, "2017", note="2 x 47M weights"),
    Published("Mogrifier LSTM", 1.146, "Melis et al.", "2020"),
    Published("mLSTM, dynamic evaluation", 1.08, "Krause et al.", "2018"),
    Published("SHA-RNN", 1.07, "Merity", "2019"),
    Published("Transformer-XL, 12 layers", 1.06, "Dai et al.", "2019", note="41M weights"),
    Published("Transformer-XL, 24 layers", 0.99, "Dai et al.", "2019", note="277M weights"),
)

PTB = (
    Published("zoneout LSTM", 1.27, PAPER, "2017"),
    Published("2-layer LSTM", 1.243, PAPER, "2017", note="6.6M weights"),
    Published("HM-LSTM", 1.24, PAPER, "2017"),
    Published("HyperLSTM, small", 1.233, PAPER, "2017", note="5.1M weights"),
    Published("NASCell, small", 1.228, PAPER, "2017", note="6.6M weights"),
    Published("HyperLSTM", 1.219, PAPER, "2017", note="14.4M weights"),
    Published("NASCell", 1.214, PAPER, "2017", note="16.3M weights"),
    Published("FS-LSTM-4", 1.193, PAPER, "2017", note="6.5M weights"),
    Published("FS-LSTM-2", 1.190, PAPER, "2017", note="7.2M weights"),
)

PUBLISHED = {WHOLE: ENWIK8, TEST: ENWIK8_TEST, PTB_TEST: PTB}
KINDS = {  # what the records of a corpus are, for the heading above them
    WHOLE: "compressors on the whole file",
    TEST: "language models on its test split, trained on the rest, weights not counted",
    PTB_TEST: "language models on its test split, trained on the rest, weights not counted",
}
