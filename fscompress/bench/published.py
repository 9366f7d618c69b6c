"""What others have published for enwik8 as a file, to set our own measurements beside.

Nothing here was measured by us.  Sizes are those of the coded file alone.  A source of None means that the figure is
quoted without one.
"""

from dataclasses import dataclass

LTCB = "Large Text Compression Benchmark"
BELLARD = "bellard.org/ts_zip"
N_PLAIN = 100_000_000


@dataclass(frozen=True)
class Published:
    """One record: ``speed`` in kB/s and ``note`` where the source gives them."""

    name: str
    bits_per_byte: float
    source: str | None = LTCB
    speed: float | None = None
    note: str = ""


ENWIK8 = (
    Published("gzip", 2.916),
    Published("bzip2", 2.321),
    Published("zstd -22", 2.032),
    Published("xz", 1.976),
    Published("PPMd", 1.711),
    Published("bsc", 1.663),
    Published("lstm-compress", 1.640, speed=11),
    Published("lpaq1", 1.580),
    Published("ppmonstr", 1.524),
    Published("l3tc", 1.434, source=None),
    Published("zpaq", 1.428, speed=149),
    Published("paq8px", 1.268, speed=3.4),
    Published("nncp v3.2", 1.193, speed=4, note="GPU"),
    Published("cmix v21", 1.170, speed=1.6),
    Published("ts_zip", 1.106, source=BELLARD, speed=1000, note="GPU; model of 169M parameters not counted"),
)
