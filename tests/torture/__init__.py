"""Faults on real processes of the program, at random moments, for as long as one likes: ``make torture MINUTES=5``.

In: minutes and a seed.  Out: a table of counts, and exit code 1 if a single target was half-written, a single byte
wrong, a message unclear, or anything left behind that the next run does not remove.  ``__main__.py`` runs the faults
of ``kills.py``, ``faults.py`` and ``places.py`` in boxes (``box.py``) and counts them (``tally.py``), and then the
mutation fuzzer ``tests.fuzz.mutate``; ``long.py`` is a run of its own.  Of the normal suite ``tests/test_torture.py``
tries some faults once.
"""
