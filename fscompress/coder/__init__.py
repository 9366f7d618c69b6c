"""The range coder: bits and their probabilities in, 32-bit words out, and back.

In: for each of S lanes a bit (int32) and its p1 (int32, probability of a one out of 2**16).  Out: bytes.  It knows
nothing of networks or files.  Library of this folder: constriction.  Imported by ``codec``.  Obeys docs/INTEGER.md,
"Coder"; guarded by ``tests/coder/``.
"""

from fscompress.coder.binary import BinaryCoder, BinaryDecoder, BinaryEncoder

__all__ = ["BinaryCoder", "BinaryDecoder", "BinaryEncoder"]
