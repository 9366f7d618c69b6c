"""The network alone, and its matrix products alone: calls to be timed."""

from collections.abc import Callable
from contextlib import nullcontext

from fscompress.engine import Engine, IntegerModel
from fscompress.engine.cpu import PreparedModel
from fscompress.lanes import active_lanes, to_rows


def run_network(plain: bytes, lanes: int, engine: Engine, two_threads: bool = False) -> None:
    """All steps of one block, without mixer and coder."""
    rows = to_rows(plain, lanes)
    engine.start(lanes)
    with engine.second_thread() if two_threads else nullcontext():
        for t in range(1, len(rows)):
            engine.advance(rows[t - 1, : active_lanes(len(plain), lanes, t)])


def products_alone(model: IntegerModel, n_bytes: int, lanes: int) -> Callable[[], None]:
    """A call that makes all matrix products of so many bytes, as the engine ``cpu`` makes them, and nothing else."""
    engine = PreparedModel(model).engine(lanes)
    engine.start(lanes)
    return lambda: engine.repeat_products(-(-n_bytes // lanes))
