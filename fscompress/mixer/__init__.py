"""Adaptive context mixing in exact integers: p1 of the networks in, better p1 out, one binary decision at a time.

In: uint16 p1 [n_networks, lanes] of each decision and, afterwards, its bits uint8 [lanes].  Out: uint16 p1 [lanes],
1..65535.  Imported by what codes, measures and trains.  Obeys docs/INTEGER.md; guarded by tests/mixer.  Read on:
``settings`` (parameters), ``mixer`` (the two calls), ``kernels`` (order of work and bounds; compiled as are
``contexts``, ``match``, ``slots``, ``inputs``, ``sse``, and ``vectors`` in LLVM's own terms), ``reference`` (the same,
slowly), ``priors`` (initial state).
"""

from fscompress.mixer.mixer import Mixer
from fscompress.mixer.priors import Priors, blank_priors, priors_of, stored_priors
from fscompress.mixer.settings import BEST, LEVELS, LIGHT, NORMAL, PACKED_BYTES, MixerSettings, settings_for

__all__ = [
    "BEST",
    "LEVELS",
    "LIGHT",
    "NORMAL",
    "PACKED_BYTES",
    "Mixer",
    "MixerSettings",
    "Priors",
    "blank_priors",
    "priors_of",
    "settings_for",
    "stored_priors",
]
