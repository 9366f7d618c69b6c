"""Engines by name, each checked against the model's canary before it is handed out."""

from collections.abc import Callable

from fscompress.engine.base import Engine, check_canary
from fscompress.engine.spec import IntegerModel
from fscompress.errors import RefusedError

ENGINES = ("auto", "cpu", "reference")


def engine_factory(model: IntegerModel, name: str = "auto") -> Callable[[], Engine]:
    """A function that makes engines for ``model``; one a thread, weights shared.

    Args:
        name: ``cpu``, ``reference``, or ``auto`` (the fastest that passes its canary: today ``cpu``).
    Raises:
        RefusedError: unknown name.  EngineError: the canary failed; ``cpu`` finds out when its engines start.
    """
    if name not in ENGINES:
        raise RefusedError(f"unknown engine '{name}' (known: {', '.join(ENGINES)})")
    make: Callable[[], Engine]
    if name == "reference":
        from fscompress.engine.reference import ReferenceEngine

        def make() -> Engine:
            return ReferenceEngine(model)

        check_canary(make(), model, name)
    else:
        from fscompress.engine.cpu import CpuEngine, PreparedModel

        prepared = PreparedModel(model, name)

        def make() -> Engine:
            return CpuEngine(prepared)

    return make
