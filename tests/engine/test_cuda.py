"""The cuda engine equals the reference and the cpu engine, bit for bit: on the CPU by the same code, and on a GPU."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fscompress.engine import IntegerModel, cuda, engine_factory
from fscompress.engine.base import check_canary
from fscompress.engine.cuda import CudaEngine, CudaLayout
from fscompress.engine.cuda_arithmetic import integer_root
from fscompress.engine.cuda_network import Network
from fscompress.engine.cuda_products import FloatProduct, IntProduct, is_exact, padded_rows, product_class
from fscompress.errors import EngineError
from tests.conftest import Program, child_environment
from tests.engine.test_equality import ALWAYS, NEVER, Rows, random_rows, text_rows
from tests.helpers import cpu, decode, encode, reference, states, synthetic, text, tiny

CPU = torch.device("cpu")
NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
on_devices = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=NO_GPU)])
PRODUCTS = [IntProduct, FloatProduct]


def check_equal(model: IntegerModel, rows: Rows, engine: CudaEngine) -> None:
    """Trees of all lanes and states of those that have not ended, at the start and after each row."""
    norm, ways = reference(model), [cpu(model, few) for few in (ALWAYS, NEVER)]
    for each in (norm, engine, *ways):
        each.start(len(rows[0]))
    for step, row in enumerate([rows[0], *rows]):
        for each in (norm, engine, *ways) if step else ():
            each.advance(row)
        for each in (engine, *ways):
            assert np.array_equal(norm.tree, each.tree), f"tree after {step} steps"
        members = [member for pair in engine.states() for member in pair]
        for expected, member in zip(states(norm), members, strict=True):
            assert np.array_equal(expected[: len(row)], member[: len(row)]), f"states after {step} steps"


@on_devices
@pytest.mark.parametrize("lanes", [1, 7, 64, 500])
def test_trained_model(lanes: int, device: str) -> None:
    engine = CudaEngine(CudaLayout(tiny(), device))
    check_equal(tiny(), text_rows(lanes, 12), engine)
    check_equal(tiny(), random_rows(lanes, 4), engine)


@on_devices
@settings(max_examples=25, deadline=None)
@given(
    sizes=st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(2, 4)),
    seed=st.integers(0, 1 << 20),
    keep=st.tuples(st.integers(0, 1 << 15), st.integers(0, 1 << 15)),
    extreme=st.booleans(),
    lanes=st.sampled_from([1, 7, 64]),
    product=st.sampled_from(PRODUCTS),
)
def test_random_models(device: str, sizes: Any, seed: int, keep: Any, extreme: bool, lanes: int, product: Any) -> None:
    """Of any size; ``extreme`` ones have all tensors at the bounds that the certificate allows."""
    model = synthetic(*sizes, seed, keep, extreme)
    check_equal(model, random_rows(lanes, 6, seed), CudaEngine(CudaLayout(model, device, product=product)))


@on_devices
@pytest.mark.parametrize("lanes", [7, 500])
@pytest.mark.parametrize("product", PRODUCTS)
def test_models_at_the_bounds(product: Any, lanes: int, device: str) -> None:
    model = synthetic(17, 9, 3, 5, keep=(300, 0), extreme=True)
    check_equal(model, random_rows(lanes, 12), CudaEngine(CudaLayout(model, device, product=product)))


@on_devices
@pytest.mark.parametrize("product", PRODUCTS)
def test_wide_rows(product: Any, device: str) -> None:
    """1500 columns of +-63: accumulators come near 2**24."""
    model = synthetic(500, 1000, 2, extreme=True)
    check_equal(model, random_rows(2, 2), CudaEngine(CudaLayout(model, device, product=product)))


@on_devices
def test_lanes_that_end(device: str) -> None:
    ends = (40, 40, 33, 33, 32, 16, 5, 2, 1, 1)
    rows = [row[:n] for row, n in zip(random_rows(40, len(ends)), ends, strict=True)]
    for model in (tiny(), synthetic(11, 10, 3)):
        check_equal(model, rows, CudaEngine(CudaLayout(model, device)))


@on_devices
def test_starting_again_forgets(device: str) -> None:
    engine = CudaEngine(CudaLayout(tiny(), device))
    engine.start(3)
    first = engine.tree.copy()
    for row in random_rows(3, 5):
        engine.advance(row)
    assert not np.array_equal(first, engine.tree)
    for lanes in (7, 1, 40, 3):
        engine.start(lanes)
        assert np.array_equal(engine.tree, np.tile(first[:1], (lanes, 1)))
        check_equal(tiny(), random_rows(lanes, 3), engine)


@on_devices
@pytest.mark.slow
def test_compiled(device: str) -> None:
    for model in (tiny(), synthetic(13, 24, 3, extreme=True)):
        check_equal(model, random_rows(7, 20), CudaEngine(CudaLayout(model, device, compiled=True)))


def test_integer_root() -> None:
    roots = np.random.default_rng(0).integers(1, 1 << 30, 10_000)
    v = torch.from_numpy(np.concatenate([roots**2 - 1, roots**2, roots**2 + 2 * roots]))
    expected = np.concatenate([roots - 1, roots, roots])
    assert np.array_equal(integer_root(v).numpy(), expected)


def test_rows_suit_the_products_of_cuda() -> None:
    assert [padded_rows(lanes) for lanes in (1, 17, 32, 33, 500)] == [32, 32, 32, 64, 512]


def test_products_that_are_not_exact_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*factors: Any) -> None:
        raise RuntimeError("CUBLAS_STATUS_NOT_SUPPORTED")

    right = torch._int_mm
    assert product_class.__wrapped__(CPU) is IntProduct
    monkeypatch.setattr(torch, "_int_mm", lambda a, b: right(a, b) + 1)
    assert product_class.__wrapped__(CPU) is FloatProduct
    monkeypatch.setattr(torch, "_int_mm", refuse)
    assert product_class.__wrapped__(CPU) is FloatProduct
    monkeypatch.delattr(torch, "_int_mm")
    assert product_class.__wrapped__(CPU) is FloatProduct
    assert is_exact(FloatProduct, CPU)


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_step_touches_one_device_and_never_waits_for_it(product: Any) -> None:
    """``meta`` has no values, so that nothing can be read from it, and does not mix with other devices."""
    meta = torch.device("meta")
    network = Network(synthetic(13, 9, 3), meta, product)
    now, tree = network.step(torch.zeros(32, dtype=torch.uint8, device=meta), network.initial_states(32))
    assert tree.shape == (32, 512)
    assert {
        tensor.device for tensor in (tree, *(member for state in now for member in (*state.members, state.h8)))
    } == {meta}


def test_canary(cuda_or_cpu: None) -> None:
    check_canary(engine_factory(tiny(), "cuda")(), tiny(), "cuda")
    with pytest.raises(EngineError, match="engine 'cuda': self-test with model 'tiny' failed"):
        engine_factory(replace(tiny(), canary_hash="0" * 64), "cuda")


def test_an_engine_that_computes_something_else(monkeypatch: pytest.MonkeyPatch, cuda_or_cpu: None) -> None:
    class Wrong(FloatProduct):
        def __call__(self, a: torch.Tensor) -> torch.Tensor:
            return super().__call__(a) + (a[:, :1] == 1)

    monkeypatch.setattr(cuda, "product_class", lambda device: Wrong)
    with pytest.raises(EngineError, match="self-test"):
        engine_factory(tiny(), "cuda")


def test_files(cuda_or_cpu: None) -> None:
    """Two blocks in two threads, each with an engine of its own: the bytes of the cpu engine, and its text again."""
    plain, options = text(1100), {"level": "normal", "block_log2": 10}
    coded = encode(plain, **options, engine="cpu")
    assert encode(plain, **options, engine="cuda", threads=2) == coded
    assert decode(encode(plain, block_log2=10, engine="cpu"), engine="cuda", threads=2) == plain


def test_no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fscompress.engine.cuda", None)
    with pytest.raises(EngineError, match=r"^engine 'cuda': needs PyTorch, which is not installed; try --engine cpu$"):
        engine_factory(tiny(), "cuda")


def test_the_command_line_without_a_device(installed: Path, here: Path, program: Program) -> None:
    Path("a.txt").write_bytes(text(300))
    environment = child_environment() | {"CUDA_VISIBLE_DEVICES": ""}
    result = program("encode", "--engine", "cuda", "a.txt", env=environment)
    expected = b"fscompress: a.txt: engine 'cuda': no CUDA device that PyTorch can use here; try --engine cpu\n"
    assert (result.returncode, result.stdout, result.stderr) == (1, b"", expected)
    assert not Path("a.txt.fsc").exists()
