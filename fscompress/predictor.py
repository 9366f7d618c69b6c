"""From what a block's lanes have read to the p1 of their next bytes' bits: a network alone, or networks and mixer.

A step is one byte of each active lane.  ``predict`` gives probabilities when the bytes are known, ``decode`` reads the
bytes; both run the same kernels and leave the same state.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fscompress.coder import BinaryDecoder
from fscompress.decisions import predict_run, predict_step, read_path, read_run, read_step
from fscompress.engine import Engine
from fscompress.engine.kernels import path_p1
from fscompress.lanes import U8
from fscompress.mixer import Mixer

U16 = npt.NDArray[np.uint16]


class Predictor(Protocol):
    """The steps of one block in their order, in runs of T steps that have the same n active lanes."""

    def predict(self, rows: U8, p1: U16) -> None:
        """Writes p1 uint16 [T, 8, n], 1..65535 out of 2**16, of the steps with the bytes ``rows`` uint8 [T, n]."""

    def decode(self, decoder: BinaryDecoder, rows: U8) -> None:
        """Reads the steps' bytes from ``decoder`` into ``rows`` uint8 [T, n]."""


class NetworkPredictor:
    """One network, no adaptation: coding scheme 0."""

    def __init__(self, engine: Engine, n_bytes: int, lanes: int) -> None:
        self._engine, self._left = engine, n_bytes
        self._nodes = np.empty(lanes, np.int32)
        engine.start(lanes)

    def predict(self, rows: U8, p1: U16) -> None:
        """See ``Predictor.predict``."""
        for symbols, said in zip(rows, p1, strict=True):
            path_p1(self._engine.tree, symbols, said)
            self._left = advance([self._engine], symbols, self._left)

    def decode(self, decoder: BinaryDecoder, rows: U8) -> None:
        """See ``Predictor.decode``."""
        for symbols in rows:
            read_path(self._engine.tree, decoder.state, decoder.words, symbols, self._nodes)
            self._left = advance([self._engine], symbols, self._left)


class MixingPredictor:
    """Networks and adaptive contexts, mixed: coding scheme 1 (docs/INTEGER.md, "Mixer")."""

    def __init__(self, engines: Sequence[Engine], mixer: Mixer) -> None:
        lanes = mixer.settings.lanes
        self._engines, self._mixer, self._left = engines, mixer, mixer.n_bytes
        self._given, self._p1 = np.empty((len(engines), lanes), np.uint16), np.empty(lanes, np.uint16)
        self._bits = np.empty(lanes, np.uint8)
        for engine in engines:
            engine.start(lanes)
        self._network = engines[0].step_arguments if len(engines) == 1 else None
        if self._network is None:
            self._trees = np.stack([engine.tree for engine in engines])
        else:
            self._trees = engines[0].tree[None]  # which the kernels overwrite in place

    def predict(self, rows: U8, p1: U16) -> None:
        """See ``Predictor.predict``."""
        scratch = self._given, self._bits
        if self._network is not None:  # one kernel call does it
            predict_run(self._mixer.state, self._network, self._trees, rows, self._left, *scratch, p1)
            self._left -= rows.size
            return
        for symbols, said in zip(rows, p1, strict=True):
            predict_step(*self._mixer.state, self._trees, symbols, *scratch, said)
            self._end_step(symbols)

    def decode(self, decoder: BinaryDecoder, rows: U8) -> None:
        """See ``Predictor.decode``."""
        coded, scratch = (decoder.state, decoder.words), (self._given, self._bits, self._p1)
        if self._network is not None:  # one kernel call does it
            read_run(self._mixer.state, self._network, self._trees, *coded, rows, self._left, *scratch)
            self._left -= rows.size
            return
        for symbols in rows:
            read_step(*self._mixer.state, self._trees, *coded, symbols, *scratch)
            self._end_step(symbols)

    def _end_step(self, symbols: U8) -> None:
        self._left = advance(self._engines, symbols, self._left)
        if self._network is None:
            n = min(len(symbols), self._left)
            for row, engine in zip(self._trees, self._engines, strict=True):
                row[:n] = engine.tree[:n]


def advance(engines: Sequence[Engine], symbols: U8, left: int) -> int:
    """Lets the networks read the finished bytes of those lanes that go on; returns how many bytes are still to come."""
    left -= len(symbols)
    going_on = symbols[: min(len(symbols), left)]
    if len(going_on):
        for engine in engines:
            engine.advance(going_on)
    return left
