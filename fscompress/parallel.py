"""Ordered results of tasks in flight, memory bounded, all cancelled when the consumer stops or a task fails."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

from fscompress.errors import FscompressError

Item = TypeVar("Item")
Result = TypeVar("Result")
Given = TypeVar("Given", covariant=True)


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

    def before(self, progress: Callable[[int], None]) -> Callable[[int], None]:
        """``progress``, preceded by ``check``."""

        def tick(n_bytes: int) -> None:
            self.check()
            progress(n_bytes)

        return tick


class Threads:
    """How many of ``n`` threads have nothing to do; work that runs in one may take another for a part of itself."""

    def __init__(self, n: int) -> None:
        self._free, self._lock = n, threading.Lock()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """One thread is busy meanwhile, also where none was free: then what was taken is to be given back."""
        self._add(-1)
        try:
            yield
        finally:
            self._add(1)

    def take(self) -> bool:
        """Takes a free thread, if there is one."""
        with self._lock:
            taken = self._free > 0
            self._free -= taken
        return taken

    def give(self) -> None:
        """Gives back what was taken."""
        self._add(1)

    @property
    def overdrawn(self) -> bool:
        """Whether more threads are busy than there are."""
        return self._free < 0

    def _add(self, n: int) -> None:
        with self._lock:
            self._free += n


NO_THREADS = Threads(0)  # to take


class Task(Protocol[Given]):
    """What the futures of threads and of clusters have in common."""

    def result(self) -> Given:
        """Waits for the result; raises what the task raised."""

    def cancel(self) -> object:
        """Takes the task back if it has not begun."""


class Done(Generic[Result]):
    """A task that is done already."""

    def __init__(self, result: Result) -> None:
        self._result = result

    def result(self) -> Result:
        """See ``Task``."""
        return self._result

    def cancel(self) -> None:
        """See ``Task``."""


class Later(Generic[Result]):
    """A task that is submitted when its result is asked for, by whoever asks."""

    def __init__(self, submit: Callable[[], Task[Result]]) -> None:
        self._submit = submit

    def result(self) -> Result:
        """See ``Task``."""
        return self._submit().result()

    def cancel(self) -> None:
        """See ``Task``."""


def in_order(
    submitted: Iterable[tuple[Item, Task[Result]]], has_room: Callable[[int], bool], abandon: Callable[[], None]
) -> Iterator[tuple[Item, Result]]:
    """Pairs of item and result in the order of submission.

    Args:
        submitted: submits a task whenever it is asked for the next one.  A FscompressError of its own takes its turn
            behind the results of what it submitted, so that a damaged file gives as much with many threads as with one.
        has_room: of the number of tasks whose results wait here; False: no other is submitted before one is taken.
        abandon: called on any exit before the end, so that workers stop soon; also where nothing waits here, since a
            signal may come between a task's first step and our getting it.
    """
    waiting: deque[tuple[Item, Task[Result]]] = deque()
    try:
        for pair in _and_failure(submitted):
            waiting.append(pair)
            while waiting and not has_room(len(waiting)):
                yield _first(waiting)
        while waiting:
            yield _first(waiting)
    except BaseException:
        abandon()
        for _, task in waiting:
            task.cancel()
        raise


def _and_failure(submitted: Iterable[tuple[Item, Task[Result]]]) -> Iterator[tuple[Item | Any, Task[Result]]]:
    """``submitted``, and the error on purpose that ended it, if any, as the last task."""
    try:
        yield from submitted
    except FscompressError as error:
        failed: Future[Result] = Future()
        failed.set_exception(error)
        yield None, failed


def _first(waiting: deque[tuple[Item, Task[Result]]]) -> tuple[Item, Result]:
    """The first result; its task stays in ``waiting`` until it is there, so that an interruption cancels it."""
    item, task = waiting[0]
    result = task.result()
    waiting.popleft()
    return item, result
