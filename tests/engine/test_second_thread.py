"""What a second thread does for a step, when that is used, and that nothing depends on it."""

import threading
import time
from typing import Any

import numpy as np
import pytest

from fscompress.engine import IntegerModel
from fscompress.engine.few_lanes import FewLanesEngine, FewLanesLayout
from fscompress.engine.kernels import GATES
from fscompress.engine.step_kernels import ASKED, BEGUN, DONE, IS_SHARED, LEAVE, SHARED, gates_of_cell
from tests.helpers import cpu, noise, synthetic, tiny

SYMBOLS = np.frombuffer(noise(64), np.uint8)


def started(model: IntegerModel, lanes: int) -> tuple[FewLanesEngine, tuple[Any, ...]]:
    """An engine of so many lanes that have read some bytes, and what it exchanges with a second thread."""
    engine = FewLanesEngine(FewLanesLayout(model))
    engine.start(lanes)
    for shift in range(5):
        engine.advance(np.roll(SYMBOLS, shift)[:lanes])
    return engine, engine.step_arguments[-1]


def wait_for(mailbox: Any, place: int, number: int) -> None:
    end = time.monotonic() + 20
    while mailbox[place] != number:
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.mark.parametrize("lanes", [1, 3, 64])
@pytest.mark.parametrize("sizes", [(64, 64), (16, 24), (33, 5), (1, 1)])
def test_its_part_of_each_step(sizes: tuple[int, int], lanes: int) -> None:
    """What the first thread would compute, in its place, and nothing beside it."""
    model = synthetic(*sizes, 3)
    engine, (mailbox, asked, mine, theirs, their_tree) = started(model, lanes)
    weights, tables, _, (*_, z), scratch, *_ = engine.step_arguments
    with engine.second_thread():
        for request in range(1, 11):
            part = (request - 1) % 5
            asked[:] = np.roll(SYMBOLS, request)[:lanes]
            theirs[:] = their_tree[:] = 12345
            mailbox[ASKED] = request
            wait_for(mailbox, DONE, request)
            assert mailbox[BEGUN] == request
            if part == 4:
                assert np.array_equal(their_tree[:, 1:], engine.tree[lanes // 2 :, 1:])
                assert (theirs == 12345).all()
                continue
            gates_of_cell(part, 0, GATES, asked, lanes, weights, tables, z, scratch, mine)
            size = model.sizes[model.wiring.places[part].group]
            shared = slice(SHARED * size, GATES * size)
            assert np.array_equal(theirs[:, shared], mine[:, shared])
            assert (theirs[:, : SHARED * size] == 12345).all()
            assert (their_tree == 12345).all()


@pytest.mark.parametrize("of_trees", [False, True])
def test_an_answer_is_taken(of_trees: bool) -> None:
    """What is there is not computed again: wrong gates make wrong trees, and wrong trees are wrong."""
    engine, (mailbox, asked, _, theirs, their_tree) = started(tiny(), 3)
    norm, _ = started(tiny(), 3)
    mailbox[IS_SHARED] = 1
    mailbox[[BEGUN, DONE]] = len(tiny().cells) + 1 if of_trees else 1
    theirs[:] = their_tree[:] = 7
    engine.advance(SYMBOLS[:3])
    norm.advance(SYMBOLS[:3])
    assert mailbox[ASKED] == len(tiny().cells) + 1
    assert np.array_equal(asked, SYMBOLS[:3])
    assert np.array_equal(engine.tree[:1], norm.tree[:1]) == of_trees
    assert np.array_equal(engine.tree[1:], their_tree) == of_trees


@pytest.mark.parametrize(
    ("begun", "done"), [(0, 0), (1, 0), (3, 2), (7, 7)], ids=["away", "stopped", "stopped later", "of another request"]
)
@pytest.mark.parametrize("lanes", [1, 3])
def test_nothing_waits_for_a_thread_that_is_late(begun: int, done: int, lanes: int) -> None:
    engine, (mailbox, _, _, theirs, their_tree) = started(tiny(), lanes)
    norm, _ = started(tiny(), lanes)
    mailbox[IS_SHARED], mailbox[BEGUN], mailbox[DONE] = 1, begun, done
    theirs[:] = their_tree[:] = 7
    engine.advance(SYMBOLS[:lanes])
    norm.advance(SYMBOLS[:lanes])
    assert np.array_equal(engine.tree, norm.tree)


def test_lanes_that_have_ended_ask_for_nothing() -> None:
    engine, (mailbox, *_) = started(tiny(), 3)
    mailbox[IS_SHARED] = 1
    engine.advance(SYMBOLS[:2])
    assert mailbox[ASKED] == 0


def test_it_ends_with_its_context_and_may_begin_again() -> None:
    engine, norm, before = cpu(tiny()), cpu(tiny()), threading.active_count()
    engine.start(2)
    norm.start(2)
    for step in range(40):
        with engine.second_thread():
            assert threading.active_count() == before + 1
            for shift in range(step % 5):
                engine.advance(np.roll(SYMBOLS, shift)[:2])
                norm.advance(np.roll(SYMBOLS, shift)[:2])
        assert threading.active_count() == before
        engine.advance(SYMBOLS[:2])
        norm.advance(SYMBOLS[:2])
        assert np.array_equal(engine.tree, norm.tree)
    with pytest.raises(KeyError), engine.second_thread():
        raise KeyError
    assert threading.active_count() == before


def test_without_a_thread_the_first_one_does_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """And takes no answer that was left from another time, when requests had the same numbers."""
    engine, (mailbox, _, _, theirs, _) = started(tiny(), 3)
    mailbox[[BEGUN, DONE]], theirs[:] = 1, 7
    norm, _ = started(tiny(), 3)

    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with engine.second_thread():
        engine.advance(SYMBOLS[:3])
    norm.advance(SYMBOLS[:3])
    assert np.array_equal(engine.tree, norm.tree)


def test_an_interrupted_start_leaves_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is left behind would keep the program from ending."""
    (engine, _), start, begun = started(tiny(), 3), threading.Thread.start, []

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        begun.append(thread)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    try:
        with pytest.raises(KeyboardInterrupt), engine.second_thread():
            pytest.fail("it has not begun")
        assert not begun[0].is_alive()
    finally:
        engine.step_arguments[-1][0][ASKED] = LEAVE  # else a failure would never end
