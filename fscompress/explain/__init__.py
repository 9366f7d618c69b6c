"""Why a text costs what it costs: its bytes coloured by their bits, with who predicted them, as one HTML page.

In: bytes, a level, an engine.  Out: a ``Trace``, its tables, and a page that needs nothing but itself.  Nothing is
coded: costs are ideal code lengths.  Imported by ``cli/explain.py`` alone.  Guarded by ``tests/explain/``.  Next:
``trace.py`` (``kernels.py``), ``summary.py``, then ``page.py`` (``text.py``, ``chart.py``, ``style.css``,
``tooltip.js``).
"""
