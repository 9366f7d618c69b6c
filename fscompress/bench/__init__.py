"""Measurement: compressors, the training loop, and what each part of a level costs and saves, timed on this machine.

In: files.  Out: rows of figures, for ``cli/bench.py`` and ``cli/bench_modes.py`` to print.  Sizes are real ones after a
verified round trip, but for the ideal ones of ``ablation.py``.  Libraries of this folder: numpy.
Imported by ``cli`` only.  Obeys docs/BENCH.md; guarded by ``tests/bench/``.  Next: ``compressors.py``, ``measure.py``,
``published.py``, ``training.py``; ``blocks.py``, ``decisions.py``, ``ablation.py``, ``lanes.py``, ``parts.py``.
"""
