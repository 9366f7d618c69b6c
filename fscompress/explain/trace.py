"""What each byte of a text costs at a level, what the network expected, and which input of the mixer knew it best."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np
import numpy.typing as npt

from fscompress.blocks import Progress, silent
from fscompress.code_lengths import F64, Steps, byte_bits, decisions, file_order
from fscompress.engine import Engine
from fscompress.engine.spec import I32, I64
from fscompress.explain.kernels import weigh_steps
from fscompress.lanes import U8
from fscompress.levels import Level, plan
from fscompress.mixer import Mixer, MixerSettings, priors_of
from fscompress.mixer.names import CONTEXTS
from fscompress.planned import blocks
from fscompress.predictor import U16

TOP = 5  # bytes that the network expects most
BIT_OF_EVIDENCE = log(2) * (1 << 28)  # a weight's 20 fraction bits times the 8 of an input, which is in nats of odds
N_FIXED = 3  # inputs beside contexts and networks: order 0, a constant, the match model
RUN_STEPS = 4096
NETWORK, NOBODY = "network", "none of them"


@dataclass(frozen=True)
class Trace:
    """Of n bytes, in their order.

    Args:
        data: the bytes.
        bits: float64 [n], ideal code length at the level.
        network_bits: float64 [n], the same with the network alone.
        names: of the inputs that can win; the last is ``NOBODY``, where all (others) spoke against the byte.
        winners: uint8 [n, 2], index into ``names``: the inputs with most evidence for the byte, the strongest first.
        evidence: float64 [inputs], mean evidence in bits of each of ``names`` but the last, negative if against; zero
            without a mixer.
        top: uint8 [n, TOP], the bytes that the network expected most, the likeliest first.
        top_p: float64 [n, TOP], their probabilities.
    """

    data: bytes
    bits: F64
    network_bits: F64
    names: tuple[str, ...]
    winners: U8
    evidence: F64
    top: U8
    top_p: F64


def trace(data: bytes, chosen: Level, engine: Engine, progress: Progress = silent) -> Trace:
    """The trace of ``data`` (not empty), cut into blocks and lanes as an encoder of that level cuts it.

    The evidence of an input is the sum of its terms of the mixed stretch, over both layers of weights and the byte's
    eight decisions, with the sign that favours the bit that came.  Clipping and the SSE stages are left aside.
    """
    names = _names(chosen, len(data))
    columns = zip(*(_block(plain, chosen, engine, progress) for plain in blocks(data, chosen)), strict=True)
    bits, network_bits, winners, evidence, top, top_p = (np.concatenate(column) for column in columns)
    return Trace(data, bits, network_bits, names, winners, evidence.sum(axis=0) / len(data), top, top_p)


def _names(chosen: Level, n_bytes: int) -> tuple[str, ...]:
    """Of the groups of inputs in their order (docs/INTEGER.md, "Mixer"); they are those of any block."""
    settings = plan(chosen, n_bytes, 1).mixer_settings
    if settings is None:
        return NETWORK, NOBODY
    contexts = (CONTEXTS[i] for i in settings.context_ids)
    return "order 0", "constant", *contexts, "match", NETWORK, NOBODY


def _block(plain: bytes, chosen: Level, engine: Engine, progress: Progress) -> tuple[npt.NDArray[Any], ...]:
    """Of one block, by byte: bits, the network's bits, winners; evidence summed [1, inputs]; by byte top and top_p."""
    planned = plan(chosen, len(plain), 1)
    expected = _Expected(progress)
    parts = decisions(plain, planned.lanes, engine, expected.look)
    network_bits = file_order([byte_bits(part, part.network[:, :, 0]) for part in parts])
    top, top_p = expected.in_order(parts)
    if planned.mixer_settings is None:
        only = np.tile(np.array([0, 1], np.uint8), (len(plain), 1))
        return network_bits, network_bits, only, np.zeros((1, 1)), top, top_p
    bits, winners, evidence = _weigh(planned.mixer_settings, parts)
    return bits, network_bits, winners, evidence, top, top_p


def _weigh(settings: MixerSettings, parts: list[Steps]) -> tuple[F64, U8, F64]:
    """Bits [n] and winners [n, 2] of a block's bytes in order; evidence in bits, summed [1, inputs]."""
    mixer = Mixer(settings, sum(part.data.size for part in parts), priors_of(settings))
    bits, winners, total = [], [], np.zeros(N_FIXED + len(settings.context_ids) + settings.n_networks)
    for part in parts:
        for t in range(0, len(part.data), RUN_STEPS):  # the evidence of all steps together could fill the memory
            run = Steps(part.data[t : t + RUN_STEPS], part.network[t : t + RUN_STEPS])
            p1, evidence = weigh(mixer, run)
            bits.append(byte_bits(run, p1))
            winners.append(_strongest(evidence))
            total += evidence.sum(axis=(0, 1), dtype=np.float64) / BIT_OF_EVIDENCE
    return file_order(bits), file_order(winners), total[None]


def _strongest(evidence: I64) -> U8:
    """uint8 [T, A, 2]: the two inputs of int64 [T, A, inputs] that spoke most for each byte."""
    order = np.argsort(-evidence, axis=2, kind="stable")[..., :2]
    spoken = np.take_along_axis(evidence, order, axis=2) > 0
    return np.where(spoken, order, evidence.shape[2]).astype(np.uint8)


def weigh(mixer: Mixer, part: Steps) -> tuple[U16, I64]:
    """p1 uint16 [T, 8, A], and int64 [T, A, inputs] the evidence of each for the byte that came."""
    steps, n = part.data.shape
    n_networks = mixer.settings.n_networks
    p1 = np.empty((steps, 8, n), np.uint16)
    evidence = np.zeros((steps, n, N_FIXED + len(mixer.settings.context_ids) + n_networks), np.int64)
    scratch = np.empty(n, np.uint8), np.empty((n_networks, n), np.uint16), np.empty(n, np.uint16)
    weigh_steps(mixer.state, part.data, part.network, p1, evidence, *scratch)
    return p1, evidence


class _Expected:
    """Remembers the likeliest bytes of every step."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._top: list[U8] = []
        self._top_p: list[F64] = []

    def look(self, trees: I32) -> None:
        """At sum trees int32 [A, 512]."""
        weights = trees[:, 256:]
        top = np.argsort(-weights, axis=1, kind="stable")[:, :TOP]
        self._top.append(top.astype(np.uint8))
        self._top_p.append(np.take_along_axis(weights, top, axis=1) / trees[:, 1:2])
        self._progress(len(trees))

    def in_order(self, parts: list[Steps]) -> Iterator[npt.NDArray[Any]]:
        """uint8 and float64 [n, TOP] in the order of the block's bytes."""
        ends = np.cumsum([len(part.data) for part in parts])
        for seen in (self._top, self._top_p):
            starts = [0, *ends[:-1]]
            yield file_order([np.stack(seen[start:end]) for start, end in zip(starts, ends, strict=True)])
