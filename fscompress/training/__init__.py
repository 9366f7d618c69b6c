"""Training: corpus and preset in, a folder with checkpoints and metrics out.

Libraries of this folder: torch, safetensors (checkpoints).  Imported by ``cli``, ``study`` and ``bench``, and by
``export`` for reading checkpoints.  Guarded by ``tests/training/``.  Importing the package itself is cheap; next:
``config.py``, ``trainer.py``, ``recurrence.py``, ``fused_lstm.py`` and ``step.py`` for a GPU, ``distributed.py`` for
several processes.
"""
