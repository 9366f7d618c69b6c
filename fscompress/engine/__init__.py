"""Integer inference: a model file and the bytes read so far in, a sum tree over the next byte of each lane out.

Every engine computes docs/INTEGER.md exactly; ``reference`` is the norm, ``cpu`` the fast one, ``cuda`` that of GPUs.
Libraries of this folder: numpy, numba (``*kernels.py``, ``tiles.py``, ``amx.py``), onnxruntime (``products.py``),
safetensors (``model_file.py``), and torch (``cuda*.py``, imported only when that engine is asked for).  Guarded by
``tests/engine/`` and by each model's canary.  Next: ``reference.py``.
"""

from fscompress.engine.base import Engine
from fscompress.engine.model_file import read_model as load_model
from fscompress.engine.pool import EnginePool
from fscompress.engine.select import ENGINES, engine_factory
from fscompress.engine.spec import IntegerModel

__all__ = ["ENGINES", "Engine", "EnginePool", "IntegerModel", "engine_factory", "load_model"]
