"""Trains the stored priors: runs the mixer over many short texts and keeps what it learned apart from their words.

Each slice starts with empty tables of contexts, as a short file does; maps and weights go on from slice to slice, and
the stored ones are the means over all slices of the last pass.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fscompress.mixer import layout as at
from fscompress.mixer.mixer import Mixer, n_inputs
from fscompress.mixer.priors import Priors, blank_priors
from fscompress.mixer.settings import SET_BYTE1, SET_BYTE2, SET_CLASSES, SET_ROWS, MixerSettings

Slice = tuple[NDArray[np.uint8], NDArray[np.uint16]]  # bytes [n], network p1 [n, 8, 1]
Arrays = dict[str, NDArray[Any]]
LATER_RATE = 22  # after the first pass
MEAN_SETS = (SET_BYTE1, SET_BYTE2, SET_CLASSES)  # large sets: one row stands for all


def _after(settings: MixerSettings, part: Slice, priors: Priors) -> tuple[Priors, NDArray[np.uint32]]:
    """The state after one slice, and its node maps."""
    data, networks = part
    mixer = Mixer(settings, len(data), priors)
    mixer.run_steps(data[:, None], networks[:, :, :, None])
    shape, width, n = mixer.shape, mixer.shape[at.WIDTH], n_inputs(settings)
    maps = mixer.maps
    rows = {}
    for number in settings.set_ids:
        start = shape[at.SET_OFFSETS + number]
        rows[number] = mixer.weights[start : start + SET_ROWS[number] * width].reshape(-1, width)[:, :n].copy()
    learned = replace(
        priors,
        context_maps=maps[: shape[at.MATCH_MAPS]].reshape(-1, at.MAPS_A_CONTEXT).copy(),
        match_maps=maps[shape[at.MATCH_MAPS] : shape[at.NODE_MAPS]].copy(),
        set_rows=rows,
    )
    return learned, maps[shape[at.NODE_MAPS] : shape[at.SSE1_MAPS]].copy()


def train_priors(settings: MixerSettings, slices: Sequence[Slice], passes: int = 2) -> Arrays:
    """Named arrays for the file, as ``stored_priors`` reads them; settings of all contexts, one lane, one network."""
    priors = blank_priors(settings)
    blank_rows = priors.set_rows
    sums: dict[str, NDArray[np.float64]] = {}
    for number in range(passes):
        sums = {}
        for part in slices:
            priors, nodes = _after(settings, part, priors)
            found = {
                "context_maps": priors.context_maps >> 16,
                "match_maps": priors.match_maps >> 16,
                "node_slots": nodes >> 16,
            }
            found |= {f"set{k}": rows for k, rows in priors.set_rows.items()}
            for name, value in found.items():
                sums[name] = sums.get(name, np.zeros(1)) + value.astype(np.float64) / len(slices)
        if number == 0:
            settings, priors = replace(settings, rate=LATER_RATE), replace(priors, rate_start=0)
    arrays: Arrays = {name: sums[name].astype(np.uint16) for name in ("context_maps", "match_maps")}
    arrays["node_slots"] = sums["node_slots"].clip(1, 65534).astype(np.uint16)
    for k in settings.set_ids:
        rows = sums[f"set{k}"]
        touched = np.asarray((np.abs(rows - blank_rows[k]) > 0).any(axis=1))
        mean = rows[touched].mean(axis=0, keepdims=True)
        rows = mean if k in MEAN_SETS else np.where(touched[:, None], rows, mean)
        arrays[f"set{k}"] = np.clip(np.round(rows / 256), -32768, 32767).astype(np.int16)
    return arrays
