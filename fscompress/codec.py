"""The whole story in one file: where model, engine, coder and container meet.

    encode: stream -> blocks -> lanes -> [engine -> coder] -> container -> stream
    decode: the same loop, the coder reading instead of writing

Blocks are coded independently, so they run in parallel threads; neither threads nor engine change a byte.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from fscompress.blocks import Progress, decode_block, encode_block
from fscompress.compressibility import is_incompressible
from fscompress.container import (
    CODED_OVERHEAD,
    RAW_OVERHEAD,
    SCHEME_NETWORK,
    CodedBlock,
    End,
    ModelRecord,
    RawBlock,
    Reader,
    Verifier,
    Writer,
    model_record_size,
)
from fscompress.engine import Engine, IntegerModel, engine_factory
from fscompress.errors import RefusedError
from fscompress.lanes import lanes_for
from fscompress.parallel import Cancel, ordered_map

BLOCK_LOG2 = 19  # 512 KiB: two cores share a text of 1 MB, and lanes cost nothing extra
MODEL_ID_BYTES = 8

FindModel = Callable[[bytes, str], IntegerModel]


def _silent(_n_bytes: int) -> None:
    """Reports no progress."""


@dataclass(frozen=True)
class CodingOptions:
    """How to run, not what to write: ``engine`` and ``threads`` never change a byte."""

    engine: str = "auto"
    threads: int = 1
    block_log2: int = BLOCK_LOG2

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise RefusedError(f"threads: must be at least 1 (got {self.threads})")


@dataclass
class CodingStats:
    """What a run did: plain bytes, container bytes, blocks, and seconds of wall time."""

    n_plain: int = 0
    n_coded: int = 0
    n_blocks: int = 0
    n_raw_blocks: int = 0
    seconds: float = 0.0

    @property
    def bits_per_byte(self) -> float:
        """Container bits for each plain byte; 0 for no bytes."""
        return 8.0 * self.n_coded / self.n_plain if self.n_plain else 0.0

    @property
    def kilobytes_per_second(self) -> float:
        """Plain kB (1000 bytes) for each second."""
        return self.n_plain / 1000.0 / self.seconds if self.seconds else 0.0


class _Engines:
    """Lends each worker thread an engine of its own; made when first needed, so that raw data loads no kernels."""

    def __init__(self, model: IntegerModel, name: str) -> None:
        self._model, self._name = model, name
        self._idle: queue.SimpleQueue[Engine] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._make: Callable[[], Engine] | None = None

    def run(self, work: Callable[[Engine], bytes]) -> bytes:
        try:
            engine = self._idle.get_nowait()
        except queue.Empty:
            engine = self._new()
        try:
            return work(engine)
        finally:
            self._idle.put(engine)

    def _new(self) -> Engine:
        with self._lock:
            self._make = self._make or engine_factory(self._model, self._name)
        return self._make()


def encode_stream(
    source: BinaryIO,
    target: BinaryIO,
    model: IntegerModel,
    options: CodingOptions = CodingOptions(),
    progress: Progress = _silent,
) -> CodingStats:
    """Encodes all of ``source`` into ``target``; memory is bounded by the block size and the number of threads.

    Args:
        progress: called with the number of plain bytes newly done, from worker threads too.
    """
    began, stats, cancel = time.monotonic(), CodingStats(), Cancel()
    writer = Writer(target, options.block_log2)
    engines = _Engines(model, options.engine)

    def work(plain: bytes) -> tuple[bytes, int, bytes]:
        lanes = lanes_for(len(plain))
        if is_incompressible(plain):
            progress(len(plain))
            return plain, lanes, plain
        return plain, lanes, engines.run(lambda engine: encode_block(plain, lanes, engine, tick))

    def tick(n_bytes: int) -> None:
        cancel.check()
        progress(n_bytes)

    named = False
    for plain, lanes, coded in ordered_map(work, _blocks(source, 1 << options.block_log2), options.threads, cancel):
        overhead = CODED_OVERHEAD + (0 if named else model_record_size(model.name))
        if len(coded) + overhead < len(plain) + RAW_OVERHEAD and len(coded) < len(plain):
            if not named:
                writer.write_model(model.id[:MODEL_ID_BYTES], model.name)
                named = True
            writer.write_coded(SCHEME_NETWORK, lanes, bytes(12), plain, coded)
        else:
            writer.write_raw(plain)
            stats.n_raw_blocks += 1
        stats.n_blocks += 1
        stats.n_plain += len(plain)
    writer.finish()
    stats.n_coded, stats.seconds = writer.n_written, time.monotonic() - began
    return stats


def decode_stream(
    source: BinaryIO,
    target: BinaryIO,
    find_model: FindModel,
    options: CodingOptions = CodingOptions(),
    progress: Progress = _silent,
) -> CodingStats:
    """Decodes ``source`` into ``target``, every block and the whole checked.

    Bytes are written as blocks are decoded: a caller that must not show unchecked bytes writes to a temporary file.

    Args:
        find_model: gives the model of an id (8 bytes) and name, or raises ModelNotFoundError.
    Raises:
        DamagedError, ChecksumError, UnsupportedVersionError, ModelNotFoundError: see docs/FORMAT.md.
    """
    began, stats, cancel = time.monotonic(), CodingStats(), Cancel()
    verifier = Verifier()

    def work(item: _Decodable) -> RawBlock | End | bytes:
        if isinstance(item, tuple):
            block, engines = item
            return engines.run(lambda engine: decode_block(block, engine, tick))
        if isinstance(item, RawBlock):
            progress(len(item.plain))
        return item

    def tick(n_bytes: int) -> None:
        cancel.check()
        progress(n_bytes)

    for result in ordered_map(work, _decodables(source, find_model, options, stats), options.threads, cancel):
        if isinstance(result, End):
            verifier.check(result)
            continue
        plain = result.plain if isinstance(result, RawBlock) else result
        verifier.update(plain)
        target.write(plain)
        stats.n_plain += len(plain)
        stats.n_blocks += 1
        stats.n_raw_blocks += isinstance(result, RawBlock)
    stats.seconds = time.monotonic() - began
    return stats


_Decodable = RawBlock | End | tuple[CodedBlock, _Engines]


def _decodables(
    source: BinaryIO, find_model: FindModel, options: CodingOptions, stats: CodingStats
) -> Iterator[_Decodable]:
    """Blocks and ends in order; each coded block with the engines of the model that its stream named first."""
    by_id: dict[bytes, _Engines] = {}
    named: ModelRecord | None = None
    reader = Reader(source)
    for record in reader:
        if isinstance(record, ModelRecord):
            named = named or record
        elif isinstance(record, CodedBlock):
            assert named is not None  # the reader refuses a coded block without a model record
            if named.model_id not in by_id:
                by_id[named.model_id] = _Engines(find_model(named.model_id, named.name), options.engine)
            yield record, by_id[named.model_id]
        elif isinstance(record, RawBlock):
            yield record
        elif isinstance(record, End):
            named = None
            yield record
    stats.n_coded = reader.n_read


def _blocks(source: BinaryIO, n_block: int) -> Iterator[bytes]:
    """Whole blocks from a source that may give fewer bytes than asked for; the last one may be short."""
    while True:
        parts, missing = [], n_block
        while missing and (part := source.read(missing)):
            parts.append(part)
            missing -= len(part)
        if parts:
            yield b"".join(parts)
        if missing:
            return
