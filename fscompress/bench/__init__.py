"""Measurement: compressors and the training loop, timed on this machine after a verified round trip.

In: names of files.  Out: rows of figures, for ``cli/bench.py`` to print.  Libraries of this folder: the standard ones.
Imported by ``cli`` only.  Obeys docs/BENCH.md once there is one; guarded by ``tests/bench/``.
Next: ``compressors.py``, ``measure.py``, ``published.py``, ``training.py``.
"""
