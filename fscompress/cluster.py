"""Blocks coded by the workers of a dask.distributed cluster; the one home of that library.

In: tasks as in ``executor.py``.  Out: the same bytes as from threads of this process, since a task depends on its block
and its models alone.  So dask may run a task again where a worker is lost: the scheduler keeps blocks and model files
until their results are there.  Models travel as the bytes of their files, once to each worker, whose id is checked.
Whoever can reach a scheduler can run programs on its workers: dask is for networks that are trusted.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Self, TypeVar

import dask
from distributed import CancelledError, Client, Future, KilledWorker, get_worker

from fscompress import jit
from fscompress.blocks import Progress
from fscompress.engine import EnginePool, IntegerModel
from fscompress.engine.model_file import parse_model
from fscompress.errors import EngineError, ModelFileError, RefusedError
from fscompress.executor import AnyBlock, Networks, Work
from fscompress.parallel import NO_THREADS, Cancelled, Task, in_order

CONNECT_SECONDS = 5
WORKER_SECONDS = 15  # without any worker, before a run is given up
_POLL_SECONDS = 1.0
_TASKS_A_THREAD = 2  # one that runs and one that waits, so that no worker idles while a result travels
_MOST_STREAMS = 64

Item = TypeVar("Item")
Result = TypeVar("Result")


class ClusterExecutor:
    """See ``Executor``; also runs whole streams at the same time.

    Args:
        address: of the scheduler, ``tcp://HOST:PORT`` or HOST:PORT.
        read_model: gives the bytes of a model's file.
    Raises:
        RefusedError: no scheduler answers there, or it has no workers.
    """

    def __init__(self, address: str, read_model: Callable[[IntegerModel], bytes]) -> None:
        _silence()
        # A block belongs to its task: then the scheduler can give it to another worker.  dask warns of 10 MB.
        dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GiB"})
        self.address, self._read_model = address, read_model
        self._lock, self._stopped = threading.Lock(), False
        self._pending: set[Future[bytes]] = set()
        self._models: dict[bytes, Future[bytes]] = {}
        self._limit, self._seen = 0, time.monotonic()
        try:
            self._client = _connected(address)
        except (OSError, ValueError) as error:
            raise self._refused(f"{' '.join(str(error).split())}; `dask scheduler` starts one") from error
        try:
            self._client.wait_for_workers(1, timeout=WORKER_SECONDS)
        except TimeoutError as error:
            self._client.close()
            raise self._refused(f"has no workers; `dask worker {address}` starts one") from error
        self._count_threads()

    def has_room(self, n_waiting: int) -> bool:
        """Two tasks for each thread of the cluster, of all streams together."""
        return max(n_waiting, len(self._pending)) < self._limit

    def submit(self, work: Work[AnyBlock], networks: Networks, block: AnyBlock, progress: Progress) -> Task[bytes]:
        """See ``Executor.submit``; progress is made when a result arrives."""
        with self._lock:
            if self._stopped:
                raise Cancelled
            files = [self._share(model) for model in networks.models]
            ids = tuple(model.id for model in networks.models)
            given = work, block, networks.engine, ids, jit.kernel_sources_digest()
            future = self._client.submit(_run, *given, *files, pure=False)
            self._pending.add(future)
        return _ClusterTask(self, future, lambda: progress(block.n_plain))

    def map_streams(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Results of ``work``, which codes a stream by this executor, in order; several at the same time."""
        n_streams = min(self._limit, _MOST_STREAMS)
        with ThreadPoolExecutor(n_streams) as threads:
            submitted = ((item, threads.submit(work, item)) for item in items)
            for _, result in in_order(submitted, lambda n_waiting: n_waiting < n_streams, self.stop):
                yield result

    def stop(self) -> None:
        """Cancels all tasks: whoever waits for a result or submits another task gets Cancelled."""
        with self._lock:
            self._stopped = True
            self._client.cancel(list(self._pending))

    def take(self, future: "Future[bytes]", done: threading.Event) -> bytes:
        """The result of a task, ``done`` being set when there is one; raises RefusedError if there will be none."""
        try:
            while not done.wait(_POLL_SECONDS):
                self._count_threads()
            return future.result()
        except CancelledError as error:
            if self._stopped:
                raise Cancelled from error
            raise self._refused("the connection is lost") from error
        except KilledWorker as error:
            raise self._refused("several workers died of the same block; have they enough memory?") from error
        except ImportError as error:
            raise self._refused(f"a worker lacks what it needs ({error}); install this fscompress there") from error
        finally:
            self.forget(future)

    def forget(self, future: "Future[bytes]") -> None:
        """Makes room for another task."""
        with self._lock:
            self._pending.discard(future)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def _share(self, model: IntegerModel) -> "Future[bytes]":
        """A task that gives the bytes of the model's file, so that they too survive the loss of workers."""
        if model.id not in self._models:
            key = f"fscompress-model-{model.id.hex()}"
            self._models[model.id] = self._client.submit(_same, self._read_model(model), key=key)
        return self._models[model.id]

    def _count_threads(self) -> None:
        """Workers come and go: how many tasks they take."""
        try:
            n_threads = sum(self._client.nthreads().values())
        except OSError as error:
            raise self._refused("the connection is lost") from error
        if n_threads:
            self._limit, self._seen = _TASKS_A_THREAD * int(n_threads), time.monotonic()
        elif time.monotonic() - self._seen > WORKER_SECONDS:
            raise self._refused("has lost all its workers")

    def _refused(self, reason: str) -> RefusedError:
        return RefusedError(f"scheduler {self.address}: {reason}")


class _ClusterTask:
    """See ``Task``."""

    def __init__(self, executor: ClusterExecutor, future: "Future[bytes]", report: Callable[[], None]) -> None:
        self._executor, self._future, self._report = executor, future, report
        self._done = threading.Event()
        future.add_done_callback(lambda _: self._done.set())

    def result(self) -> bytes:
        """See ``Task``."""
        result = self._executor.take(self._future, self._done)
        self._report()
        return result

    def cancel(self) -> None:
        """See ``Task``."""
        self._executor.forget(self._future)
        self._future.cancel()


def _connected(address: str) -> Client:
    """A client; one that cannot connect is closed here.

    Left to its finaliser, it would be closed whenever garbage is collected, in whichever thread that happens: perhaps
    in one for which another waits while holding the lock that closing needs.
    """
    client = Client.__new__(Client)
    try:
        client.__init__(address, timeout=CONNECT_SECONDS, set_as_default=False)  # type: ignore[misc]
    except BaseException:
        client.close()
        raise
    return client


def _silence() -> None:
    """The library's troubles are reported as ours, in one line."""
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _same(file: bytes) -> bytes:
    return file


def _run(
    work: Work[AnyBlock], block: AnyBlock, engine: str, ids: tuple[bytes, ...], sources: str, *files: bytes
) -> bytes:
    """What a worker does: ``work``, by the same program and the same models as its client's."""
    if sources != jit.kernel_sources_digest():
        raise EngineError(f"worker {get_worker().address}: runs another version of fscompress; install the same")
    return _pool(engine, ids, files).run(lambda engines: work(engines, block, _until_cancelled(), NO_THREADS))


@lru_cache(maxsize=8)
def _pool(engine: str, ids: tuple[bytes, ...], files: tuple[bytes, ...]) -> EnginePool:
    models = [parse_model(file) for file in files]
    if tuple(model.id for model in models) != ids:
        raise ModelFileError(f"worker {get_worker().address}: model files are not those of their ids")
    return EnginePool(models, engine)


def _until_cancelled() -> Progress:
    """A progress that ends a task which nobody waits for any more: dask itself lets it run to its end."""
    worker = get_worker()
    key = worker.get_current_task()

    def tick(_n_bytes: int) -> None:
        task = worker.state.tasks.get(key)
        if task is None or task.state == "cancelled":
            raise Cancelled

    return tick
