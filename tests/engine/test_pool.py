"""Engines that threads borrow: each set is used by one at a time, and its buffers are given back after the block."""

import pytest

from fscompress.engine import ENGINES, EnginePool
from tests.helpers import other, tiny


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_is_released_after_its_block(
    name: str, cuda_or_cpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, released = EnginePool([tiny(), other()], name), []
    engines = pool.run(list)
    for engine in engines:
        monkeypatch.setattr(engine, "release", lambda engine=engine: released.append(engine))
    with pytest.raises(ZeroDivisionError):
        pool.run(lambda borrowed: 1 // (borrowed != engines))
    assert released == engines


def test_a_released_engine_has_no_buffers_and_starts_again() -> None:
    pool = EnginePool([tiny()], "cpu")
    engine = pool.run(lambda engines: engines[0].start(3) or engines[0])
    with pytest.raises(AttributeError):
        engine.tree  # noqa: B018
    assert pool.run(lambda engines: engines[0].start(2) or engines[0].tree.shape) == (2, 512)
