"""Where blocks are coded: in threads of this process, here, or on the machines of a cluster (``cluster.py``).

In: a work function of the codec, the networks it needs, a block.  Out: a task that gives its result.  An executor
changes no byte: a task depends on what is handed to it and on nothing else.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

from fscompress.blocks import Progress
from fscompress.engine import Engine, EnginePool, IntegerModel
from fscompress.memory import Budget
from fscompress.parallel import Cancel, Done, Item, Later, Task, Threads, in_order


class Block(Protocol):
    """What a work function is handed: a plain or a coded block."""

    @property
    def n_plain(self) -> int:
        """Length of the plain bytes."""


AnyBlock = TypeVar("AnyBlock", bound=Block)
# At the top level of a module, so that it has a name; may take some of the threads.
Work = Callable[[Sequence[Engine], AnyBlock, Progress, Threads], bytes]


@dataclass(frozen=True)
class Networks:
    """Models, in the order of their engines, and the name of the engine."""

    models: tuple[IntegerModel, ...]
    engine: str

    @property
    def key(self) -> tuple[str, ...]:
        """Equal for equal networks."""
        return (self.engine, *(model.id.hex() for model in self.models))


class Executor(Protocol):
    """Runs work functions; one executor may serve many streams."""

    def has_room(self, n_waiting: int) -> bool:
        """Whether a stream with so many results to come may submit another block: what bounds the memory."""

    def submit(self, work: Work[AnyBlock], networks: Networks, block: AnyBlock, progress: Progress) -> Task[bytes]:
        """Begins ``work`` with engines for ``networks``.

        ``progress`` gets numbers of plain bytes newly done and may raise to stop; also from other threads.
        """


class LocalExecutor:
    """Threads of this process; see ``Executor``.  Of one, blocks are coded in the calling thread.

    Threads without a block may help with those of others.
    """

    def __init__(self, threads: int) -> None:
        self._n_threads, self._threads = threads, ThreadPoolExecutor(threads)
        self._all = Threads(threads)
        self._pools: dict[tuple[str, ...], EnginePool] = {}

    def has_room(self, n_waiting: int) -> bool:
        """One more than there are threads: none idles while a result is written."""
        return n_waiting <= self._n_threads > 1

    def submit(self, work: Work[AnyBlock], networks: Networks, block: AnyBlock, progress: Progress) -> Task[bytes]:
        """See ``Executor.submit``; raises what ``work`` raises if there is one thread."""
        if networks.key not in self._pools:
            self._pools[networks.key] = EnginePool(networks.models, networks.engine)
        pool = self._pools[networks.key]

        def run() -> bytes:
            with self._all.in_use():
                return pool.run(lambda engines: work(engines, block, progress, self._all))

        return Done(run()) if self._n_threads == 1 else self._threads.submit(run)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown()


def submit_within(budget: Budget, need: int, submit: Callable[[], Task[bytes]]) -> Task[bytes]:
    """The task that ``submit`` begins: now, or, where it does not fit beside the others, after them."""
    return submit() if budget.reserve(need) else Later(submit)


def budgeted(
    submitted: Iterable[tuple[tuple[Item, int], Task[bytes]]], executor: Executor, budget: Budget, cancel: Cancel
) -> Generator[tuple[Item, bytes], None, None]:
    """``in_order`` while the memory lasts: pairs of an item and its plain bytes, whose memory is free again."""
    for (item, need), plain in in_order(submitted, lambda n: executor.has_room(n) and budget.has_room(), cancel.set):
        budget.release(need)
        yield item, plain
