"""Tiles of every instruction set that this processor has, against int64; the step built of them: test_equality.py."""

import numba
import numpy as np
import pytest

from fscompress.engine.few_lanes import amx_shapes
from fscompress.engine.few_lanes_kernels import multiply_into
from fscompress.engine.tiles import (
    COLUMN_STEP,
    FEATURES,
    INSTRUCTIONS,
    TILE_ROWS,
    Instructions,
    best_instructions,
    pack,
    tile_of,
)

HERE = FEATURES | {"plain"}


LARGEST = [63, 32]  # of weights: that there are, and that groups of columns may be added in pairs with


def extremes(rows: int, columns: int, lanes: int, largest: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights and inputs with every sign at its largest beside random ones."""
    rng = np.random.default_rng(rows + columns)
    weight = rng.integers(-largest, largest + 1, (rows, columns)).astype(np.int8)
    weight[0], weight[-1] = largest, -largest
    z = rng.integers(0, 256, (lanes, -(-columns // COLUMN_STEP) * COLUMN_STEP)).astype(np.uint8)
    z[0] = 255
    return weight, z


@pytest.mark.parametrize("largest", LARGEST)
@pytest.mark.parametrize("lanes", [1, 2, 3, 4])
@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_one_tile(name: str, lanes: int, largest: int) -> None:
    if name not in HERE:
        pytest.skip(f"numba compiles without {name} here")
    chosen: Instructions = INSTRUCTIONS[name]
    weight, z = extremes(chosen.tile_rows, 37, lanes, largest)
    packed, out = pack(weight, chosen).tiles.reshape(-1), np.zeros((lanes, chosen.tile_rows), np.int32)
    tile = tile_of(chosen, lanes)

    @numba.njit
    def run(out, z, packed):  # type: ignore[no-untyped-def]
        tile(out, 0, out.shape[1], z, 0, z.shape[1], packed, 0, z.shape[1] // 4)

    run(out, z, packed)
    assert np.array_equal(out, z[:, :37].astype(np.int64) @ weight.astype(np.int64).T)


@pytest.mark.parametrize("largest", LARGEST)
@pytest.mark.parametrize("lanes", [*range(1, 10), 15, 16, 17, 31, 40])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (64, 4), (65, 7), (256, 256), (130, 1000)])
def test_matrices(rows: int, columns: int, lanes: int, largest: int) -> None:
    weight, z = extremes(rows, columns, lanes + 2, largest)
    packed = pack(weight)
    out = np.empty((lanes + 2, len(packed.tiles) * TILE_ROWS), np.int32)
    for shapes in (amx_shapes(), amx_shapes()[:0]):
        out[:] = 7
        multiply_into(packed.tiles.reshape(-1), 0, *packed.tiles.shape, packed.groups, z, lanes, out, shapes)
        assert np.array_equal(out[:lanes, :rows], z[:lanes, :columns].astype(np.int64) @ weight.astype(np.int64).T)
        assert np.all(out[lanes:] == 7)


@pytest.mark.parametrize(("largest", "n_pairs"), [(32, 16), (33, 1)])
def test_pairs_of_groups_fit_sixteen_bits(largest: int, n_pairs: int) -> None:
    """Four weights of 32 with inputs of 255 do, four of 33 do not."""
    if "avx2" not in HERE:
        pytest.skip("numba compiles without AVX2 here")
    chosen = INSTRUCTIONS["avx2"]
    columns = 128  # whole steps of every processor's
    weight = np.full((chosen.tile_rows, columns), largest, np.int8)
    weight[1::3], weight[2::3] = -largest, np.random.default_rng(0).integers(-32, 33, columns)
    weight[:, 40:48] = 1
    packed, z = pack(weight, chosen), np.full((2, columns), 255, np.uint8)
    assert packed.tiles[0, :4].view(np.int32) == n_pairs
    out, tile = np.zeros((2, chosen.tile_rows), np.int32), tile_of(chosen, 2)

    @numba.njit
    def run(out, z, packed):  # type: ignore[no-untyped-def]
        tile(out, 0, out.shape[1], z, 0, z.shape[1], packed, 0, z.shape[1] // 4)

    run(out, z, packed.tiles.reshape(-1))
    assert np.array_equal(out, z.astype(np.int64) @ weight.astype(np.int64).T)


def test_the_choice_is_one_that_the_processor_has() -> None:
    assert best_instructions(FEATURES).name in HERE
