"""From what a block's lanes have read to the p1 of their next bytes' bits: a network alone, or networks and mixer.

A step is one byte of each active lane.  ``predict`` gives its probabilities when the bytes are known, ``decode`` reads
the bytes; both run the same kernels and leave the same state.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fscompress.coder import BinaryDecoder
from fscompress.decisions import predict_step, read_path, read_step
from fscompress.engine import Engine
from fscompress.engine.kernels import path_p1
from fscompress.lanes import U8
from fscompress.mixer import Mixer

U16 = npt.NDArray[np.uint16]


class Predictor(Protocol):
    """The steps of one block in their order; in each call n is the number of active lanes."""

    def predict(self, symbols: U8, p1: U16) -> None:
        """Writes p1 uint16 [8, n], 1..65535 out of 2**16, of the step with the bytes ``symbols`` uint8 [n]."""

    def decode(self, decoder: BinaryDecoder, symbols: U8) -> None:
        """Reads the step's bytes from ``decoder`` into ``symbols`` uint8 [n]."""


class NetworkPredictor:
    """One network, no adaptation: coding scheme 0."""

    def __init__(self, engine: Engine, n_bytes: int, lanes: int) -> None:
        self._engine, self._left = engine, n_bytes
        self._nodes = np.empty(lanes, np.int32)
        engine.start(lanes)

    def predict(self, symbols: U8, p1: U16) -> None:
        """See ``Predictor.predict``."""
        path_p1(self._engine.tree, symbols, p1)
        self._left = advance([self._engine], symbols, self._left)

    def decode(self, decoder: BinaryDecoder, symbols: U8) -> None:
        """See ``Predictor.decode``."""
        read_path(self._engine.tree, decoder.state, decoder.words, symbols, self._nodes)
        self._left = advance([self._engine], symbols, self._left)


class MixingPredictor:
    """Networks and adaptive contexts, mixed: coding scheme 1 (docs/INTEGER.md, "Mixer")."""

    def __init__(self, engines: Sequence[Engine], mixer: Mixer) -> None:
        lanes = mixer.settings.lanes
        self._engines, self._mixer, self._left = engines, mixer, mixer.n_bytes
        self._trees = np.empty((len(engines), lanes, 512), np.int32)
        self._given, self._p1 = np.empty((len(engines), lanes), np.uint16), np.empty(lanes, np.uint16)
        self._bits = np.empty(lanes, np.uint8)
        for engine in engines:
            engine.start(lanes)
        self._take_trees(lanes)

    def predict(self, symbols: U8, p1: U16) -> None:
        """See ``Predictor.predict``."""
        predict_step(*self._mixer.state, self._trees, symbols, self._given, self._bits, p1)
        self._end_step(symbols)

    def decode(self, decoder: BinaryDecoder, symbols: U8) -> None:
        """See ``Predictor.decode``."""
        coded = decoder.state, decoder.words
        read_step(*self._mixer.state, self._trees, *coded, symbols, self._given, self._bits, self._p1)
        self._end_step(symbols)

    def _end_step(self, symbols: U8) -> None:
        self._left = advance(self._engines, symbols, self._left)
        self._take_trees(min(len(symbols), self._left))

    def _take_trees(self, n: int) -> None:
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
