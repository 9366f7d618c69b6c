"""Where the ``cuda`` engine's work is done: in order on a stream of its own, steps as CUDA graphs; or on the CPU."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from fscompress.errors import EngineError

WARM_UPS = 3  # runs before a capture: libraries allocate their work space and compilers compile

Work = Callable[[], None]


def check_device(device: torch.device) -> None:
    """Raises EngineError if there is no such device."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about drivers that are missing or too old: the message below says enough
        missing = device.type == "cuda" and not torch.cuda.is_available()
    if missing:
        raise EngineError("engine 'cuda': no CUDA device that PyTorch can use here; try --engine cpu")


def describe_device(name: str = "cuda") -> str:
    """What the device is, and the version of torch that drives it; raises EngineError if there is no such device."""
    device = torch.device(name)
    check_device(device)
    what = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return f"{what}, torch {torch.__version__}"


@contextmanager
def failures_of_the_device() -> Iterator[None]:
    """Raises EngineError where torch raises its own: no memory left, no compiler, a driver that fails."""
    try:
        yield
    except RuntimeError as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise EngineError(f"engine 'cuda': the device failed ({lines[0]}); try --engine cpu") from error


def _nothing() -> None:
    """Waits for nothing: on the CPU all is done."""


class Queue:
    """Work for one device, done in order, beside that of other queues."""

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def use(self) -> AbstractContextManager[object]:
        """Inside, torch's operations are put on this queue."""
        return torch.cuda.stream(self._stream) if self._stream else nullcontext()

    def record(self, work: Work) -> Work:
        """A function that does ``work`` again: on CUDA one launch instead of one for each operation.

        ``work`` must read and write the same tensors each time and never wait for the device; it is run a few times
        here.  No other thread may allocate or record at the same time; steps of others may run.
        """
        if self._stream is None:
            return work
        with self.use():
            for _ in range(WARM_UPS):
                work()
        self.wait()
        graph = torch.cuda.CUDAGraph()
        # thread_local: other threads' queues may wait for their own steps meanwhile
        with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
            work()
        return graph.replay

    def mark(self) -> Work:
        """A function that returns when all that has been put on the queue so far is done."""
        if self._stream is None:
            return _nothing
        event: torch.cuda.Event = self._stream.record_event()
        return lambda: event.synchronize()

    def wait(self) -> None:
        """Returns when all work of this queue is done."""
        if self._stream is not None:
            self._stream.synchronize()
