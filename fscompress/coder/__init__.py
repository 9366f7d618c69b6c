"""The range coder: bits and their probabilities in, 32-bit words out, and back.

In: bits (uint8) and their p1 (uint16, probability of a one out of 2**16).  Out: bytes.  It knows nothing of networks or
files.  Libraries of this folder: constriction (``encoder.py``), numba (``kernels.py``).  Imported by ``blocks`` and
``decisions``.  Obeys docs/INTEGER.md, "Coder"; guarded by ``tests/coder/``.
"""

from fscompress.coder.decoder import BinaryDecoder
from fscompress.coder.encoder import BinaryEncoder

__all__ = ["BinaryDecoder", "BinaryEncoder"]
