"""One block through network and coder: any lanes, either engine, and the checks at its end."""

import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import groupby

import numpy as np
import numpy.typing as npt
import pytest

from fscompress.blocks import Progress, decode_block, encode_block
from fscompress.coder import BinaryDecoder
from fscompress.container import CodedBlock
from fscompress.engine import Engine
from fscompress.engine.base import Missed
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


class Watched(NetworkPredictor):
    """Tells when a second thread begins and ends, and each run of steps; the thread misses what it is told to."""

    def __init__(self, n_bytes: int, said: list[str], missed: Callable[[], float] = lambda: 0.0) -> None:
        super().__init__(cpu(tiny()), n_bytes, 1)
        self._said, self._missed = said, missed

    @contextmanager
    def second_thread(self) -> Iterator[Missed]:
        self._said.append("begins")
        with super().second_thread():
            yield self._missed
        self._said.append("ends")

    def network_p1(self, rows: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
        self._said.append("run")
        return super().network_p1(rows)

    def decode(self, decoder: BinaryDecoder, rows: npt.NDArray[np.uint8]) -> None:
        self._said.append("run")
        super().decode(decoder, rows)


def test_a_thread_is_taken_while_it_is_free_and_given_back_where_others_need_it() -> None:
    """Free for the first two of eight runs, needed elsewhere in the next three, then free again."""
    plain, threads, said, others = text(2048), Threads(2), [], ExitStack()
    expected = ["begins", "run", "run", "ends", "run", "run", "run", "begins", "run", "run", "run", "ends"]

    def progress(_n: int) -> None:
        if said.count("run") == 2:
            others.enter_context(threads.in_use())
        if said.count("run") == 5:
            others.close()

    with threads.in_use():
        coded = encode_block(plain, 1, Watched(len(plain), said), progress, threads)
        assert said == expected
        said.clear()
        assert decode_block(block(plain, 1, coded), Watched(len(plain), said), progress, threads) == plain
        assert said == expected
        assert threads.take()  # it was given back
    assert coded == encoded(plain, 1, cpu(tiny()), silent)


def test_a_thread_that_comes_too_late_rests_longer_each_time() -> None:
    """Until it is in time again."""
    said, shares = [], iter([0.3, 0.2, 0.26, 1.0, 0.5, 0.0])
    plain = text(256 * 250)
    encode_block(plain, 1, Watched(len(plain), said, lambda: next(shares, 0.0)), silent, Threads(1))
    runs = [len(list(group)) for what, group in groupby(said) if what == "run"]
    assert runs[:7] == [8, 33, 16, 33, 8, 65, 8]


def test_reading_ahead_comes_first() -> None:
    plain = text(600)
    for n, expected in ((0, ["run"] * 3), (1, ["run"] * 3), (2, ["begins", *["run"] * 3, "ends"])):
        threads, said = Threads(n), []
        encode_block(plain, 1, Watched(len(plain), said), silent, threads, ahead=True)
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
