"""Which device a run uses, and the type of its products."""

from pathlib import Path

import torch

from fscompress.errors import RefusedError


def pick_device(name: str, local_rank: int = 0) -> torch.device:
    """``auto`` is CUDA where there is one, else the CPU; process ``local_rank`` of a machine takes its own GPU.

    Raises:
        RefusedError: no CUDA device, or fewer than processes on this machine.
    """
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "cpu" or (name == "auto" and not n_gpus):
        return torch.device("cpu")
    if n_gpus == 0:
        raise RefusedError("--device cuda: this machine has no CUDA device")
    if local_rank >= n_gpus:
        raise RefusedError(
            f"process {local_rank + 1} of this machine has no CUDA device (got {n_gpus}); start one process a device"
        )
    return torch.device("cuda", local_rank)


_PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


def pick_precision(name: str, device: torch.device, before: str | None = None) -> torch.dtype:
    """``auto`` is bfloat16 on CUDA and on processors with AVX512-BF16 or AMX, else float32.

    Args:
        before: of a run that goes on, ``str`` of the type that it had: that is its ``auto``, on any machine.
    """
    if name != "auto":
        return _PRECISIONS[name]
    for dtype in _PRECISIONS.values():
        if str(dtype) == before:
            return dtype
    if device.type == "cuda":
        return torch.bfloat16
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text() if cpuinfo.exists() else ""
    return torch.bfloat16 if "avx512_bf16" in flags or "amx_bf16" in flags else torch.float32
