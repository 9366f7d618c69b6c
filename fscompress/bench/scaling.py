"""Size, speed and memory against the size of the text: whole files, each coded in a process of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from fscompress.bench.lanes import prefixes
from fscompress.bench.measure import Row
from fscompress.bench.suite import Limits
from fscompress.bench.worker import Task, measure_apart
from fscompress.levels import level, plan
from fscompress.mixer.settings import BUCKET_BYTES

SIZES = tuple(1 << log2 for log2 in range(12, 25, 2))  # 4 KiB to 16 MiB


@dataclass(frozen=True)
class Scale:
    """A level on a file's first bytes.

    Args:
        block_bytes, lanes: of the largest block.
        table_bytes: of that block's table of contexts, the largest part of a mixer; 0 without one.
        row: the figures, or why there are none.
    """

    level: str
    block_bytes: int
    lanes: int
    table_bytes: int
    row: Row


def measure_scaling(
    file: str, data: bytes, sizes: Sequence[int], tasks: Sequence[Task], limits: Limits
) -> Iterator[Scale]:
    """A scale of each task for each of ``sizes`` that ``data`` has; one of all of it where it has none.

    Args:
        tasks: this program, at one level each.
    """
    with TemporaryDirectory(prefix="fscompress-bench-") as folder:
        path = Path(folder) / "plain"
        for plain in prefixes(data, sizes):
            path.write_bytes(plain)
            for task in tasks:
                row = measure_apart(task, file, path, len(plain), limits.runs, limits.timeout)
                yield _scale(task, len(plain), row)


def _scale(task: Task, n_bytes: int, row: Row) -> Scale:
    chosen = level(task.level)
    block_bytes = min(n_bytes, 1 << chosen.block_log2)
    planned = plan(chosen, block_bytes, 1)
    table_bytes = BUCKET_BYTES << planned.mixer_settings.table_log2 if planned.mixer_settings else 0
    return Scale(task.level, block_bytes, planned.lanes, table_bytes, row)
