"""The ``cuda`` engine against ``cpu``: each must encode the same bytes and decode them, and each is timed.

Run: ``python -m fscompress.bench.gpu``, or ``make gpu``, which runs the engine's tests before; with ``--device`` it
only names the device.  Without a CUDA device it says so and ends with exit code 1: nothing was checked.  No network.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from fscompress import store
from fscompress.bench.sample import sample_text
from fscompress.container import SCHEME_NETWORK, CodedBlock
from fscompress.engine import Engine, IntegerModel, engine_factory
from fscompress.engine.base import check_canary
from fscompress.engine.cuda import CudaEngine, CudaLayout
from fscompress.engine.cuda_queue import describe_device
from fscompress.errors import EngineError, FscompressError
from fscompress.levels import Plan
from fscompress.planned import decode, encode, timed

LANES = (1, 8, 64, 256, 1024, 4096)
STEPS = 500  # bytes of each lane, fewer where that would be a long text
MOST_BYTES = 1 << 18
WARM_UP_STEPS = 8  # kernels are compiled, a step is recorded

Tell = Callable[[str], object]


@dataclass(frozen=True)
class EngineSpeed:
    """kB (1000 bytes) a second of level fast, in one thread, on a block of so many lanes after a warm-up."""

    model: str
    engine: str
    lanes: int
    encode_speed: float
    decode_speed: float


def engines(model: IntegerModel, tell: Tell) -> dict[str, Engine]:
    """The engines to compare, by name; ``tell`` gets a line where torch cannot compile here."""
    found: dict[str, Engine] = {name: engine_factory(model, name)() for name in ("cpu", "cuda")}
    torch.compiler.reset()  # torch keeps what it has compiled for a few shapes only, and this is another model
    try:
        fused = CudaEngine(CudaLayout(model, compiled=True))
        check_canary(fused, model, "cuda, compiled")
        found["cuda, compiled"] = fused
    except EngineError as error:
        tell(f"not measured: {error}")
    return found


def compare(
    model: IntegerModel, text: bytes, found: dict[str, Engine], lanes: Sequence[int] = LANES
) -> Iterator[EngineSpeed]:
    """A row for each number of lanes and engine.

    As all encode the same bytes and each decodes them, each decodes what any other has encoded.

    Raises:
        EngineError: an engine has encoded other bytes than the first one.
        ChecksumError: an engine has not decoded them.
    """
    for n in lanes:
        plain, norm = text[: n * min(STEPS, MOST_BYTES // n)], None
        for name, engine in found.items():
            _round_trip(text[: n * WARM_UP_STEPS], n, engine)
            block, *seconds = _round_trip(plain, n, engine)
            norm = norm or block
            if block != norm:
                raise EngineError(f"engine '{name}', {n} lanes: encoded bytes differ from those of the others")
            yield EngineSpeed(model.name, name, n, *(len(plain) / 1000 / second for second in seconds))


def _round_trip(plain: bytes, lanes: int, engine: Engine) -> tuple[CodedBlock, float, float]:
    """The coded block, seconds to encode, seconds to decode; raises ChecksumError if the bytes do not come back."""
    planned = Plan(SCHEME_NETWORK, lanes, bytes(12))
    block, encode_seconds = timed(lambda: encode(plain, planned, [engine]))
    _, decode_seconds = timed(lambda: decode(block, [engine]))
    return block, encode_seconds, decode_seconds


def report(tell: Tell) -> None:
    """Measures all installed models; ``tell`` gets each line.  Raises as ``compare`` and ``describe_device``."""
    tell(describe_device())
    tell(f"{'model':<20}{'engine':<16}{'lanes':>6}{'encode kB/s':>13}{'decode kB/s':>13}")
    text = sample_text()
    for installed in store.installed():
        model = store.load(str(installed.path))
        for row in compare(model, text, engines(model, tell)):
            speeds = f"{row.encode_speed:>13,.1f}{row.decode_speed:>13,.1f}"
            tell(f"{row.model:<20}{row.engine:<16}{row.lanes:>6}{speeds}")
    tell("all engines encoded the same bytes, and each decoded them")


def main(words: Sequence[str]) -> None:
    """Prints the report, or with ``--device`` its first line; exits with a line on stderr if anything is wrong."""

    def tell(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    try:
        if "--device" in words:
            tell(describe_device())
        else:
            report(tell)
    except FscompressError as error:
        sys.exit(f"fscompress: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
