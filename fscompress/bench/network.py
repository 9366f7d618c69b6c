"""The network alone, and its matrix products alone: calls to be timed."""

from collections.abc import Callable
from contextlib import nullcontext

from fscompress.engine import Engine, IntegerModel
from fscompress.engine.cpu import PreparedModel
from fscompress.lanes import to_rows
from fscompress.predictor import known_p1


def run_network(plain: bytes, lanes: int, engine: Engine, two_threads: bool = False) -> None:
    """All steps of all lanes of one block as an encoder makes them, without mixer and coder."""
    rows = to_rows(plain, lanes)[: len(plain) // lanes]
    engine.start(lanes)
    with engine.second_thread() if two_threads else nullcontext():
        known_p1(engine, rows, len(plain))


def products_alone(model: IntegerModel, n_bytes: int, lanes: int) -> Callable[[], None]:
    """A call that makes all matrix products of so many bytes, as the engine ``cpu`` makes them, and nothing else."""
    engine = PreparedModel(model).engine(lanes)
    engine.start(lanes)
    return lambda: engine.repeat_products(-(-n_bytes // lanes))
