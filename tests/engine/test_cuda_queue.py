"""Steps recorded as CUDA graphs, where there is no CUDA too; devices that are missing or fail."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from fscompress.engine import cuda, engine_factory
from fscompress.engine.cuda import CudaEngine, CudaLayout
from fscompress.engine.cuda_queue import WARM_UPS, Queue, describe_device
from fscompress.errors import EngineError
from tests.engine.test_cuda import check_equal
from tests.engine.test_equality import random_rows
from tests.helpers import tiny


def fixed(value: Any) -> Any:
    """The same with tensors that stay on their memory, whatever becomes of the tensors in ``value``."""
    if isinstance(value, torch.Tensor):
        return value.detach()
    return type(value)(map(fixed, value)) if isinstance(value, list | tuple) else value


class Tape(TorchDispatchMode):
    """What a CUDA graph is: operations noted with the memory that they read and write, done again without Python."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        self.operations.append((function, fixed(args), kwargs or {}, fixed(result)))
        return result

    def replay(self) -> None:
        for function, args, kwargs, result in self.operations:
            again = function(*args, **kwargs)
            pairs = zip(result, again, strict=True) if isinstance(result, list | tuple) else [(result, again)]
            for old, new in pairs:
                if old.data_ptr() != new.data_ptr():
                    old.copy_(new)


def test_recorded_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine with a queue for CUDA, whose streams and graphs are played: a replay reads and writes fixed memory."""
    waits, runs = [], []

    class Stream:
        def __init__(self, device: torch.device) -> None:
            assert device.type == "cuda"

        def synchronize(self) -> None:
            waits.append(self)

    @contextmanager
    def graph(tape: Tape, stream: Stream, capture_error_mode: str) -> Iterator[None]:
        assert capture_error_mode == "thread_local"
        with tape:
            yield

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Tape)
    monkeypatch.setattr(torch.cuda, "graph", graph)
    monkeypatch.setattr(cuda, "Queue", lambda device: Queue(torch.device("cuda")))
    layout = CudaLayout(tiny(), "cpu")
    step = layout.step
    layout.step = lambda *arguments: (runs.append(1), step(*arguments))[1]  # type: ignore[func-returns-value]
    engine = CudaEngine(layout)
    for lanes, captures in ((3, 1), (5, 1), (40, 2), (2, 3)):
        check_equal(tiny(), random_rows(lanes, 5), engine)
        assert len(runs) == captures * (WARM_UPS + 1), "steps run the graph, which lanes of equal rows share"
    assert len(waits) == 3 + 4 * (1 + 5)  # after warming up, starting, and each step


def test_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for work in (lambda: engine_factory(tiny(), "cuda"), describe_device):
        with pytest.raises(EngineError, match=r"^engine 'cuda': no CUDA device .*; try --engine cpu$") as caught:
            work()
        assert caught.value.exit_code == 1
    assert describe_device("cpu") == f"cpu, torch {torch.__version__}"


def test_a_device_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later")

    engine = CudaEngine(CudaLayout(tiny(), "cpu"))
    engine.start(1)
    monkeypatch.setattr(engine, "_step", fail)
    expected = r"^engine 'cuda': the device failed \(CUDA error: out of memory\); try --engine cpu$"
    with pytest.raises(EngineError, match=expected):
        engine.advance(np.zeros(1, np.uint8))
