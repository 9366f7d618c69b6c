"""Studies: the experiments of the papers, each a function from trained models to a table and a picture.

In: a corpus and a ``Setting``.  Out: an ``Outcome``, written as CSV and SVG.  Libraries of this folder: torch, and
matplotlib in ``plot.py``.  Imported by ``cli`` only; guarded by ``tests/study/``; docs/STUDY.md says what came out.
Importing the package is cheap.  Next: ``settings.py``, ``runs.py``, then one study, such as ``comparison.py``.
"""
