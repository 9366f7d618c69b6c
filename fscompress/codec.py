"""The whole story in one file: where model, engine, coder and container meet.

    encode: stream -> blocks -> lanes -> [engine -> mixer -> coder] -> container -> stream
    decode: the same loop, the coder reading instead of writing

Blocks are independent, so an executor codes several at a time, in threads or on a cluster; it changes no byte.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cache, partial
from typing import BinaryIO

from fscompress.blocks import Progress, cut, decode_block, encode_block, silent
from fscompress.compressibility import is_incompressible
from fscompress.container import (
    CODED_OVERHEAD,
    MAX_MODELS,
    MODEL_ID_BYTES,
    RAW_OVERHEAD,
    CodedBlock,
    End,
    Header,
    ModelRecord,
    RawBlock,
    Reader,
    Record,
    Verifier,
    Writer,
    model_record_size,
)
from fscompress.engine import Engine, IntegerModel
from fscompress.errors import RefusedError
from fscompress.executor import Executor, LocalExecutor, Networks, budgeted, submit_within
from fscompress.levels import DEFAULT_LEVEL, Level, Plan, level, n_networks, plan, predictor
from fscompress.memory import Budget
from fscompress.parallel import Cancel, Done, Task, Threads, in_order
from fscompress.settings import DEFAULT_MEMORY
from fscompress.streams import write_all

FindModel = Callable[[bytes, str], IntegerModel]


@dataclass(frozen=True)
class CodingOptions:
    """How to run and, for an encoder, at which level; ``engine`` and ``threads`` never change a byte.

    ``level`` and ``block_log2`` (the largest block is 2**block_log2 bytes; None: the level's) are an encoder's choice
    and recorded in the file.  ``memory``: bytes that decoding may take in all, threads included.
    """

    engine: str = "auto"
    threads: int = 1
    level: str = DEFAULT_LEVEL
    block_log2: int | None = None
    memory: int = DEFAULT_MEMORY

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


@dataclass(frozen=True)
class PlainBlock:
    """Plain bytes and how they are to be coded; ``ahead``: the networks in a thread of their own, if there is one."""

    plain: bytes = field(repr=False)
    planned: Plan
    ahead: bool = False

    @property
    def n_plain(self) -> int:
        """Length of ``plain``."""
        return len(self.plain)


def encode_stream(
    source: BinaryIO,
    target: BinaryIO,
    model: IntegerModel | Sequence[IntegerModel],
    options: CodingOptions = CodingOptions(),
    progress: Progress = silent,
    executor: Executor | None = None,
) -> CodingStats:
    """Encodes all of ``source`` into ``target``; memory is bounded by the block size and the executor's room.

    Args:
        model: or several, which levels with a mixer mix.
        progress: called with the number of plain bytes newly done, from worker threads too.
        executor: where blocks are coded; None: in ``options.threads`` threads of this process.
    Raises:
        RefusedError: several models at a level that cannot mix them, one of them twice, or too many.
    """
    began, stats, cancel = time.monotonic(), CodingStats(), Cancel()
    models, chosen = (model,) if isinstance(model, IntegerModel) else tuple(model), level(options.level)
    _refuse_models(models, chosen)
    block_log2 = options.block_log2 or chosen.block_log2
    writer, unnamed = Writer(target, block_log2), list(models)
    blocks = _plain_blocks(source, block_log2, chosen, len(models))
    with nullcontext(executor) if executor else LocalExecutor(options.threads) as run:
        submitted = _submit_plain(blocks, Networks(models, options.engine), run, cancel.before(progress))
        for block, coded in in_order(submitted, run.has_room, cancel.set):
            stats.n_raw_blocks += not _write_block(writer, block, coded, unnamed)
            stats.n_blocks += 1
            stats.n_plain += block.n_plain
    writer.finish()
    stats.n_coded, stats.seconds = writer.n_written, time.monotonic() - began
    return stats


def _plain_blocks(source: BinaryIO, block_log2: int, chosen: Level, n_models: int) -> Iterator[PlainBlock]:
    """All of ``source``; a stream's one block has threads to itself, of which one is worth most ahead of a mixer."""
    n_block, ahead = 1 << block_log2, chosen.mixing is not None
    for plain in cut(source, n_block):
        yield PlainBlock(plain, plan(chosen, len(plain), n_models), ahead and len(plain) < n_block)
        ahead = False


def _refuse_models(models: Sequence[IntegerModel], chosen: Level) -> None:
    """Raises RefusedError for models that a stream cannot name or the level cannot mix."""
    if len(models) > 1 and chosen.mixing is None:
        raise RefusedError(f"level '{chosen.name}' codes with one model (got {len(models)}); choose another level")
    if len(models) > MAX_MODELS:
        raise RefusedError(f"at most {MAX_MODELS} models are mixed (got {len(models)})")
    for i, model in enumerate(models):
        if any(model.id == other.id for other in models[:i]):
            raise RefusedError(f"model '{model.name}' is named twice; one model is mixed once")


def decode_stream(
    source: BinaryIO,
    target: BinaryIO,
    find_model: FindModel,
    options: CodingOptions = CodingOptions(),
    progress: Progress = silent,
    executor: Executor | None = None,
) -> CodingStats:
    """Decodes ``source`` into ``target``, every block and the whole checked.

    Bytes are written as blocks are decoded: a caller that must not show unchecked bytes writes to a temporary file.

    Args:
        find_model: gives the model of an id (8 bytes) and name, or raises ModelNotFoundError.
        executor: as for ``encode_stream``.
    Raises:
        DamagedError, ChecksumError, UnsupportedVersionError, ModelNotFoundError: see docs/FORMAT.md.
        RefusedError: a block needs more than ``options.memory``.
    """
    began, stats, cancel = time.monotonic(), CodingStats(), Cancel()
    budget = Budget(options.memory, executor is not None)
    reader, verifier = Reader(source, budget.admit), Verifier()
    with nullcontext(executor) if executor else LocalExecutor(options.threads) as run:
        blocks = decodable(reader, find_model, options.engine, budget)
        for record, plain in budgeted(submit_coded(blocks, run, cancel.before(progress), budget), run, budget, cancel):
            if isinstance(record, End):
                verifier.check(record)
                continue
            verifier.update(plain)
            write_all(target, plain)
            stats.n_plain += len(plain)
            stats.n_blocks += 1
            stats.n_raw_blocks += isinstance(record, RawBlock)
    stats.n_coded, stats.seconds = reader.n_read, time.monotonic() - began
    return stats


def _encode(engines: Sequence[Engine], block: PlainBlock, tick: Progress, threads: Threads) -> bytes:
    predicts = predictor(block.planned, block.n_plain, engines)
    return encode_block(block.plain, block.planned.lanes, predicts, tick, threads, block.ahead)


def decode_coded(engines: Sequence[Engine], block: CodedBlock, tick: Progress, threads: Threads) -> bytes:
    """The work of an executor: plain bytes of one coded block; raises what ``decode_block`` and ``predictor`` raise."""
    planned = Plan(block.scheme, block.lanes, block.parameters)
    return decode_block(block, predictor(planned, block.n_plain, engines, block.offset), tick, threads)


def _submit_plain(
    blocks: Iterable[PlainBlock], networks: Networks, executor: Executor, tick: Progress
) -> Iterator[tuple[PlainBlock, Task[bytes]]]:
    for block in blocks:
        if is_incompressible(block.plain):
            tick(block.n_plain)
            yield block, Done(block.plain)
        else:
            yield block, executor.submit(_encode, networks, block, tick)


def _write_block(writer: Writer, block: PlainBlock, coded: bytes, unnamed: list[IntegerModel]) -> bool:
    """Writes the block coded, models not named so far before it, or raw if that is shorter: then False."""
    overhead = CODED_OVERHEAD + sum(model_record_size(each.name) for each in unnamed)
    if len(coded) + overhead >= block.n_plain + RAW_OVERHEAD or len(coded) >= block.n_plain:
        writer.write_raw(block.plain)
        return False
    for each in unnamed:
        writer.write_model(each.id[:MODEL_ID_BYTES], each.name)
    unnamed.clear()
    writer.write_coded(block.planned.scheme, block.planned.lanes, block.planned.parameters, block.plain, coded)
    return True


Decodable = RawBlock | End | tuple[CodedBlock, Networks, int]


def decodable(records: Iterable[Record], find_model: FindModel, engine: str, budget: Budget) -> Iterator[Decodable]:
    """Blocks and ends in order; each coded block with the models that its stream names for it and its memory."""
    named: list[ModelRecord] = []
    find = cache(find_model)
    for record in records:
        if isinstance(record, ModelRecord):
            named.append(record)
        elif isinstance(record, CodedBlock):
            used = named[: n_networks(record.scheme, record.parameters)]
            networks = Networks(tuple(find(each.model_id, each.name) for each in used), engine)
            yield record, networks, budget.admit(record, networks.models, networks.key)
        elif isinstance(record, Header):
            budget.begin(record.block_log2)
        elif isinstance(record, RawBlock | End):
            named = named if isinstance(record, RawBlock) else []
            yield record


def submit_coded(
    blocks: Iterable[Decodable], executor: Executor, tick: Progress, budget: Budget
) -> Iterator[tuple[tuple[RawBlock | CodedBlock | End, int], Task[bytes]]]:
    """Blocks and ends, each with the memory reserved for it, and the task of its plain bytes."""
    for each in blocks:
        if isinstance(each, tuple):
            block, networks, need = each
            submit = partial(executor.submit, decode_coded, networks, block, tick)
            yield (block, need), submit_within(budget, need, submit)
        elif isinstance(each, RawBlock):
            tick(len(each.plain))
            budget.reserve(len(each.plain))
            yield (each, len(each.plain)), Done(each.plain)
        else:
            yield (each, 0), Done(b"")
