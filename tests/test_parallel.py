"""Results in order: bounded look-ahead, and an end without threads left over, however it comes."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from fscompress.errors import DamagedError
from fscompress.parallel import NO_THREADS, Cancel, Cancelled, Done, Threads, in_order


class PlannedError(Exception):
    """Ours."""


@pytest.fixture(autouse=True)
def no_threads_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def ordered_map(work: Callable[[int], int], items: Iterable[int], threads: int, cancel: Cancel) -> Iterator[int]:
    with ThreadPoolExecutor(threads) as pool:
        submitted = ((item, pool.submit(work, item)) for item in items)
        for _, result in in_order(submitted, lambda n_waiting: n_waiting <= threads, cancel.set):
            yield result


@pytest.mark.parametrize("threads", [1, 2, 4, 9])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 50])
def test_results_in_order(threads: int, n: int) -> None:
    def work(i: int) -> int:
        time.sleep(0.001 * (i % 3))
        return i * i

    cancel = Cancel()
    assert list(ordered_map(work, range(n), threads, cancel)) == [i * i for i in range(n)]
    cancel.check()


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_items_are_taken_as_needed(threads: int) -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for i in range(100):
            taken += 1
            yield i

    for done, _ in enumerate(ordered_map(lambda i: i, items(), threads, Cancel())):
        assert taken <= done + threads + 1
    assert taken == 100


@pytest.mark.parametrize("threads", [2, 4])
def test_work_runs_at_the_same_time(threads: int) -> None:
    barrier = threading.Barrier(threads, timeout=10)
    assert len(list(ordered_map(lambda i: barrier.wait(), range(2 * threads), threads, Cancel()))) == 2 * threads


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("bad", [0, 3, 19])
def test_a_worker_fails(threads: int, bad: int) -> None:
    cancel, results = Cancel(), []

    def work(i: int) -> int:
        if i == bad:
            raise PlannedError
        while i > bad:  # the others go on until they are told to stop
            cancel.check()
            time.sleep(0.001)
        return i

    with pytest.raises(PlannedError):
        for result in ordered_map(work, range(20), threads, cancel):
            results.append(result)
    assert results == list(range(bad))


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_the_items_fail(threads: int) -> None:
    def items() -> Iterator[int]:
        yield from range(5)
        raise PlannedError

    with pytest.raises(PlannedError):
        list(ordered_map(lambda i: i, items(), threads, Cancel()))


@pytest.mark.parametrize("threads", [1, 2, 4, 9])
def test_what_was_submitted_before_the_items_fail_on_purpose_comes_first(threads: int) -> None:
    def items() -> Iterator[int]:
        yield from range(5)
        raise DamagedError("cut short")

    def work(i: int) -> int:
        time.sleep(0.01)
        return i

    results: list[int] = []
    with pytest.raises(DamagedError, match="cut short"):
        for result in ordered_map(work, items(), threads, Cancel()):
            results.append(result)
    assert results == list(range(5))


@pytest.mark.parametrize("threads", [2, 4])
def test_the_consumer_stops(threads: int) -> None:
    cancel = Cancel()

    def work(i: int) -> int:
        while i:
            cancel.check()
            time.sleep(0.001)
        return i

    def consume() -> None:
        for _ in ordered_map(work, range(20), threads, cancel):
            raise PlannedError

    with pytest.raises(PlannedError):
        consume()
    with pytest.raises(Cancelled):
        cancel.check()


def test_a_task_that_was_begun_and_never_handed_over_is_stopped() -> None:
    cancel = Cancel()

    def work() -> None:
        for _ in range(5000):
            cancel.check()
            time.sleep(0.001)

    def interrupted(pool: ThreadPoolExecutor) -> Iterator[tuple[int, "Future[None]"]]:
        begun.append(pool.submit(work))
        raise PlannedError
        yield 0, begun[0]

    begun: list[Future[None]] = []
    with ThreadPoolExecutor(1) as pool, pytest.raises(PlannedError):
        list(in_order(interrupted(pool), lambda n_waiting: True, cancel.set))
    assert isinstance(begun[0].exception(), Cancelled)


def test_items_come_with_their_results_and_done_ones_wait_for_their_turn() -> None:
    with ThreadPoolExecutor(2) as pool:
        submitted = [("slow", pool.submit(lambda: time.sleep(0.05) or 1)), ("done", Done(2))]
        assert list(in_order(submitted, lambda n_waiting: True, pytest.fail)) == [("slow", 1), ("done", 2)]


def test_cancelled_is_no_exception_that_a_worker_might_swallow() -> None:
    assert not issubclass(Cancelled, Exception)


def test_threads_are_taken_while_they_are_free() -> None:
    threads = Threads(2)
    with threads.in_use():
        assert threads.take()
        assert not threads.take()
        with threads.in_use():  # whoever has work of its own does not ask
            assert threads.overdrawn
            threads.give()
            assert not threads.overdrawn
            assert not threads.take()
    assert [threads.take() for _ in range(3)] == [True, True, False]
    assert not NO_THREADS.take()
