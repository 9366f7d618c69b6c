"""Engines shared by worker threads: each thread borrows a set of its own, one engine for each network."""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from fscompress.engine.base import Engine
from fscompress.engine.select import engine_factory
from fscompress.engine.spec import IntegerModel

Result = TypeVar("Result")


class EnginePool:
    """Engines for ``models``; the first are made when they are needed, so that raw data loads no kernels.

    Args:
        models: one for each engine of a set, in order.
        name: of the engine, as in ``engine_factory``.
    """

    def __init__(self, models: Sequence[IntegerModel], name: str) -> None:
        self._models, self._name = models, name
        self._idle: queue.SimpleQueue[list[Engine]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._make: list[Callable[[], Engine]] = []

    def run(self, work: Callable[[list[Engine]], Result]) -> Result:
        """The result of ``work`` with engines that no other thread uses meanwhile; raises EngineError as they do."""
        try:
            engines = self._idle.get_nowait()
        except queue.Empty:
            engines = self._new()
        try:
            return work(engines)
        finally:
            for engine in engines:
                engine.release()
            self._idle.put(engines)

    def _new(self) -> list[Engine]:
        with self._lock:
            self._make = self._make or [engine_factory(model, self._name) for model in self._models]
        return [make() for make in self._make]
