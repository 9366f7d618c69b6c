"""The whole story in one file: where model, engine, coder and container meet.

    encode: stream -> blocks -> lanes -> [engine -> mixer -> coder] -> container -> stream
    decode: the same loop, the coder reading instead of writing

Blocks are coded independently, so they run in parallel threads; neither threads nor engine change a byte.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from fscompress.blocks import Progress, decode_block, encode_block
from fscompress.compressibility import is_incompressible
from fscompress.container import (
    CODED_OVERHEAD,
    RAW_OVERHEAD,
    CodedBlock,
    End,
    ModelRecord,
    RawBlock,
    Reader,
    Verifier,
    Writer,
    model_record_size,
)
from fscompress.engine import EnginePool, IntegerModel
from fscompress.errors import RefusedError
from fscompress.levels import DEFAULT_LEVEL, Plan, level, n_networks, plan, predictor
from fscompress.parallel import Cancel, ordered_map

MODEL_ID_BYTES = 8

FindModel = Callable[[bytes, str], IntegerModel]


def _silent(_n_bytes: int) -> None:
    """Reports no progress."""


@dataclass(frozen=True)
class CodingOptions:
    """How to run and, for an encoder, at which level; ``engine`` and ``threads`` never change a byte.

    ``level`` and ``block_log2`` (the largest block is 2**block_log2 bytes; None: the level's) are an encoder's choice
    and recorded in the file.
    """

    engine: str = "auto"
    threads: int = 1
    level: str = DEFAULT_LEVEL
    block_log2: int | None = None

    def __post_init__(self) -> None:
        level(self.level)
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


def encode_stream(
    source: BinaryIO,
    target: BinaryIO,
    model: IntegerModel | Sequence[IntegerModel],
    options: CodingOptions = CodingOptions(),
    progress: Progress = _silent,
) -> CodingStats:
    """Encodes all of ``source`` into ``target``; memory is bounded by the block size and the number of threads.

    Args:
        model: or several, which levels with a mixer mix.
        progress: called with the number of plain bytes newly done, from worker threads too.
    Raises:
        RefusedError: several models at a level that cannot mix them.
    """
    began, stats, cancel = time.monotonic(), CodingStats(), Cancel()
    models, chosen = [model] if isinstance(model, IntegerModel) else list(model), level(options.level)
    if len(models) > 1 and chosen.mixing is None:
        raise RefusedError(f"level '{chosen.name}' codes with one model (got {len(models)}); choose another level")
    block_log2 = options.block_log2 or chosen.block_log2
    writer = Writer(target, block_log2)
    pool = EnginePool(models, options.engine)

    def work(plain: bytes) -> tuple[bytes, Plan, bytes]:
        planned = plan(chosen, len(plain), len(models))
        if is_incompressible(plain):
            progress(len(plain))
            return plain, planned, plain
        return (
            plain,
            planned,
            pool.run(lambda engines: encode_block(plain, planned.lanes, predictor(planned, len(plain), engines), tick)),
        )

    def tick(n_bytes: int) -> None:
        cancel.check()
        progress(n_bytes)

    unnamed = models
    for plain, planned, coded in ordered_map(work, _blocks(source, 1 << block_log2), options.threads, cancel):
        overhead = CODED_OVERHEAD + sum(model_record_size(each.name) for each in unnamed)
        if len(coded) + overhead < len(plain) + RAW_OVERHEAD and len(coded) < len(plain):
            for each in unnamed:
                writer.write_model(each.id[:MODEL_ID_BYTES], each.name)
            unnamed = []
            writer.write_coded(planned.scheme, planned.lanes, planned.parameters, plain, coded)
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
            block, pool = item
            planned = Plan(block.scheme, block.lanes, block.parameters)
            return pool.run(
                lambda engines: decode_block(block, predictor(planned, block.n_plain, engines, block.offset), tick)
            )
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


_Decodable = RawBlock | End | tuple[CodedBlock, EnginePool]


def _decodables(
    source: BinaryIO, find_model: FindModel, options: CodingOptions, stats: CodingStats
) -> Iterator[_Decodable]:
    """Blocks and ends in order; each coded block with engines of the models that its stream names for it."""
    pools: dict[tuple[bytes, ...], EnginePool] = {}
    named: list[ModelRecord] = []
    reader = Reader(source)
    for record in reader:
        if isinstance(record, ModelRecord):
            named.append(record)
        elif isinstance(record, CodedBlock):
            used = named[: n_networks(record.scheme, record.parameters)]
            ids = tuple(each.model_id for each in used)
            if ids not in pools:
                pools[ids] = EnginePool([find_model(each.model_id, each.name) for each in used], options.engine)
            yield record, pools[ids]
        elif isinstance(record, RawBlock):
            yield record
        elif isinstance(record, End):
            named = []
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
