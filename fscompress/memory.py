"""What decoding may take: the need of a block from its record and its models alone, and one cap for the whole process.

Numbers are bytes and upper bounds, compared with what a process really takes in ``tests/test_memory.py``.  Imported by
``codec``; knows nothing of files.  docs/FORMAT.md, section 8, states the cap.
"""

from collections.abc import Sequence
from typing import Protocol

from fscompress.container import SCHEME_MIXED
from fscompress.engine import IntegerModel
from fscompress.errors import RefusedError
from fscompress.mixer import MixerSettings

MIB = 1 << 20
PROGRAM = 384 * MIB  # interpreter, libraries and compiled kernels
_MIXER = 16 * MIB  # weights, maps, links and stored priors, whatever the settings


class Head(Protocol):
    """What the record of a block says; ``scheme`` is None for a raw one."""

    @property
    def scheme(self) -> int | None:
        """Coding scheme."""

    @property
    def lanes(self) -> int:
        """S."""

    @property
    def parameters(self) -> bytes:
        """12 bytes of a coded block."""

    @property
    def n_plain(self) -> int:
        """Plain bytes."""

    @property
    def n_stored(self) -> int:
        """Bytes in the file, without the record."""


def block_need(head: Head, models: Sequence[IntegerModel] = ()) -> int:
    """Bytes that decoding a block takes at most, its networks' states included, but neither program nor weights."""
    need = 4 * head.n_plain + 3 * head.n_stored + MIB  # rows, lanes, their join, history; the input is copied twice
    need += sum(head.lanes * (8192 + 64 * sum(model.sizes)) for model in models)
    if head.scheme == SCHEME_MIXED:
        need += _MIXER + MixerSettings.table_bytes(head.parameters) + 3072 * head.lanes
    return need


def weights_need(models: Sequence[IntegerModel]) -> int:
    """Bytes that the weights of networks take at most, in all their layouts."""
    tables = sum(cell.table.size for model in models for cell in model.cells)
    return sum(MIB + 12 * model.n_weights for model in models) + 16 * tables


class Budget:
    """What is in use, by the records of the blocks that are being decoded; never above ``limit`` bytes.

    Args:
        limit: bytes for the whole process.
        elsewhere: blocks are decoded on other machines: each alone must be within the limit, not their sum.
    """

    def __init__(self, limit: int, elsewhere: bool = False) -> None:
        self._limit, self._elsewhere = limit, elsewhere
        self._fixed, self._blocks, self._read_ahead = PROGRAM, 0, 0
        self._known: set[tuple[str, ...]] = set()

    def begin(self, block_log2: int) -> None:
        """A stream begins whose blocks have at most 2**block_log2 bytes."""
        self._read_ahead = 3 << block_log2

    def admit(self, head: Head, models: Sequence[IntegerModel] = (), key: tuple[str, ...] = ()) -> int:
        """The need of a block; call it before its bytes are read, and with ``models`` before they are used.

        Args:
            key: equal for equal networks, whose weights are counted once.
        Raises:
            RefusedError: the block alone would need more than is allowed.
        """
        if models and key not in self._known:
            self._known.add(key)
            self._fixed += weights_need(models)
        need = block_need(head, models)
        total = self._fixed + need
        if total > self._limit:
            megabytes = -(-total // MIB)
            known = models or head.scheme is None  # else weights come on top
            limit = f"{self._limit // MIB:,} MiB" if self._limit >= MIB else f"{self._limit:,} bytes"
            least, enough = ("", f" {megabytes}M") if known else ("more than ", "")
            raise RefusedError(
                f"needs {least}{megabytes:,} MiB of memory to decode (allowed: {limit}); "
                f"--memory{enough} or FSCOMPRESS_MEMORY{enough.replace(' ', '=')} allows {'it' if known else 'more'}"
            )
        return need

    def reserve(self, need: int) -> bool:
        """Counts a block; False: it does not fit beside the others and must wait until they are released."""
        self._blocks += need
        return self._elsewhere or self._fixed + self._blocks <= self._limit

    def release(self, need: int) -> None:
        """The block has been written."""
        self._blocks -= need

    def has_room(self) -> bool:
        """Whether another block may be read while those reserved are being decoded."""
        return self._elsewhere or self._fixed + self._blocks + self._read_ahead <= self._limit
