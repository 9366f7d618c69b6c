"""The header of a safetensors file, read by Python alone: of a file of any name, and without its tensors.

Format: https://huggingface.co/docs/safetensors, section "Format".  Guarded by ``tests/test_tensor_files.py``.
"""

import json
import os
from collections.abc import Mapping
from typing import Any, BinaryIO

METADATA = "__metadata__"
CHECKPOINT = "fscompress-checkpoint"  # how "format" begins, in the metadata of files with float weights
MAX_HEADER_BYTES = 100_000_000  # the library's own limit


def is_checkpoint(metadata: Mapping[str, str]) -> bool:
    """Whether a file with this metadata has the float weights of ``train`` rather than an integer model."""
    return metadata.get("format", "").startswith(CHECKPOINT)


def read_header(file: BinaryIO) -> tuple[dict[str, str], dict[str, list[int]]]:
    """Metadata, and the shape of each tensor; ``file`` is read from its beginning.

    Raises:
        ValueError: not a safetensors file, or one that is cut short.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if length > min(size - 8, MAX_HEADER_BYTES):
        raise ValueError("not a safetensors file, or cut short")
    try:
        header = json.loads(file.read(length))
        tensors: dict[str, Any] = {name: entry for name, entry in header.items() if name != METADATA}
        end = max((_natural(entry["data_offsets"][1]) for entry in tensors.values()), default=0)
        metadata = {str(key): str(value) for key, value in header.get(METADATA, {}).items()}
        shapes = {name: [_natural(size) for size in entry["shape"]] for name, entry in tensors.items()}
    except (AttributeError, KeyError, IndexError, TypeError, RecursionError):
        raise ValueError("not the header of a safetensors file") from None
    if 8 + length + end != size:
        raise ValueError("a safetensors file that is cut short, or has more than its tensors")
    return metadata, shapes


def _natural(number: Any) -> int:
    if type(number) is not int or number < 0:
        raise TypeError(number)
    return number
