"""What a second thread does for a step, when that is used, and that nothing depends on it."""

import threading
import time
from typing import Any

import numpy as np
import pytest

from fscompress.engine import IntegerModel
from fscompress.engine.few_lanes import FewLanesEngine, FewLanesLayout
from fscompress.engine.kernels import GATES
from fscompress.engine.step_kernels import ASKED, BEGUN, DONE, FROM_GATE, SHARED, gates_of_cell
from tests.helpers import cpu, noise, synthetic, tiny

SYMBOLS = np.frombuffer(noise(64), np.uint8)


def started(model: IntegerModel, lanes: int) -> tuple[FewLanesEngine, Any, Any, Any, Any]:
    """An engine of so many lanes that have read some bytes, and what it exchanges with a second thread."""
    engine = FewLanesEngine(FewLanesLayout(model))
    engine.start(lanes)
    for shift in range(5):
        engine.advance(np.roll(SYMBOLS, shift)[:lanes])
    return engine, *engine.step_arguments[-1]


def wait_for(mailbox: Any, place: int, number: int) -> None:
    end = time.monotonic() + 20
    while mailbox[place] != number:
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.mark.parametrize("lanes", [1, 3, 64])
@pytest.mark.parametrize("sizes", [(64, 64), (16, 24), (33, 5), (1, 1)])
def test_two_gates_of_each_cell(sizes: tuple[int, int], lanes: int) -> None:
    """Those that the first thread would compute, in their columns, and nothing beside them."""
    model = synthetic(*sizes, 3)
    engine, mailbox, asked, mine, theirs = started(model, lanes)
    weights, tables, _, states, scratch, *_ = engine.step_arguments
    theirs[:] = 12345
    with engine.second_thread():
        for request in range(1, 9):
            i = (request - 1) % 4
            asked[:] = np.roll(SYMBOLS, request)[:lanes]
            size = model.sizes[model.wiring.places[i].group]
            mailbox[ASKED] = request
            wait_for(mailbox, DONE, request)
            gates_of_cell(i, 0, GATES, asked, lanes, weights, tables, states[4], scratch, mine)
            shared = slice(SHARED * size, GATES * size)
            assert np.array_equal(theirs[:, shared], mine[:, shared])
            assert (theirs[:, : SHARED * size] == 12345).all()
            assert mailbox[BEGUN] == request
            theirs[:] = 12345


def test_an_answer_is_taken() -> None:
    """Gates that are there are not computed again: wrong ones make wrong trees."""
    engine, mailbox, asked, _, theirs = started(tiny(), 2)
    norm = started(tiny(), 2)[0]
    mailbox[FROM_GATE] = SHARED
    mailbox[[BEGUN, DONE]] = 1  # the first cell's
    theirs[:] = 0
    engine.advance(SYMBOLS[:2])
    norm.advance(SYMBOLS[:2])
    assert mailbox[ASKED] == len(tiny().cells)
    assert np.array_equal(asked, SYMBOLS[:2])
    assert not np.array_equal(engine.tree, norm.tree)


@pytest.mark.parametrize(
    ("begun", "done"), [(0, 0), (1, 0), (3, 2), (7, 7)], ids=["away", "stopped", "stopped later", "of another request"]
)
def test_nothing_waits_for_a_thread_that_is_late(begun: int, done: int) -> None:
    engine, mailbox, _, _, theirs = started(tiny(), 2)
    norm = started(tiny(), 2)[0]
    mailbox[FROM_GATE], mailbox[BEGUN], mailbox[DONE] = SHARED, begun, done
    theirs[:] = 0
    engine.advance(SYMBOLS[:2])
    norm.advance(SYMBOLS[:2])
    assert np.array_equal(engine.tree, norm.tree)


def test_lanes_that_have_ended_ask_for_nothing() -> None:
    engine, mailbox, *_ = started(tiny(), 3)
    mailbox[FROM_GATE] = SHARED
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
