"""Signals: whatever ends the program, it cleans up first; training goes on to the end of its step and saves."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from fscompress.errors import EXIT_HUNG_UP, EXIT_TERMINATED

_ENDING = {signal.SIGTERM: EXIT_TERMINATED}
if hasattr(signal, "SIGHUP"):  # Windows has none
    _ENDING[signal.SIGHUP] = EXIT_HUNG_UP


class Interruption(KeyboardInterrupt):
    """Ctrl-C, as a class of its own.

    Where KeyboardInterrupt itself passes through code that a library has made from a string, Python remembers that and
    ends by the signal, whatever exit code the program gives later.
    """


def handle_signals() -> None:
    """Makes exceptions of them, so that temporary files are removed on the way out; what is ignored stays ignored."""
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as SIGHUP is below nohup
            signal.signal(number, _terminate)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell's background job ignores it
        signal.signal(signal.SIGINT, _interrupt)


@contextmanager
def stop_flag() -> Iterator[list[int]]:
    """A list that receives the numbers of signals that would end the program; Ctrl-C after one interrupts at once.

    Others may come twice for one reason: the shell of a terminal that is closed and the system both send SIGHUP.
    """
    received: list[int] = []

    def note(number: int, _frame: Any) -> None:
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *_ENDING)}
    noted = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in noted:
        signal.signal(number, note)
    try:
        yield received
    finally:
        for number in noted:
            signal.signal(number, before[number])


def _terminate(number: int, _frame: object) -> NoReturn:
    raise SystemExit(_ENDING[signal.Signals(number)])


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise Interruption
