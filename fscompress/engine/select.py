"""Engines by name, each checked against the model's canary before it is handed out."""

from collections.abc import Callable

from fscompress.engine.base import Engine, check_canary
from fscompress.engine.spec import IntegerModel
from fscompress.errors import EngineError, RefusedError

ENGINES = ("auto", "cpu", "cuda", "reference")

Make = Callable[[], Engine]


def engine_factory(model: IntegerModel, name: str = "auto") -> Make:
    """A function that makes engines for ``model``; one a thread, weights shared.

    ``auto`` is ``cpu`` also where there is a GPU: importing torch alone takes seconds, in which ``cpu`` codes a text of
    many kilobytes, and torch is not imported unless ``cuda`` is asked for.

    Args:
        name: one of ``ENGINES``.
    Raises:
        RefusedError: unknown name.  EngineError: the canary failed (``cpu`` finds out when its engines start), or
            ``cuda`` lacks its library or device.
    """
    if name not in ENGINES:
        raise RefusedError(f"unknown engine '{name}' (known: {', '.join(ENGINES)})")
    if name in ("auto", "cpu"):
        return _cpu(model, name)
    make = _reference(model) if name == "reference" else _cuda(model)
    check_canary(make(), model, name)
    return make


def _cpu(model: IntegerModel, name: str) -> Make:
    from fscompress.engine.cpu import CpuEngine, PreparedModel

    prepared = PreparedModel(model, name)
    return lambda: CpuEngine(prepared)


def _reference(model: IntegerModel) -> Make:
    from fscompress.engine.reference import ReferenceEngine

    return lambda: ReferenceEngine(model)


def _cuda(model: IntegerModel) -> Make:
    try:
        from fscompress.engine.cuda import CudaEngine, CudaLayout
    except ImportError as error:
        raise EngineError("engine 'cuda': needs PyTorch, which is not installed; try --engine cpu") from error
    layout = CudaLayout(model)
    return lambda: CudaEngine(layout)
