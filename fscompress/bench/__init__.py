"""Measurement: compressors, the training loop, and what each part of a level costs and saves, timed on this machine.

In: files.  Out: rows of figures, for ``cli/bench*.py`` to print.  Sizes are real ones after a verified round trip, but
for the ideal ones of ``ablation.py`` and ``curve.py``.  Libraries of this folder: numpy, matplotlib in ``plot*.py``.
Imported by ``cli``, and for names and looks by ``explain`` and ``study``.  Obeys docs/BENCH.md; guarded by
``tests/bench/``.  Next: ``suite.py``, which runs ``inputs.py`` through ``worker.py`` (``compressors.py``,
``measure.py``) and ``external.py`` (``programs.py``, ``launch.py``), both by ``children.py``; ``report.py`` with
``machine.py`` and ``published.py``; ``training.py``; ``ablation.py``, ``curve.py``, ``lanes.py``, ``scaling.py``,
``parts.py``; ``gpu.py``, run by ``make gpu``.
"""
