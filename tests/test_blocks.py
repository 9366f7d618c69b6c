"""One block through network and coder: any lanes, either engine, and the checks at its end."""

import gc
import threading
import weakref
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import groupby

import numpy as np
import numpy.typing as npt
import pytest

from fscompress import blocks
from fscompress.blocks import Progress, decode_block, encode_block
from fscompress.coder import BinaryDecoder
from fscompress.container import CodedBlock
from fscompress.engine import Engine
from fscompress.errors import ChecksumError, DamagedError
from fscompress.lanes import to_rows
from fscompress.parallel import Threads
from fscompress.predictor import NetworkPredictor
from tests.coder import plain_coder
from tests.helpers import cpu, noise, reference, text, tiny

ENGINES: dict[str, Callable[[], Engine]] = {"cpu": lambda: cpu(tiny()), "reference": lambda: reference(tiny())}


def silent(_n: int) -> None:
    pass


def encoded(plain: bytes, lanes: int, engine: Engine, progress: Progress) -> bytes:
    return encode_block(plain, lanes, NetworkPredictor(engine, len(plain), lanes), progress)


def decoded(block: CodedBlock, engine: Engine, progress: Progress) -> bytes:
    return decode_block(block, NetworkPredictor(engine, block.n_plain, block.lanes), progress)


def block(plain: bytes, lanes: int, coded: bytes, **changes: int) -> CodedBlock:
    fields = {"n_plain": len(plain), "crc": zlib.crc32(plain)} | changes
    return CodedBlock(0, lanes, bytes(12), fields["n_plain"], fields["crc"], coded, offset=77)


@pytest.mark.parametrize("lanes", [2, 5, 16, 33, 300])
@pytest.mark.parametrize("plain", [text(300), noise(300), bytes(301), text(317)], ids=["text", "noise", "zeros", "odd"])
def test_engines_write_the_same_and_read_each_other(plain: bytes, lanes: int) -> None:
    coded = {name: encoded(plain, lanes, make(), silent) for name, make in ENGINES.items()}
    assert coded["cpu"] == coded["reference"]
    for make in ENGINES.values():
        assert decoded(block(plain, lanes, coded["cpu"]), make(), silent) == plain


def test_small_blocks_in_all_lanes() -> None:
    engine = cpu(tiny())
    for n in range(1, 18):
        for lanes in range(1, n + 1):
            plain = noise(n, n)
            coded = encoded(plain, lanes, engine, silent)
            assert decoded(block(plain, lanes, coded), engine, silent) == plain


@pytest.mark.parametrize(("n_bytes", "lanes"), [(1, 1), (64, 1), (1000, 3), (1000, 7)])
def test_progress_counts_every_byte_once(n_bytes: int, lanes: int) -> None:
    engine, seen = cpu(tiny()), []
    coded = encoded(text(n_bytes), lanes, engine, seen.append)
    assert sum(seen) == n_bytes
    assert len(seen) == -(-(n_bytes // lanes) // max(64, 256 // lanes)) + bool(n_bytes % lanes)
    seen.clear()
    decoded(block(text(n_bytes), lanes, coded), engine, seen.append)
    assert sum(seen) == n_bytes


class StoppedError(Exception):
    pass


def test_networks_that_read_ahead_outlive_no_block() -> None:
    """Neither one that is stopped nor one whose network fails; the engine is free for the next block then."""
    engine, threads, plain = cpu(tiny()), threading.active_count(), text(3000)
    whole = encoded(plain, 2, engine, silent)

    def stop(_n: int) -> None:
        raise StoppedError

    for n in (0, 1, 2):
        with pytest.raises(StoppedError):
            encode_block(plain, 2, NetworkPredictor(engine, len(plain), 2), stop, Threads(n), ahead=True)
        assert threading.active_count() == threads
        assert encode_block(plain, 2, NetworkPredictor(engine, len(plain), 2), silent, Threads(n), ahead=True) == whole
    failing = NetworkPredictor(engine, len(plain), 2)
    failing.network_p1 = lambda rows: stop(rows.size)  # type: ignore[method-assign]
    with pytest.raises(StoppedError):
        encode_block(plain, 2, failing, silent, Threads(1), ahead=True)
    assert threading.active_count() == threads


class Clock:
    """Stands for ``time``: a run of steps takes one second, or what it is told to take with a second thread."""

    def __init__(self, with_second_thread: float = 0.5) -> None:
        self.now, self.with_second_thread = 0.0, with_second_thread

    def perf_counter(self) -> float:
        return self.now


class Watched(NetworkPredictor):
    """Tells when a second thread begins and ends, and each run of steps, which takes its time."""

    def __init__(self, n_bytes: int, said: list[str], clock: Clock) -> None:
        super().__init__(cpu(tiny()), n_bytes, 1)
        self._said, self._clock, self._is_helped = said, clock, False

    @contextmanager
    def second_thread(self) -> Iterator[None]:
        self._said.append("begins")
        self._is_helped = True
        with super().second_thread():
            yield
        self._is_helped = False
        self._said.append("ends")

    def network_p1(self, rows: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
        self._run()
        return super().network_p1(rows)

    def decode(self, decoder: BinaryDecoder, rows: npt.NDArray[np.uint8]) -> None:
        self._run()
        super().decode(decoder, rows)

    def _run(self) -> None:
        self._said.append("run")
        self._clock.now += self._clock.with_second_thread if self._is_helped else 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(blocks, "time", clock)
    return clock


def lengths(said: list[str]) -> list[int]:
    """Runs with a second thread, without one, with one, ..."""
    return [len(list(group)) for what, group in groupby(said) if what == "run"]


def test_a_thread_is_taken_while_it_is_free_and_given_back_where_others_need_it(clock: Clock) -> None:
    """Free for the first two of eight runs, needed elsewhere in the next one, then free again."""
    plain, threads, said, others = text(1024), Threads(2), [], ExitStack()
    expected = ["begins", "run", "run", "ends", "run", "begins", "run", "ends"]

    def progress(_n: int) -> None:
        if said.count("run") == 2:
            others.enter_context(threads.in_use())
        if said.count("run") == 3:
            others.close()

    with threads.in_use():
        coded = encode_block(plain, 1, Watched(len(plain), said, clock), progress, threads)
        assert said == expected
        said.clear()
        assert decode_block(block(plain, 1, coded), Watched(len(plain), said, clock), progress, threads) == plain
        assert said == expected
        assert threads.take()  # it was given back
    assert coded == encoded(plain, 1, cpu(tiny()), silent)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.5, [4, 4, 68, 4, 132, 4]), (1.5, [4, 36, 4, 68, 4]), (1.0, [4, 36, 4, 68, 4])]
)
def test_the_clock_decides_whether_a_second_thread_is_used(seconds: float, expected: list[int], clock: Clock) -> None:
    """Both ways are tried for four runs; the faster one is kept for longer the more often it was found to be."""
    plain, said, clock.with_second_thread = text(256 * 220), [], seconds
    encode_block(plain, 1, Watched(len(plain), said, clock), silent, Threads(1))
    assert lengths(said)[: len(expected)] == expected


def test_a_second_thread_is_wanted_again_when_it_is_faster(clock: Clock) -> None:
    plain, said, clock.with_second_thread = text(256 * 150), [], 2.0

    def progress(_n: int) -> None:
        if said.count("run") == 30:
            clock.with_second_thread = 0.5

    encode_block(plain, 1, Watched(len(plain), said, clock), progress, Threads(1))
    assert lengths(said)[:6] == [4, 36, 4, 4, 36, 4]


def test_without_a_free_thread_nothing_is_decided(clock: Clock) -> None:
    """One that is free later is used then, whatever the clock said meanwhile."""
    plain, said, threads = text(256 * 40), [], Threads(0)

    def progress(_n: int) -> None:
        clock.now += said.count("run") < 5  # the first runs took longer
        if said.count("run") == 20:
            threads.give()

    encode_block(plain, 1, Watched(len(plain), said, clock), progress, threads)
    assert said.index("begins") == 20


@pytest.mark.parametrize("ahead", [False, True])
def test_a_block_leaves_nothing_to_the_garbage_collector(ahead: bool) -> None:
    """Tables of a mixer are large, and the collector does not know how large."""
    plain, engine = text(3000), cpu(tiny())
    for n in range(3):
        predictor = NetworkPredictor(engine, len(plain), 1)
        left = weakref.ref(predictor)
        gc.disable()
        try:
            encode_block(plain, 1, predictor, silent, Threads(n), ahead)
            del predictor
            assert left() is None
        finally:
            gc.enable()


def test_reading_ahead_comes_first(clock: Clock) -> None:
    plain = text(600)
    for n, expected in ((0, ["run"] * 3), (1, ["run"] * 3), (2, ["begins", *["run"] * 3, "ends"])):
        threads, said = Threads(n), []
        encode_block(plain, 1, Watched(len(plain), said, clock), silent, threads, ahead=True)
        assert said == expected
        assert [threads.take() for _ in range(n + 1)] == [True] * n + [False]


def test_the_order_of_decisions() -> None:
    """(step, bit, lane), each with the p1 of its tree node: coded again here in plain integers."""
    plain, lanes = text(53), 4
    rows, decisions = to_rows(plain, lanes), []
    engine = reference(tiny())
    engine.start(lanes)
    left = len(plain)
    for t, row in enumerate(rows):
        n = min(lanes, left)
        left -= n
        if t:
            engine.advance(rows[t - 1, :n])
        for bit in range(7, -1, -1):
            for lane in range(n):
                node = (256 + int(row[lane])) >> bit + 1
                tree = engine.tree[lane].tolist()
                p1 = min(max((tree[2 * node + 1] << 16) // tree[node], 32), 65504)
                decisions.append((int(row[lane]) >> bit & 1, p1))
    expected = np.array(plain_coder.encode(decisions), "<u4").tobytes()
    assert encoded(plain, lanes, cpu(tiny()), silent) == expected


def test_what_is_refused() -> None:
    plain, engine = text(200), cpu(tiny())
    coded = encoded(plain, 2, engine, silent)
    with pytest.raises(ChecksumError, match=r"got 200 bytes.*offset 77.*\[R28\]$"):
        decoded(block(plain, 2, coded, crc=1), engine, silent)
    with pytest.raises(ChecksumError, match=r"\[R28\]$"):
        decoded(block(plain, 3, coded), engine, silent)
    with pytest.raises(ChecksumError, match=r"\[R28\]$"):
        decoded(block(plain, 2, coded, n_plain=199), engine, silent)
    with pytest.raises(ChecksumError, match=r"got an impossible coder state.*offset 77.*\[R28\]$"):
        decoded(block(plain, 2, b"\xff" * 40), engine, silent)
    with pytest.raises(ChecksumError, match=r"\[R28\]$"):
        decoded(block(plain, 2, coded[:-8]), engine, silent)
    with pytest.raises(DamagedError, match=r"words left over.*offset 77.*\[R30\]$"):
        decoded(block(plain, 2, coded + bytes(8)), engine, silent)
    assert decoded(block(plain, 2, coded), engine, silent) == plain


def test_a_word_that_goes_unnoticed_does_no_harm() -> None:
    plain, engine = text(200), cpu(tiny())
    coded = encoded(plain, 2, engine, silent)
    try:
        assert decoded(block(plain, 2, coded + bytes(4)), engine, silent) == plain
    except DamagedError as error:
        assert str(error).endswith("[R30]")  # noqa: PT017


def test_progress_stops_a_block() -> None:
    class StopError(Exception):
        pass

    def stop(_n: int) -> None:
        raise StopError

    engine = cpu(tiny())
    with pytest.raises(StopError):
        encoded(text(500), 1, engine, stop)
    assert encoded(text(99), 1, engine, silent) == encoded(text(99), 1, cpu(tiny()), silent)
