"""Figure 5: bits per byte by the position of a letter in its word."""

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from fscompress.corpora.source import Bytes
from fscompress.model.config import NATS_PER_BIT
from fscompress.study.outcome import Curve, Outcome, Picture, order_remark
from fscompress.study.runs import Runs, Trained
from fscompress.training.evaluation import predictions

LANES, LAST = 32, 10  # the last position is that letter and all later ones


def word_positions(rows: Bytes) -> Bytes:
    """Uint8 [T, B]: 1 for the first letter (A-Z, a-z) of a word, up to ``LAST``; 0 for what is no letter.

    Each column of ``rows``, uint8 [T, B], is a text.
    """
    letters = np.isin(rows, np.frombuffer(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", np.uint8))
    positions = np.zeros_like(rows)
    before = np.zeros_like(rows[0])
    for t, letter in enumerate(letters):
        before = positions[t] = np.where(letter, np.minimum(before + 1, LAST), 0)
    return positions


def _by_position(trained: Trained, text: Bytes) -> tuple[list[float], list[int]]:
    """Bits per letter at each position, and how many letters stand there."""
    bytes_seen, bits = [], []
    for rows, logits in predictions([trained.window], text, LANES):
        bytes_seen.append(rows.cpu())
        cost = cross_entropy(logits.flatten(0, 1), rows.flatten(), reduction="none") / NATS_PER_BIT
        bits.append(cost.view(rows.shape).cpu())
    positions = word_positions(torch.cat(bytes_seen).numpy().astype(np.uint8)).ravel()
    counts = np.bincount(positions, minlength=LAST + 1)
    sums = np.bincount(positions, weights=torch.cat(bits).double().numpy().ravel(), minlength=LAST + 1)
    return (sums / np.maximum(counts, 1))[1:].tolist(), counts[1:].tolist()


def positions(runs: Runs) -> Outcome:
    """Bits per letter of the three architectures at each position, and how many letters stand there."""
    found, counts = {}, [0] * LAST
    for trained in runs.compared():
        found[trained.name], counts = _by_position(trained, runs.text())
    at = [str(i) for i in range(1, LAST)] + [f"{LAST}+"]
    rows = [[at[i], f"{counts[i]:,}", *(f"{bits[i]:.3f}" for bits in found.values())] for i in range(LAST)]
    fs, *others = found.values()
    gains = [min(a, b) - c for a, b, c in zip(*others, fs, strict=True)]
    seen = [i for i in range(1, LAST) if counts[i]]
    later = sum(counts[i] * gains[i] for i in seen) / max(1, sum(counts[i] for i in seen))
    remarks = [
        f"fs-lstm-4 is below the better of the others by {gains[0]:.3f} bit at the first letter, {later:.3f} after it",
        order_remark("the gain is larger after the first letter", [gains[0], later]),
    ]
    curves = [Curve(name, list(range(1, LAST + 1)), bits) for name, bits in found.items()]
    picture = Picture("Figure 5", "position of the letter in its word", "bits per letter", curves)
    return Outcome(("position", "letters", *found), rows, remarks, picture)
