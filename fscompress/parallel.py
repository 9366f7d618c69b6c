"""Ordered map over threads with bounded memory, cancelled as a whole when the consumer stops or a worker fails."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Cancelled(BaseException):
    """Raised inside a worker's progress callback to unwind it; never reaches the caller."""


class Cancel:
    """A flag that workers look at: ``check`` raises once ``set`` was called."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Stops all workers at their next check."""
        self._event.set()

    def check(self) -> None:
        """Raises Cancelled if the flag is set."""
        if self._event.is_set():
            raise Cancelled


def ordered_map(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int, cancel: Cancel
) -> Iterator[Result]:
    """Results in the order of ``items``, at most ``threads`` + 1 items taken ahead.

    ``threads`` = 1 runs in the calling thread.  ``cancel`` is set on any exit before the end, so that workers stop
    soon.
    """
    if threads == 1:
        yield from map(work, items)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > threads:
                    yield _first(waiting)
            while waiting:
                yield _first(waiting)
        finally:
            if waiting:
                cancel.set()
            for future in waiting:
                future.cancel()


def _first(waiting: deque[Future[Result]]) -> Result:
    """The first result; its future stays in ``waiting`` until it is there, so that an interruption cancels it."""
    result = waiting[0].result()
    waiting.popleft()
    return result
