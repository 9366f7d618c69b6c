"""The engine for NVIDIA GPUs, in torch: all lanes of a block in lockstep on the device; equals ``reference.py``.

Bytes go to the device and sum trees come back at each step; everything between them stays there.  The same code runs
with torch on the CPU, without streams and graphs: so it is tested (``tests/engine/test_cuda.py``).  Importing this
module imports torch, which takes longer than coding a short text does: only ``--engine cuda`` does so.
"""

import threading
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch

from fscompress.engine.base import Symbols
from fscompress.engine.cuda_network import Network, States
from fscompress.engine.cuda_products import ProductClass, padded_rows, product_class
from fscompress.engine.cuda_queue import Queue, Work, check_device, failures_of_the_device
from fscompress.engine.spec import I32, IntegerModel, IntegerState

DEVICE = "cuda"
_setting_up = threading.Lock()  # memory of any engine must not be allocated while another one records its step


class CudaLayout:
    """What engines of one model share: its tensors on the device; read-only, so threads may share it.

    Args:
        device: ``cuda``, ``cuda:1`` ..., or ``cpu``; None: ``DEVICE``.
        compiled: fuses the operations of a step (``torch.compile``): fewer and longer ones, after some ten seconds of
            compilation for each model and number of rows.
        product: makes the matrix products; None: the best one for the device.
    Raises:
        EngineError: no such device, or it fails.
    """

    def __init__(
        self,
        model: IntegerModel,
        device: str | None = None,
        compiled: bool = False,
        product: ProductClass | None = None,
    ) -> None:
        self.device = torch.device(device or DEVICE)
        check_device(self.device)
        with failures_of_the_device(), _setting_up:
            self.network = Network(model, self.device, product or product_class(self.device))
            first = self.network.initial_states(padded_rows(1))
            self.initial_tree = self.network.read_out(first)[0].clone()
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)  # engines read all this from streams of their own
            step = self.network.step
            self.step = torch.compile(step, fullgraph=True, dynamic=False) if compiled else step


class CudaEngine:
    """See ``Engine``.  Buffers and the recorded step are kept from block to block while the rows stay the same.

    Lanes are padded to ``padded_rows``; rows without a lane, or whose lane has ended, go on with what they last read.
    """

    step_arguments = None

    def __init__(self, layout: CudaLayout) -> None:
        self._layout, self._queue = layout, Queue(layout.device)
        self._rows = 0
        self._step: Work
        self.tree: I32 = np.zeros((0, 512), np.int32)

    def start(self, lanes: int) -> None:
        """See ``Engine.start``; raises EngineError if the device fails."""
        rows = padded_rows(lanes)
        with failures_of_the_device():
            with _setting_up, self._queue.use():
                if rows != self._rows:
                    self._allocate(rows)
                    self._step = self._queue.record(self._read_symbols)
                    self._rows = rows
                self._set(self._layout.network.initial_states(rows))
                self._tree.copy_(self._layout.initial_tree)
                self._host_tree.copy_(self._tree, non_blocking=True)
            self._queue.wait()
        self.tree = self._host_tree.numpy()[:lanes]

    def release(self) -> None:
        """See ``Engine.release``; nothing is given back: a graph is recorded for its buffers and dear to make."""

    def advance(self, symbols: Symbols) -> None:
        """See ``Engine.advance``; raises EngineError if the device fails."""
        n = len(symbols)
        self._host_symbols.numpy()[:n] = symbols
        with failures_of_the_device():
            with self._queue.use():
                self._symbols.copy_(self._host_symbols, non_blocking=True)
                self._step()
                self._host_tree[:n].copy_(self._tree[:n], non_blocking=True)
            self._queue.wait()

    def second_thread(self) -> AbstractContextManager[None]:
        """See ``Engine.second_thread``; there is no such way."""
        return nullcontext()

    def states(self) -> list[IntegerState]:
        """Copies of h, or of h and c, int32 [rows, H], of each group; rows of active lanes come first."""
        return [tuple(member.int().cpu().numpy() for member in state.members) for state in self._states]

    def _allocate(self, rows: int) -> None:
        device, pinned = self._layout.device, self._layout.device.type == "cuda"
        self._states = self._layout.network.initial_states(rows)
        self._symbols = torch.zeros(rows, dtype=torch.uint8, device=device)
        self._tree = torch.zeros((rows, 512), dtype=torch.int32, device=device)
        # pages that the system cannot move: the device reads and writes them by itself
        self._host_symbols = torch.zeros(rows, dtype=torch.uint8, pin_memory=pinned)
        self._host_tree = torch.zeros((rows, 512), dtype=torch.int32, pin_memory=pinned)

    def _read_symbols(self) -> None:
        states, tree = self._layout.step(self._symbols, self._states)
        self._set(states)
        self._tree.copy_(tree)

    def _set(self, states: States) -> None:
        for old, new in zip(self._states, states, strict=True):
            for buffer, value in zip((*old.members, old.h8), (*new.members, new.h8), strict=True):
                buffer.copy_(value)
