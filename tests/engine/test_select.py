"""Engines by name, and the canary that keeps a wrong one from coding a byte."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fscompress.cli.options import ENGINES as COMMAND_LINE
from fscompress.engine import ENGINES, engine_factory, few_lanes, many_lanes
from fscompress.engine.base import canary_hash
from fscompress.engine.cpu import CpuEngine
from fscompress.engine.cuda import CudaEngine
from fscompress.engine.reference import ReferenceEngine
from fscompress.engine.tiles import pack
from fscompress.errors import EngineError, RefusedError
from tests.helpers import cpu, reference, synthetic, tiny


def test_names(cuda_or_cpu: None) -> None:
    assert ENGINES == COMMAND_LINE == ("auto", "cpu", "cuda", "reference")
    kinds = {name: type(engine_factory(tiny(), name)()) for name in ENGINES}
    assert kinds == {"auto": CpuEngine, "cpu": CpuEngine, "cuda": CudaEngine, "reference": ReferenceEngine}
    with pytest.raises(RefusedError, match=r"unknown engine 'gpu' \(known: auto, cpu, cuda, reference\)"):
        engine_factory(tiny(), "gpu")


def test_factories_make_separate_engines() -> None:
    make = engine_factory(tiny(), "cpu")
    first, second = make(), make()
    first.start(1)
    second.start(1)
    second.advance(np.array([65], np.uint8))
    assert not np.array_equal(first.tree, second.tree)


@pytest.mark.parametrize("lanes", [1, 64])
@pytest.mark.parametrize("name", ENGINES)
def test_a_canary_that_differs(name: str, lanes: int, cuda_or_cpu: None) -> None:
    wrong = replace(tiny(), canary_hash="0" * 64)
    message = rf"engine '{name}': self-test with model 'tiny' failed .*--engine reference"
    with pytest.raises(EngineError, match=message) as caught:
        engine_factory(wrong, name)().start(lanes)
    assert caught.value.exit_code == 1


def test_an_engine_that_computes_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(many_lanes.product_class()):  # type: ignore[misc]
        def __call__(self, a: Any) -> Any:
            result = np.array(super().__call__(a))
            result[0, 0] += 1
            return result

    monkeypatch.setattr(many_lanes, "product_class", lambda: Wrong)
    monkeypatch.setattr(few_lanes, "pack", lambda weight: pack(np.roll(weight, 1, axis=0)))
    for lanes in (1, 64):
        with pytest.raises(EngineError):
            engine_factory(tiny(), "cpu")().start(lanes)
    engine_factory(tiny(), "reference")


def test_canary_hash_covers_all_steps_and_lanes() -> None:
    model = synthetic(6, 5, 2)
    base = canary_hash(cpu(model), model.canary)
    assert base == canary_hash(reference(model), model.canary)
    for at in (0, 100, 254):
        other = model.canary.copy()
        other[at] ^= 1
        assert canary_hash(cpu(model), other) != base
