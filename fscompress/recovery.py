"""What is left of a damaged input: every intact block, at its own place, with zeros where others were.

    survey (``survey.py``) -> pieces with their lengths -> decode what is intact -> plain bytes, and a list of losses

Only the structure is looked at first; then each block is decoded and compared with its CRC-32, as ever.  Obeys
docs/FORMAT.md, "Recovery"; guarded by ``tests/test_recovery.py``.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO

from fscompress.blocks import Progress
from fscompress.codec import CodingOptions, CodingStats, FindModel, decode_coded
from fscompress.container import BlockInfo, CodedBlock, ModelRecord, RawBlock, Verifier, block_of
from fscompress.engine import Engine, IntegerModel
from fscompress.errors import (
    ChecksumError,
    DamagedError,
    ModelFileError,
    ModelNotFoundError,
    UnsupportedVersionError,
)
from fscompress.executor import Executor, LocalExecutor, Networks, budgeted, submit_within
from fscompress.files import write_zeros
from fscompress.levels import n_networks
from fscompress.memory import Budget
from fscompress.parallel import Cancel, Done, Task, Threads
from fscompress.streams import write_all
from fscompress.survey import Gap, Stream, survey

ANY_MODEL = ModelRecord(b"", "default")  # every id begins with no bytes: what is named by the user, or the default


@dataclass(frozen=True)
class Loss:
    """Bytes that could not be recovered, ``start`` to ``stop`` of the output and of the input; offsets from 0.

    ``exact``: the number of lost plain bytes is certain; else it is guessed, and later bytes may be at another place
    than they were.
    """

    plain: tuple[int, int]
    coded: tuple[int, int]
    exact: bool = True

    def followed_by(self, later: "Loss") -> bool:
        """Whether the two are one: nothing between them in the output, and both certain or both not."""
        return self.plain[1] == later.plain[0] and self.coded[1] == later.coded[0] and self.exact == later.exact


@dataclass
class Recovery(CodingStats):
    """``n_plain`` counts the whole output, ``n_lost`` the zeros in it.

    ``whole``: the output is certainly all that was encoded, since nothing is lost and every stream's SHA-256 holds.
    ``ends_lost``: an end record is lost, or may be, or does not fit although no loss explains it: there may have been
    more.
    """

    n_lost: int = 0
    whole: bool = True
    ends_lost: bool = False
    losses: list[Loss] = field(default_factory=list)

    def lose(self, loss: Loss) -> None:
        """Adds a loss, joined to the last one where they touch."""
        self.whole = False
        self.n_lost += loss.plain[1] - loss.plain[0]
        if self.losses and self.losses[-1].followed_by(loss):
            last = self.losses.pop()
            loss = Loss((last.plain[0], loss.plain[1]), (last.coded[0], loss.coded[1]), loss.exact)
        self.losses.append(loss)


def recover_stream(
    source: BinaryIO,
    target: BinaryIO,
    find_model: FindModel,
    options: CodingOptions,
    progress: Progress,
    executor: Executor | None = None,
) -> Recovery:
    """Writes every block of ``source`` that is intact, and zeros for the plain bytes of all others.

    Args:
        source: seekable.  The others are as for ``decode_stream``; ``find_model`` is asked for ``ANY_MODEL`` where the
            records that name the models are lost.
    Raises:
        DamagedError: no record is intact.  ModelNotFoundError: as for ``decode_stream``.
        UnsupportedVersionError: the input is of a later version of the format.
    """
    began, cancel, result = time.monotonic(), Cancel(), Recovery()
    budget = Budget(options.memory, executor is not None)
    streams = survey(source)
    with nullcontext(executor) if executor else LocalExecutor(options.threads) as run:
        for stream in streams:
            tasks = _Tasks(source, stream, find_model, options.engine, run, cancel.before(progress), budget)
            with closing(budgeted(tasks.submit(), run, budget, cancel)) as decoded:  # else a failure waits for them
                _write(stream, decoded, target, result)
    result.n_coded = source.seek(0, 2)
    result.seconds = time.monotonic() - began
    return result


def _write(
    stream: Stream, decoded: Iterator[tuple[BlockInfo | Gap, bytes]], target: BinaryIO, result: Recovery
) -> None:
    """Writes one stream's blocks and zeros; empty bytes stand for a lost block."""
    verifier, n_lost = Verifier(), result.n_lost
    for piece, plain in decoded:
        begin, result.n_plain = result.n_plain, result.n_plain + (piece.n_plain or 0)
        if plain:
            write_all(target, plain)
            verifier.update(plain)
            result.n_blocks += 1
            result.n_raw_blocks += isinstance(piece, BlockInfo) and piece.scheme is None
            continue
        write_zeros(target, result.n_plain - begin)
        exact = isinstance(piece, BlockInfo) or piece.exact
        if isinstance(piece, Gap) and piece.may_hide_an_end:
            result.whole, result.ends_lost = False, True
        if result.n_plain > begin or not exact:
            result.lose(Loss((begin, result.n_plain), (piece.offset, piece.end), exact))
    if stream.end is None:
        result.whole, result.ends_lost = False, True
        return
    try:
        verifier.check(stream.end)
    except ChecksumError:
        result.whole = False
        result.ends_lost |= result.n_lost == n_lost


class _Tasks:
    """Decodes the blocks of one stream."""

    def __init__(
        self,
        source: BinaryIO,
        stream: Stream,
        find_model: FindModel,
        engine: str,
        run: Executor,
        tick: Progress,
        budget: Budget,
    ) -> None:
        self._source, self._stream, self._run, self._tick = source, stream, run, tick
        self._find_model, self._engine, self._budget = find_model, engine, budget
        self._named: list[ModelRecord] = []

    def submit(self) -> Iterator[tuple[tuple[BlockInfo | Gap, int], Task[bytes]]]:
        """Blocks and gaps in order, each with its memory and the task of its plain bytes: none for what is lost."""
        self._budget.begin(((self._stream.n_block or 1) - 1).bit_length())
        for piece in self._stream.pieces:
            if isinstance(piece, ModelRecord):
                self._named.append(piece)
            else:
                need, task = self._begin(piece) if isinstance(piece, BlockInfo) else (0, Done(b""))
                yield (piece, need), task

    def _begin(self, head: BlockInfo) -> tuple[int, Task[bytes]]:
        self._budget.admit(head)
        self._source.seek(head.end - head.n_stored)
        try:
            block = block_of(head, self._source.read(head.n_stored))
        except ChecksumError:
            return 0, Done(b"")
        if isinstance(block, RawBlock):
            self._tick(head.n_plain)
            self._budget.reserve(head.n_plain)
            return head.n_plain, Done(block.plain)
        with suppress(DamagedError):
            models = self._models(n_networks(block.scheme, block.parameters))
            if models:
                networks = Networks(models, self._engine)
                need = self._budget.admit(block, models, networks.key)
                submit = partial(self._run.submit, attempt, networks, block, self._tick)
                return need, submit_within(self._budget, need, submit)
        return 0, Done(b"")

    def _models(self, n: int) -> tuple[IntegerModel, ...]:
        """Of the records that name them; where these are lost, one model may be guessed: a wrong one is noticed."""
        if len(self._named) >= n:
            return tuple(self._find_model(each.model_id, each.name) for each in self._named[:n])
        if n > 1:
            return ()
        with suppress(ModelNotFoundError, ModelFileError, UnsupportedVersionError):
            return (self._find_model(ANY_MODEL.model_id, ANY_MODEL.name),)
        return ()


def attempt(engines: Sequence[Engine], block: CodedBlock, tick: Progress, threads: Threads) -> bytes:
    """The work of an executor: as ``decode_coded``, but no bytes for a block that is damaged."""
    try:
        return decode_coded(engines, block, tick, threads)
    except DamagedError:
        return b""
