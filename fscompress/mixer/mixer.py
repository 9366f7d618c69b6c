"""The mixer of one block: its arrays, which the kernels of a step take, and a call for whole steps of known bytes."""

import numpy as np
from numpy.typing import NDArray

from fscompress.mixer import layout as at
from fscompress.mixer.kernels import open_block, run_steps
from fscompress.mixer.priors import Priors, blank_priors
from fscompress.mixer.settings import SET_ROWS, MixerSettings
from fscompress.mixer.tables import SQUASH, SSE_NODES, SSE_STEP, STRETCH_LIMIT

Uint8s = NDArray[np.uint8]
Uint16s = NDArray[np.uint16]


def n_inputs(settings: MixerSettings) -> int:
    """Order 0, a constant, three a context, two of the match, two a network."""
    return 4 + 3 * len(settings.context_ids) + 2 * settings.n_networks


def _aligned(n: int, dtype: type) -> NDArray:  # type: ignore[type-arg]
    """Zeros [n] that begin on a 64-byte boundary."""
    size = n * np.dtype(dtype).itemsize
    raw = np.zeros(size + 64, np.uint8)
    skip = -raw.ctypes.data % 64
    return raw[skip : skip + size].view(dtype)


class Mixer:
    """Turns network probabilities into better ones, bit by bit, for the lanes of one block.

    Lane l of S holds n // S bytes, one more if l < n % S; at step t the active lanes are the first S, or, in the last
    step, the first n % S.  Coders hand ``state`` to the kernels of ``decisions.py``, which keep it up to date.

    Args:
        settings: the block's parameters.
        n_bytes: the block's length, 1..2^30.
        priors: initial state; blank by default.
    """

    def __init__(self, settings: MixerSettings, n_bytes: int, priors: Priors | None = None) -> None:
        if not 1 <= n_bytes <= 1 << 30:
            raise ValueError(f"mixer: a block holds 1..2^30 bytes (got {n_bytes})")
        self.settings, self.n_bytes = settings, n_bytes
        priors = blank_priors(settings) if priors is None else priors
        ids, lanes = settings.context_ids, settings.lanes
        width = -(-n_inputs(settings) // at.VECTOR) * at.VECTOR
        stride = -(-n_bytes // lanes) + 1
        link_log2 = min(20, max(8, n_bytes.bit_length()))
        self.shape = shape = np.zeros(at.SHAPE_SIZE, np.int64)
        shape[[at.N_BYTES, at.LANES, at.N_CHOSEN]] = n_bytes, lanes, len(ids)
        shape[[at.N_SETS, at.N_NETWORKS, at.WIDTH]] = len(settings.set_ids), settings.n_networks, width
        shape[[at.TABLE_MASK, at.SSE_MASK]] = (1 << settings.table_log2) - 1, (1 << settings.sse_log2) - 1
        shape[at.MATCHING] = settings.match
        shape[[at.LINK_LOG2, at.STRIDE]] = link_log2, stride
        shape[[at.RATE_FLOOR, at.RATE_START]] = 4 * settings.rate, priors.rate_start
        shape[at.CHOSEN_IDS : at.CHOSEN_IDS + len(ids)] = ids
        shape[at.SET_IDS : at.SET_IDS + len(settings.set_ids)] = settings.set_ids
        self.slots = _aligned(16 << settings.table_log2, np.uint32)
        self.maps = self._build_maps(priors)
        self.weights = self._build_weights(priors, width)
        self.lanes = np.zeros((lanes, (at.CONTEXTS + at.N_CONTEXT_BLOCKS * len(ids) + 7) // 8 * 8), np.int64)
        self.inputs = _aligned(lanes * (width + at.VECTOR), np.int32).reshape(lanes, width + at.VECTOR)
        self.history = np.zeros(lanes * stride + 8, np.uint8)
        self.links = np.zeros((1 << link_log2) + 256 + 65536, np.int32)
        self.state = (
            self.shape,
            self.slots,
            self.maps,
            self.weights,
            self.lanes,
            self.inputs,
            self.history,
            self.links,
        )
        open_block(shape, self.slots, self.lanes, self.history)

    def _build_maps(self, priors: Priors) -> NDArray[np.uint32]:
        shape = self.shape
        n_sse = SSE_NODES << self.settings.sse_log2 if self.settings.sse_log2 else 0
        shape[at.MATCH_MAPS] = at.MAPS_A_CONTEXT * shape[at.N_CHOSEN]
        shape[at.NODE_MAPS] = shape[at.MATCH_MAPS] + at.N_MATCH_MAPS
        shape[at.SSE1_MAPS] = shape[at.NODE_MAPS] + 256
        shape[at.SSE2_MAPS] = shape[at.SSE1_MAPS] + n_sse
        maps = _aligned(int(shape[at.SSE2_MAPS]) + n_sse, np.uint32)
        maps[: shape[at.MATCH_MAPS]] = priors.context_maps.reshape(-1)
        maps[shape[at.MATCH_MAPS] : shape[at.NODE_MAPS]] = priors.match_maps
        maps[shape[at.NODE_MAPS] : shape[at.SSE1_MAPS]] = priors.node_slots
        steps = (np.arange(SSE_NODES) * SSE_STEP - 2848).clip(-STRETCH_LIMIT, STRETCH_LIMIT)
        nodes = SQUASH[steps + STRETCH_LIMIT].astype(np.uint32) << np.uint32(16)
        maps[shape[at.SSE1_MAPS] :].reshape(-1, SSE_NODES)[:] = nodes
        return maps

    def _build_weights(self, priors: Priors, width: int) -> NDArray[np.int32]:
        offset = 0
        for number in self.settings.set_ids:
            self.shape[at.SET_OFFSETS + number] = offset
            offset += SET_ROWS[number] * width
        self.shape[at.FINAL_WEIGHTS] = offset
        weights = _aligned(offset + 256 * at.FINAL_WIDTH, np.int32)
        for number in self.settings.set_ids:
            start = self.shape[at.SET_OFFSETS + number]
            rows = weights[start : start + SET_ROWS[number] * width].reshape(-1, width)
            rows[:, : n_inputs(self.settings)] = priors.set_rows[number]
        weights[offset:].reshape(256, -1)[:, : len(self.settings.set_ids)] = priors.final_rows
        return weights

    @property
    def n_active(self) -> int:
        """Lanes of the step to come."""
        lanes, left = self.settings.lanes, self.n_bytes - int(self.shape[at.STEP]) * self.settings.lanes
        return max(0, min(lanes, left))

    def run_steps(self, data: Uint8s, networks: Uint16s | None = None) -> Uint16s:
        """Predicts and learns whole steps of known bytes.

        Args:
            data: uint8 [T, n_active]; the number of active lanes is the same in all T steps.
            networks: uint16 [T, 8, n_networks, n_active]; None without networks.

        Returns:
            p1 uint16 [T, 8, n_active].
        """
        steps, n = data.shape
        if self.shape[at.BIT] or n != self.n_active:
            raise ValueError("mixer: run_steps needs whole steps of all active lanes")
        if networks is None:
            networks = np.zeros((steps, 8, 0, n), np.uint16)
        if networks.shape != (steps, 8, self.settings.n_networks, n):
            raise ValueError(f"mixer: networks do not fit (got {networks.shape})")
        p1 = np.empty((steps, 8, n), np.uint16)
        scratch = np.empty(n, np.uint8), np.empty((self.settings.n_networks, n), np.uint16), np.empty(n, np.uint16)
        run_steps(*self.state, data, networks, p1, *scratch)
        return p1
