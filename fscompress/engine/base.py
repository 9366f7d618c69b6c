"""What every engine offers, and the canary that each must pass before it codes a byte."""

import hashlib
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fscompress.engine.model_rules import ModelRule, broken_model
from fscompress.engine.spec import I32, IntegerModel

Symbols = npt.NDArray[np.uint8]


class Inference(Protocol):
    """Integer inference over S lanes in lockstep; every implementation gives the same ``tree``, compared with ==.

    After ``start`` and after each ``advance`` row s of ``tree`` (int32 [S, 512]) is lane s's sum tree: node 1 is the
    root, nodes 2n and 2n + 1 the children of n (bit 0 and bit 1), leaf 256 + v the weight of byte value v; every leaf
    is at least 1 and the root at most 2**30.  The array is overwritten by the next call.
    """

    @property
    def tree(self) -> I32:
        """See above."""

    def start(self, lanes: int) -> None:
        """Puts all lanes in the model's initial state."""

    def advance(self, symbols: Symbols) -> None:
        """Reads one byte a lane, uint8 [n], for the first n <= S lanes; the others have ended."""


class Engine(Inference, Protocol):
    """Inference for one block after another.

    Where a whole step is one kernel, ``step_arguments`` is what ``step_kernels.network_step`` takes after the
    symbols, so that other kernels can call it; it holds until the next ``start``.  Otherwise it is None.
    """

    @property
    def step_arguments(self) -> tuple[Any, ...] | None:
        """See above."""

    def second_thread(self) -> AbstractContextManager[None]:
        """While it is entered, between ``start`` and ``release``, a second thread may do a part of each step.

        It changes no value, and nothing waits for it long.
        """

    def release(self) -> None:
        """After a block: gives back buffers that may be large and are soon made again; ``start`` comes next."""


def canary_hash(engine: Inference, canary: Symbols) -> str:
    """sha256 of all trees while two lanes read the canary, the second one half of it ahead."""
    engine.start(2)
    digest = hashlib.sha256(np.ascontiguousarray(engine.tree[:2], "<i4").tobytes())
    for pair in np.stack((canary, np.roll(canary, len(canary) // 2)), axis=1):
        engine.advance(pair)
        digest.update(np.ascontiguousarray(engine.tree[:2], "<i4").tobytes())
    return digest.hexdigest()


def check_canary(engine: Inference, model: IntegerModel, name: str) -> None:
    """Raises EngineError if this engine, on this machine, does not compute what the model's maker's did."""
    if canary_hash(engine, model.canary) != model.canary_hash:
        what = f"engine '{name}': self-test with model '{model.name}' failed on this machine; try --engine reference"
        raise broken_model(ModelRule.CANARY, what)
