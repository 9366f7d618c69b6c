"""Size and speed against the number of lanes: what the lane rule of each level is chosen from."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from fscompress.bench.network import products_alone, run_network
from fscompress.engine import Engine, IntegerModel
from fscompress.errors import EngineError
from fscompress.levels import Level, Plan, plan
from fscompress.parallel import Threads
from fscompress.planned import blocks, decode, encode, timed

TRIED = (1, 2, 4, 8, 16, 32, 64)
MIN_LANE_BYTES = 512  # of a block; shorter lanes are not tried
WARM_UP_BYTES = 2048


@dataclass(frozen=True)
class LaneRow:
    """Real coded bytes of a file's first ``n_plain`` bytes, each block without its record, after a round trip.

    Args:
        lanes: of every full block; ``chosen`` where the level's own rule says so.
        encode_seconds, decode_seconds: of all blocks one after the other, median of the runs.
        network, products: microseconds a byte of the network alone and of its matrix products alone (those of the
            engine ``cpu``), on the first block, median of the runs.
    """

    file: str
    level: str
    n_plain: int
    lanes: int
    chosen: bool
    n_coded: int
    encode_seconds: float
    decode_seconds: float
    network: float
    products: float

    @property
    def encode_speed(self) -> float:
        """kB (1000 bytes) of text a second."""
        return self.n_plain / 1000 / self.encode_seconds

    @property
    def decode_speed(self) -> float:
        """kB (1000 bytes) of text a second."""
        return self.n_plain / 1000 / self.decode_seconds


def prefixes(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    """The first bytes of ``data``, of each size that it has; all of it where it has none."""
    return [data[:size] for size in sizes if size <= len(data)] or [data]


def lanes_to_try(chosen: Level, n_bytes: int) -> list[int]:
    """Lanes of a block of ``n_bytes``, ascending; the level's own choice is among them."""
    own = plan(chosen, n_bytes, 1).lanes
    return sorted({own, *(lanes for lanes in TRIED if lanes == 1 or lanes * MIN_LANE_BYTES <= n_bytes)})


def measure_lanes(
    file: str, data: bytes, chosen: Level, model: IntegerModel, engine: Engine, runs: int = 1, threads: int = 1
) -> Iterator[LaneRow]:
    """A row for each number of lanes; ``data`` is not empty.  Raises EngineError if it does not come back.

    Args:
        threads: for each block, of which networks use two at most; products are always those of one.
    """
    first = next(blocks(data, chosen))
    for lanes in lanes_to_try(chosen, len(first)):
        _round_trip(data[:WARM_UP_BYTES], chosen, lanes, engine, threads)
        trips = [_round_trip(data, chosen, lanes, engine, threads) for _ in range(runs)]
        own = lanes == plan(chosen, len(first), 1).lanes
        seconds = (statistics.median(trip[which] for trip in trips) for which in (1, 2))
        costs = _network_costs(first, lanes, model, engine, runs, threads > 1)
        yield LaneRow(file, chosen.name, len(data), lanes, own, trips[0][0], *seconds, *costs)


def _network_costs(
    block: bytes, lanes: int, model: IntegerModel, engine: Engine, runs: int, two_threads: bool
) -> Iterator[float]:
    """Microseconds a byte: the network, its products."""
    multiply = products_alone(model, len(block), lanes)
    for work in (lambda: run_network(block, lanes, engine, two_threads), multiply):
        yield 1e6 * statistics.median(timed(work)[1] for _ in range(runs)) / len(block)


def _round_trip(data: bytes, chosen: Level, lanes: int, engine: Engine, threads: int) -> tuple[int, float, float]:
    """Coded bytes, seconds to encode, seconds to decode."""
    free, plain = Threads(threads - 1), list(blocks(data, chosen))
    plans = [_with_lanes(plan(chosen, len(block), 1), min(lanes, len(block))) for block in plain]
    pairs = list(zip(plain, plans, strict=True))
    coded, encode_seconds = timed(lambda: [encode(block, planned, [engine], free) for block, planned in pairs])
    decoded, decode_seconds = timed(lambda: [decode(block, [engine], free) for block in coded])
    if decoded != plain:
        raise EngineError(f"level '{chosen.name}', {lanes} lanes: decoding did not give the input back")
    return sum(len(block.coded) for block in coded), encode_seconds, decode_seconds


def _with_lanes(planned: Plan, lanes: int) -> Plan:
    parameters = replace(planned.mixer_settings, lanes=lanes).pack() if planned.mixer_settings else planned.parameters
    return replace(planned, lanes=lanes, parameters=parameters)
