"""Time of network, mixer and coder apart, on one block and in one thread, beside that of the whole."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fscompress.bench.network import products_alone, run_network
from fscompress.code_lengths import Steps, coded_p1, decisions, mixed_p1
from fscompress.coder import BinaryEncoder
from fscompress.engine import Engine, IntegerModel
from fscompress.levels import Level, Plan, plan
from fscompress.planned import blocks, decode, encode, timed
from fscompress.predictor import U16

WARM_UP_BYTES = 2048
RUN_STEPS = 64  # of one call to the coder


@dataclass(frozen=True)
class Parts:
    """Microseconds for each of ``n_plain`` bytes, the best of the runs.

    Args:
        network: the engine alone, ``products`` the matrix products of the engine ``cpu`` alone.
        mixer: all decisions with the network's p1 given, set-up included; nothing at a level without one.
        coder: the range encoder on p1 that are given.
        encode, decode: the whole block as a file's.
    """

    file: str
    level: str
    n_plain: int
    lanes: int
    network: float
    products: float
    mixer: float
    coder: float
    encode: float
    decode: float


def measure_parts(file: str, data: bytes, chosen: Level, model: IntegerModel, engine: Engine, runs: int = 1) -> Parts:
    """Measures the first block of ``data`` (not empty)."""
    plain = next(blocks(data, chosen))
    planned = plan(chosen, len(plain), 1)
    for work in _works(plain[:WARM_UP_BYTES], plan(chosen, len(plain[:WARM_UP_BYTES]), 1), model, engine):
        work()
    seconds = [min(timed(work)[1] for _ in range(runs)) for work in _works(plain, planned, model, engine)]
    return Parts(file, chosen.name, len(plain), planned.lanes, *(1e6 * second / len(plain) for second in seconds))


def _works(plain: bytes, planned: Plan, model: IntegerModel, engine: Engine) -> Iterator[Callable[[], object]]:
    """Network, products, mixer, coder, encode, decode of one block, each to be called any number of times."""
    parts = decisions(plain, planned.lanes, engine)
    yield lambda: run_network(plain, planned.lanes, engine)
    yield products_alone(model, len(plain), planned.lanes)
    settings = planned.mixer_settings
    p1 = coded_p1(settings, parts)
    yield lambda: mixed_p1(settings, parts) if settings else None
    yield lambda: _run_coder(parts, p1)
    block = encode(plain, planned, [engine])
    yield lambda: encode(plain, planned, [engine])
    yield lambda: decode(block, [engine])


def _run_coder(parts: list[Steps], p1: list[U16]) -> None:
    coder = BinaryEncoder()
    for part, probabilities in zip(parts, p1, strict=True):
        bits = part.bits
        for t in range(0, len(bits), RUN_STEPS):
            coder.encode(bits[t : t + RUN_STEPS].reshape(-1), probabilities[t : t + RUN_STEPS].reshape(-1))
    coder.finish()
