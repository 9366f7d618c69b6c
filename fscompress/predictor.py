"""From what a block's lanes have read to the p1 of their next bytes' bits: a network alone, or networks and mixer.

A step is one byte of each active lane.  Where the bytes are known, networks speak first, of a run of steps, and then
the mixer, perhaps in another thread; ``decode`` reads the bytes, and so both take turns.  Both ways give the same p1.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fscompress.coder import BinaryDecoder
from fscompress.decisions import network_run, read_path, read_run, read_step
from fscompress.engine import Engine
from fscompress.engine.kernels import path_p1
from fscompress.lanes import U8
from fscompress.mixer import Mixer

U16 = npt.NDArray[np.uint16]


class Predictor(Protocol):
    """The steps of one block in their order, in runs of T steps that have the same n active lanes."""

    def network_p1(self, rows: U8) -> U16:
        """What K networks say of the steps with the bytes ``rows`` uint8 [T, n], which they read: [T, 8, K, n]."""

    def mixed_p1(self, rows: U8, networks: U16) -> U16:
        """What is coded: p1 uint16 [T, 8, n], 1..65535 out of 2**16, from what ``network_p1`` gave for these steps.

        It may run beside the ``network_p1`` of later steps.
        """

    def decode(self, decoder: BinaryDecoder, rows: U8) -> None:
        """Reads the steps' bytes from ``decoder`` into ``rows`` uint8 [T, n]."""

    def second_thread(self) -> AbstractContextManager[None]:
        """See ``Engine.second_thread``."""


class NetworkPredictor:
    """One network, no adaptation: coding scheme 0."""

    def __init__(self, engine: Engine, n_bytes: int, lanes: int) -> None:
        self._engine, self._left = engine, n_bytes
        self._nodes = np.empty(lanes, np.int32)
        engine.start(lanes)

    def network_p1(self, rows: U8) -> U16:
        """See ``Predictor.network_p1``."""
        p1 = known_p1(self._engine, rows, self._left)
        self._left -= rows.size
        return p1[:, :, None]

    def mixed_p1(self, rows: U8, networks: U16) -> U16:
        """See ``Predictor.mixed_p1``."""
        return networks[:, :, 0]

    def decode(self, decoder: BinaryDecoder, rows: U8) -> None:
        """See ``Predictor.decode``."""
        for symbols in rows:
            read_path(self._engine.tree, decoder.state, decoder.words, symbols, self._nodes)
            self._left = advance([self._engine], symbols, self._left)

    def second_thread(self) -> AbstractContextManager[None]:
        """See ``Predictor.second_thread``."""
        return self._engine.second_thread()


class MixingPredictor:
    """Networks and adaptive contexts, mixed: coding scheme 1 (docs/INTEGER.md, "Mixer")."""

    def __init__(self, engines: Sequence[Engine], mixer: Mixer) -> None:
        lanes = mixer.settings.lanes
        self._engines, self._mixer, self._left = engines, mixer, mixer.n_bytes
        self._scratch = (
            np.empty((len(engines), lanes), np.uint16),
            np.empty(lanes, np.uint8),
            np.empty(lanes, np.uint16),
        )
        for engine in engines:
            engine.start(lanes)
        self._network = engines[0].step_arguments if len(engines) == 1 else None
        if self._network is None:
            self._trees = np.stack([engine.tree for engine in engines])
        else:
            self._trees = engines[0].tree[None]  # which the kernels overwrite in place

    def network_p1(self, rows: U8) -> U16:
        """See ``Predictor.network_p1``."""
        p1 = np.stack([known_p1(engine, rows, self._left) for engine in self._engines], axis=2)
        self._left -= rows.size
        return p1

    def mixed_p1(self, rows: U8, networks: U16) -> U16:
        """See ``Predictor.mixed_p1``."""
        return self._mixer.run_steps(rows, networks)

    def decode(self, decoder: BinaryDecoder, rows: U8) -> None:
        """See ``Predictor.decode``."""
        coded = decoder.state, decoder.words
        if self._network is not None:  # one kernel call does it
            read_run(self._mixer.state, self._network, self._trees, *coded, rows, self._left, *self._scratch)
            self._left -= rows.size
            return
        for symbols in rows:
            read_step(*self._mixer.state, self._trees, *coded, symbols, *self._scratch)
            self._end_step(symbols)

    def second_thread(self) -> AbstractContextManager[None]:
        """See ``Predictor.second_thread``; several networks, which take turns, have no use for it."""
        return self._engines[0].second_thread() if len(self._engines) == 1 else nullcontext()

    def _end_step(self, symbols: U8) -> None:
        self._left = advance(self._engines, symbols, self._left)
        n = min(len(symbols), self._left)
        for row, engine in zip(self._trees, self._engines, strict=True):
            row[:n] = engine.tree[:n]


def known_p1(engine: Engine, rows: U8, left: int) -> U16:
    """p1 uint16 [T, 8, n] that a network gives the bytes ``rows`` uint8 [T, n], which it reads.

    Args:
        left: bytes that the block still has: a lane's last one is read by no network.
    """
    p1, network = np.empty((len(rows), 8, rows.shape[1]), np.uint16), engine.step_arguments
    if network is not None:  # one kernel call does it
        network_run(network, engine.tree, rows, left, p1)
        return p1
    for symbols, said in zip(rows, p1, strict=True):
        path_p1(engine.tree, symbols, said)
        left = advance([engine], symbols, left)
    return p1


def advance(engines: Sequence[Engine], symbols: U8, left: int) -> int:
    """Lets the networks read the finished bytes of those lanes that go on; returns how many bytes are still to come."""
    left -= len(symbols)
    going_on = symbols[: min(len(symbols), left)]
    if len(going_on):
        for engine in engines:
            engine.advance(going_on)
    return left
