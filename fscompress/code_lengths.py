"""The decisions of a block whose bytes are known, what network and mixer say of them, and what they cost to code.

Nothing is coded: costs are ideal code lengths.  Guarded by ``tests/test_code_lengths.py``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fscompress.engine import Engine
from fscompress.engine.spec import I32
from fscompress.lanes import U8, active_lanes, to_rows
from fscompress.mixer import Mixer, MixerSettings, priors_of
from fscompress.predictor import U16, NetworkPredictor

ONE = 1 << 16  # the unit of p1

F64 = npt.NDArray[np.float64]
Look = Callable[[I32], None]  # at the network's trees int32 [A, 512] before each step


def _unseen(_trees: I32) -> None:
    """Looks at nothing."""


@dataclass(frozen=True)
class Steps:
    """T steps with the same A active lanes: ``data`` uint8 [T, A], ``network`` p1 uint16 [T, 8, 1, A]."""

    data: U8
    network: U16

    @property
    def bits(self) -> U8:
        """uint8 [T, 8, A], most significant bit first."""
        return np.unpackbits(self.data[:, None], axis=1)


def decisions(plain: bytes, lanes: int, engine: Engine, look: Look = _unseen) -> list[Steps]:
    """What the network says of a block: its whole steps, then a shorter last one where lanes are not all equal."""
    rows, whole = to_rows(plain, lanes), len(plain) // lanes
    network, p1 = NetworkPredictor(engine, len(plain), lanes), np.empty((len(rows), 8, 1, lanes), np.uint16)
    for t, row in enumerate(rows):
        n = active_lanes(len(plain), lanes, t)
        look(engine.tree[:n])
        p1[t, :, :, :n] = network.network_p1(row[None, :n])[0]
    rest = len(plain) % lanes
    parts = [(rows[:whole], p1[:whole]), (rows[whole:, :rest], p1[whole:, ..., :rest])]
    return [Steps(np.ascontiguousarray(data), np.ascontiguousarray(said)) for data, said in parts if data.size]


def mixed_p1(settings: MixerSettings, parts: list[Steps]) -> list[U16]:
    """p1 uint16 [T, 8, A] of a mixer with these settings, for each part of one block."""
    mixer = Mixer(settings, sum(part.data.size for part in parts), priors_of(settings))
    return [mixer.run_steps(part.data, part.network if settings.n_networks else None) for part in parts]


def coded_p1(settings: MixerSettings | None, parts: list[Steps]) -> list[U16]:
    """p1 uint16 [T, 8, A] that are coded, for each part of one block: the mixer's, or without one the network's."""
    return mixed_p1(settings, parts) if settings else [part.network[:, :, 0] for part in parts]


def byte_bits(part: Steps, p1: U16) -> F64:
    """Ideal code length in bits of each byte, float64 [T, A], at p1 (uint16 [T, 8, A], 1..65535)."""
    taken = np.where(part.bits, p1, ONE - p1.astype(np.int32))
    bits: F64 = 16 * taken.shape[1] - np.log2(taken).sum(axis=1)
    return bits


def file_order(parts: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """[n, ...] in the order of a block's n bytes, from an array [T, A, ...] for each of its parts."""
    lanes = parts[0].shape[1]
    return np.concatenate([part[:, lane] for lane in range(lanes) for part in parts if lane < part.shape[1]])


def cost(part: Steps, p1: U16) -> float:
    """Ideal code length in bytes of the part's decisions at p1 (uint16 [T, 8, A], 1..65535)."""
    return float(byte_bits(part, p1).sum()) / 8


def network_cost(parts: list[Steps]) -> float:
    """Ideal bytes of the network alone."""
    return sum(cost(part, part.network[:, :, 0]) for part in parts)


def mixed_cost(settings: MixerSettings, parts: list[Steps]) -> float:
    """Ideal bytes with a mixer of these settings."""
    return sum(cost(part, p1) for part, p1 in zip(parts, mixed_p1(settings, parts), strict=True))
