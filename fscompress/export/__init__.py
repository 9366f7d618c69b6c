"""Float checkpoint in, certified integer model file out (docs/INTEGER.md, "From floats to integers").

Libraries: torch (through the checkpoint) and numpy.  Imported by ``cli`` and ``study``.  Guarded by ``tests/export/``.
Importing the package is cheap; next: ``quantise.py``, ``export.py``, ``checkpoint.py``.
"""
