"""The state a mixer starts from: blank, or learned offline."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from fscompress.mixer.layout import MAPS_A_CONTEXT, N_MATCH_MAPS
from fscompress.mixer.settings import BLANK_PRIORS, N_CONTEXTS, SET_ROWS, MixerSettings
from fscompress.mixer.tables import history_probability

STORED = Path(__file__).parent / "priors.safetensors"
MAP_COUNT = 30  # a stored map counts as seen so often
NODE_COUNT = 6
BLANK_START, TRAINED_START = 1600, 600


@dataclass(frozen=True)
class Priors:
    """Initial arrays, for one choice of contexts, sets and number of networks.

    ``context_maps`` uint32 [n_contexts, 1024], ``match_maps`` uint32 [32] (probability << 10 | count);
    ``node_slots`` uint32 [256] (slot format); ``set_rows`` number -> int32 [rows or 1, n_inputs], 20 fraction bits;
    ``final_rows`` int32 [256 or 1, n_sets]; ``rate_start`` is what the learning rate of
    the sets has beyond its floor at first.
    """

    context_maps: NDArray[np.uint32]
    match_maps: NDArray[np.uint32]
    node_slots: NDArray[np.uint32]
    set_rows: dict[int, NDArray[np.int32]]
    final_rows: NDArray[np.int32]
    rate_start: int = BLANK_START


def blank_priors(settings: MixerSettings) -> Priors:
    """Priors that know no data: registers counted, equal weights."""
    n_contexts, n_sets = len(settings.context_ids), len(settings.set_ids)
    one = 1 << 20
    guesses = np.array([history_probability(max(h, 1)) for h in range(256)], dtype=np.uint32) << np.uint32(16)
    lengths = np.arange(N_MATCH_MAPS)
    sure = np.where(lengths < 24, 65536 - 65536 // (lengths + 2), 32768).astype(np.uint32) << np.uint32(16)
    row = np.zeros((1, 4 + 3 * n_contexts + 2 * settings.n_networks), np.int32)
    share = one * 2 // (2 + n_contexts * 2)
    for k in range(n_contexts):
        row[0, 2 + 3 * k : 4 + 3 * k] = min(share, one // 8)
    row[0, 2 + 3 * n_contexts] = one // 5
    row[0, 4 + 3 * n_contexts :: 2] = one * 2 // 5 // max(1, settings.n_networks)
    return Priors(
        context_maps=np.tile(guesses, (n_contexts, MAPS_A_CONTEXT // 256)),
        match_maps=sure,
        node_slots=np.full(256, 131072 << 14 | 1, dtype=np.uint32),
        set_rows=dict.fromkeys(range(len(SET_ROWS)), row),
        final_rows=np.full((1, n_sets), one // n_sets, dtype=np.int32),
    )


@cache
def _load(path: Path) -> dict[str, NDArray[Any]]:
    return load_file(path)


def priors_of(settings: MixerSettings) -> Priors:
    """The initial state that ``settings`` ask for."""
    return blank_priors(settings) if settings.priors == BLANK_PRIORS else stored_priors(settings)


def stored_priors(settings: MixerSettings, path: Path = STORED) -> Priors:
    """The priors of ``settings`` from the file that ``export/priors.py`` wrote.

    Maps are stored as uint16 probabilities, weights as int16 with 12 fraction bits for all contexts and one network:
    columns of contexts not chosen are left out, several networks share theirs.
    """
    blank, stored = blank_priors(settings), _load(path)
    ids = np.array(settings.context_ids)
    maps = stored["context_maps"][ids].astype(np.uint32) << np.uint32(16) | np.uint32(MAP_COUNT)
    match = stored["match_maps"].astype(np.uint32) << np.uint32(16) | np.uint32(MAP_COUNT)
    nodes = stored["node_slots"].astype(np.uint32) << np.uint32(16) | np.uint32(NODE_COUNT << 8 | 1)
    n = 2 + 3 * N_CONTEXTS
    columns = [0, 1, *(2 + 3 * int(i) + c for i in ids for c in range(3)), n, n + 1]
    rows = {}
    for number in settings.set_ids:
        weights = stored[f"set{number}"].astype(np.int32) << 8
        shared = weights[:, n + 2 :] // max(1, settings.n_networks)
        rows[number] = np.concatenate([weights[:, columns], *[shared] * settings.n_networks], axis=1)
    return replace(
        blank, context_maps=maps, match_maps=match, node_slots=nodes, set_rows=rows, rate_start=TRAINED_START
    )
