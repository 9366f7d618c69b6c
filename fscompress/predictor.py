"""From what a block's lanes have read to the p1 of their next bits: a network alone, or networks and mixer.

``p1(bits)`` learns the bits of the decision before and predicts the next one; encoder and decoder call it alike.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fscompress.decisions import next_decision
from fscompress.engine import Engine
from fscompress.engine.kernels import node_p1
from fscompress.lanes import active_lanes
from fscompress.mixer import Mixer

I32 = npt.NDArray[np.int32]
NO_BITS = np.zeros(0, np.int32)


class Predictor(Protocol):
    """Predicts the decisions of one block in their order: step, bit; all active lanes at once."""

    def p1(self, bits: I32 | None) -> I32:
        """Probabilities of a one, int32 [n active lanes], 1..65535 out of 2**16.

        Args:
            bits: of the decision before, int32 [its lanes], 0 or 1; None at the block's first decision.
        """


class NetworkPredictor:
    """One network, no adaptation: coding scheme 0."""

    def __init__(self, engine: Engine, n_bytes: int, lanes: int) -> None:
        self._engine, self._n_bytes, self._lanes = engine, n_bytes, lanes
        self._node, self._p1 = np.ones(lanes, np.int32), np.empty(lanes, np.int32)
        self._bit = self._step = 0
        self._active = lanes
        engine.start(lanes)

    def p1(self, bits: I32 | None) -> I32:
        """See ``Predictor.p1``; overwritten by the next call."""
        if bits is not None:
            self._learn(bits)
        n = self._active
        node_p1(self._engine.tree, self._node[:n], self._p1)
        return self._p1[:n]

    def _learn(self, bits: I32) -> None:
        node = self._node[: self._active]
        node += node + bits
        self._bit += 1
        if self._bit == 8:
            self._bit, self._step = 0, self._step + 1
            self._active = active_lanes(self._n_bytes, self._lanes, self._step)
            self._engine.advance(node[: self._active].astype(np.uint8))  # 256 + byte: the cast keeps the byte
            node[:] = 1


class MixingPredictor:
    """Networks and adaptive contexts, mixed: coding scheme 1 (docs/INTEGER.md, "Mixer")."""

    def __init__(self, engines: Sequence[Engine], mixer: Mixer) -> None:
        lanes = mixer.settings.lanes
        self._engines, self._mixer = engines, mixer
        self._trees = np.empty((len(engines), lanes, 512), np.int32)
        self._nodes = np.ones(lanes, np.int32)
        self._given = np.empty((len(engines), lanes), np.uint16)
        self._p1 = np.empty(lanes, np.uint16)
        self._bit = self._step = 0
        for engine in engines:
            engine.start(lanes)
        self._take_trees(lanes)

    def p1(self, bits: I32 | None) -> I32:
        """See ``Predictor.p1``."""
        if bits is not None:
            self._bit += 1
            if self._bit == 8:
                self._end_byte(bits)
        known = NO_BITS if bits is None else bits
        active = next_decision(*self._mixer.state, known, self._trees, self._nodes, self._given, self._p1)
        return self._p1[:active].astype(np.int32)

    def _end_byte(self, bits: I32) -> None:
        """The networks read the finished bytes; the mixer learns their last bits and predicts with the new trees."""
        self._bit, self._step = 0, self._step + 1
        n = active_lanes(self._mixer.n_bytes, self._mixer.settings.lanes, self._step)
        symbols = (2 * self._nodes[:n] + bits[:n]).astype(np.uint8)  # 256 + byte: the cast keeps the byte
        for engine in self._engines:
            engine.advance(symbols)
        self._take_trees(n)

    def _take_trees(self, n: int) -> None:
        for row, engine in zip(self._trees, self._engines, strict=True):
            row[:n] = engine.tree[:n]
