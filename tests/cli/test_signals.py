"""What a signal does while training runs; tests/cli/test_processes.py has what it does to the other commands."""

import os
import signal
from collections.abc import Iterator

import pytest

from fscompress.cli.signals import stop_flag
from tests.conftest import hear_signals


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Signals as in a terminal, wherever the tests run."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)}
    hear_signals()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("first", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_only_ctrl_c_after_a_signal_interrupts_before_all_is_saved(first: signal.Signals) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with stop_flag() as received:
        for number in (first, signal.SIGHUP, signal.SIGTERM):
            os.kill(os.getpid(), number)
        assert received == [first, signal.SIGHUP, signal.SIGTERM]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before
