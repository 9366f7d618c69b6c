"""Counts of what was tried and what came of it."""

import threading
from collections import Counter
from enum import Enum


class Kind(Enum):
    """What may be wrong after a fault."""

    CRASH = "crashes"
    BYTES = "wrong bytes"
    HALF = "half-written files"
    LITTER = "litter"
    MESSAGE = "unclear messages or exit codes"


class WrongError(Exception):
    """A fault was not survived; says why."""

    def __init__(self, kind: Kind, why: str) -> None:
        super().__init__(f"{kind.value}: {why}")
        self.kind = kind


class SkippedError(Exception):
    """This machine does not allow the fault; says why."""


class Tally:
    """Shared by the threads that try faults."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.tried: Counter[str] = Counter()
        self.survived: Counter[str] = Counter()
        self.wrong: Counter[Kind] = Counter()
        self.skipped: dict[str, str] = {}
        self.kills = 0

    def count(self, fault: str, error: WrongError | SkippedError | None) -> None:
        """Takes the outcome of one fault."""
        with self._lock:
            if isinstance(error, SkippedError):
                self.skipped[fault] = str(error)
                return
            self.tried[fault] += 1
            self.survived[fault] += error is None
            if error:
                self.wrong[error.kind] += 1

    def count_kill(self) -> None:
        """A process was ended by kill -9 before it had ended by itself."""
        with self._lock:
            self.kills += 1

    @property
    def good(self) -> bool:
        """Whether everything was survived."""
        return self.tried.total() > 0 and not self.wrong

    def table(self) -> str:
        """One line for each fault, then one with the sums."""
        rows = [f"{name:28} {n:6} tried {self.survived[name]:6} survived" for name, n in sorted(self.tried.items())]
        rows += [f"{name:28} skipped: {why}" for name, why in sorted(self.skipped.items())]
        wrong = ", ".join(f"{kind.value} {self.wrong[kind]}" for kind in Kind)
        sums = f"inputs tried {self.tried.total()}, faults survived {self.survived.total()}, kill -9 {self.kills}"
        return "\n".join([*rows, f"{sums}, {wrong}"])
