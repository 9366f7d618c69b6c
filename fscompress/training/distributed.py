"""One run in several processes: each trains its lanes of the joint batch, and together they do what one would do.

The preset's batch is the joint one.  Rank r of N reads lanes r * B / N up to (r + 1) * B / N of the very grid that one
process reads, masks are drawn for the joint batch from the one seed and sliced, and DistributedDataParallel averages
the gradients.  So the number of processes changes neither the loss nor what a checkpoint holds, up to float rounding.
Rank 0 leads: it alone writes and reports, and its clock counts; all ranks read, so the run folder is one that all see.
Guarded by ``tests/training/test_distributed.py``.
"""

import dataclasses
import gc
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.nn  # before a world is met: its functions keep, as default argument, the group that there is
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from fscompress.corpora.source import Bytes
from fscompress.errors import FscompressError, RefusedError
from fscompress.model.base import Masks, States
from fscompress.training.device import pick_device
from fscompress.training.evaluation import WINDOW, bits_per_byte
from fscompress.training.window import Window


@dataclass(frozen=True)
class World:
    """This process among those of its run: ``rank`` of ``size``, ``local_rank`` among those of its machine.

    Methods that communicate must be called by all ranks in the same order; alone, they give back what they are given.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.size:
            raise RefusedError(f"RANK must be below WORLD_SIZE (got {self.rank} of {self.size}); start with torchrun")

    @property
    def leads(self) -> bool:
        """True for the one process that writes and reports."""
        return self.rank == 0

    def lanes(self, batch: int) -> slice:
        """The contiguous lanes of the joint batch that are this rank's; raises RefusedError if N does not divide it."""
        if batch % self.size:
            raise RefusedError(
                f"a batch of {batch} lanes cannot be divided among {self.size} processes; choose another --batch"
            )
        share = batch // self.size
        return slice(self.rank * share, (self.rank + 1) * share)

    def replicate(self, run: Window) -> nn.Module | None:
        """``run`` as a module whose backward pass averages gradients over the ranks; None where there is one rank."""
        return DistributedDataParallel(_Replica(run)) if self.size > 1 else None

    def agree(self, stop: bool, seconds: float) -> tuple[bool, float]:
        """Whether any rank was told to stop, and rank 0's clock: every rank decides alike on what comes next."""
        if self.size == 1:
            return stop, seconds
        told = torch.tensor([float(stop), seconds if self.leads else 0.0], dtype=torch.float64)
        dist.all_reduce(told)
        return bool(told[0]), float(told[1])

    def mean(self, value: float) -> float:
        """The mean over the ranks, equal in all of them to the last bit."""
        if self.size == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64)
        dist.all_reduce(total)
        return total.item() / self.size

    def gather(self, states: States) -> States:
        """States [B, H] of all lanes, on the CPU, from each rank's own [B / N, H]."""
        return tuple(tuple(self._gathered(member) for member in state) for state in states)

    def _gathered(self, member: Tensor) -> Tensor:
        own = member.cpu().contiguous()
        if self.size == 1:
            return own
        parts = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(parts, own)
        return torch.cat(parts)

    def bits_per_byte(self, run: Window, data: Bytes, lanes: int) -> float:
        """``evaluation.bits_per_byte`` of that many lanes, measured by all ranks together; equal in all of them."""
        if self.size == 1 or len(data) < lanes * WINDOW:  # too little to share: each measures it all
            return self.mean(bits_per_byte(run, data, lanes))
        length, own = len(data) // lanes, self.lanes(lanes)
        return self.mean(bits_per_byte(run, data[own.start * length : own.stop * length], own.stop - own.start))

    @contextmanager
    def first_on_machine(self) -> Iterator[None]:
        """The body is run by one process of each machine, then by the others, which find what it has fetched."""
        if self.local_rank != 0:
            self.mean(0.0)  # any exchange is a barrier
        yield
        if self.local_rank == 0:
            self.mean(0.0)


ALONE = World()


class _Replica(nn.Module):
    """What DistributedDataParallel asks for: a module that has the parameters and runs the window."""

    def __init__(self, run: Window) -> None:
        super().__init__()
        self.model = run.model
        self.window = run

    def forward(self, tokens: Tensor, states: States, masks: Masks) -> tuple[Tensor, States]:
        return self.window(tokens, states, masks)


def slice_masks(masks: Masks, lanes: slice) -> Masks:
    """The part of a joint batch's masks [T, B, H] that belongs to ``lanes``."""

    def part(mask: Tensor | None) -> Any:
        return mask if mask is None or mask.dim() == 0 else mask[:, lanes]

    return dataclasses.replace(
        masks,
        embedded=part(masks.embedded),
        inputs={index: part(mask) for index, mask in masks.inputs.items()},
        output=part(masks.output),
        keep=[tuple(part(mask) for mask in member) for member in masks.keep],
    )


@contextmanager
def joined_world(rank: int, size: int, device: str) -> Iterator[World]:
    """Meets the other processes at MASTER_ADDR and MASTER_PORT, and leaves them at the end.

    Args:
        rank, size: RANK and WORLD_SIZE of the launcher; a world of one process asks nothing else of it.
        device: as of ``pick_device``; decides the backend, gloo on CPUs and nccl between GPUs.
    Raises:
        RefusedError: the others are not met, or this process has no device.
        FscompressError: another process ended before its time, so that this one cannot go on.
    """
    if size == 1:
        yield ALONE
        return
    world = _met(rank, size, device)
    try:
        yield world
    except BaseException as error:
        traceback.clear_frames(error.__traceback__)
        # gloo has no class of its own for a lost peer
        if isinstance(error, RuntimeError) and ("gloo" in str(error) or isinstance(error, dist.DistError)):
            raise FscompressError(f"process {rank} of {size} has lost the others; go on with --resume") from error
        raise
    finally:
        # The threads of the group end with the last reference to it, which the frames of an error and cycles hold.
        # One that is left to free a tensor while the interpreter ends would abort the process.
        gc.collect()
        dist.destroy_process_group()


def _met(rank: int, size: int, device: str) -> World:
    world = World(rank, size, dist.get_node_local_rank(fallback_rank=rank))
    chosen, backend = pick_device(device, world.local_rank), "gloo"
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
        backend = "cpu:gloo,cuda:nccl"
    try:
        dist.init_process_group(backend, rank=rank, world_size=size)
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise RefusedError(f"process {rank} of {size} does not meet the others ({reason}); use torchrun") from error
    return world
