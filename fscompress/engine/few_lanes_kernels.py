"""Products by tiles inside kernels, and the read-out; ``step_kernels.py`` makes the whole step of them."""

from fscompress.engine import amx
from fscompress.engine.kernels import sum_trees
from fscompress.engine.tiles import CHOSEN, COLUMN_STEP, GROUP, TILE_ROWS, tile_of
from fscompress.jit import kernel

# columns of ``plan``, one row a cell and a last one for the read-out
PACKED_AT, TILES, TILE_BYTES, GROUPS, GROUP_OF_CELL, SIZE, PARAMETERS_AT, PLAN_COLUMNS = range(8)
TILE_LANES = CHOSEN.tile_lanes
AMX, AMX_LANES, BATCH = amx.COMPILED, amx.FROM_LANES, amx.BATCH
configure, release, multiply_batch = amx.configure, amx.release, amx.multiply_batch
tile_of_1, tile_of_2, tile_of_3, tile_of_4 = (tile_of(CHOSEN, lanes) for lanes in (1, 2, 3, 4))


@kernel
def multiply_into(packed, packed_at, tiles, tile_bytes, groups, z, n, out, shapes):
    """out[s, :tiles * TILE_ROWS] = weights z[s, :4 * groups] for the lanes s < n.

    ``packed`` int8 [...], from ``packed_at`` on the tiles that ``pack`` made; ``z`` uint8 [S, >= 4 * groups], ``out``
    int32 [S, >= tiles * TILE_ROWS], both contiguous; ``shapes``: ``few_lanes.amx_shapes()``.
    """
    by_amx = False
    if AMX:  # numba leaves the branch out where there is no such unit
        by_amx = shapes.shape[0] > 0 and n >= AMX_LANES
        if by_amx:
            multiply_batches(packed, packed_at, tiles, tile_bytes, groups, z, n, out, shapes)
    if not by_amx:
        multiply_lanes(packed, packed_at, tiles, tile_bytes, groups, z, n, out)


@kernel
def multiply_batches(packed, packed_at, tiles, tile_bytes, groups, z, n, out, shapes):
    """As ``multiply_into``, by AMX; the last batch begins before the one ahead of it ends, if need be."""
    z_step, out_step = z.shape[1], out.shape[1]
    configure(shapes, min(n, BATCH) * shapes.shape[1])
    for tile in range(tiles):
        at = packed_at + tile * tile_bytes
        for s in range(0, n, BATCH):
            first = max(min(s, n - BATCH), 0)
            out_at = first * out_step + tile * TILE_ROWS
            steps = groups * GROUP // COLUMN_STEP
            multiply_batch(out, out_at, out_step, z, first * z_step, z_step, packed, at, steps)
    release()


@kernel
def multiply_lanes(packed, packed_at, tiles, tile_bytes, groups, z, n, out):
    """As ``multiply_into``, by tiles of up to TILE_LANES lanes."""
    z_step, out_step = z.shape[1], out.shape[1]
    for tile in range(tiles):
        at = packed_at + tile * tile_bytes
        s = 0
        if TILE_LANES == 4:  # numba leaves the branch out where it is not
            while s + 4 <= n:
                tile_of_4(out, s * out_step + tile * TILE_ROWS, out_step, z, s * z_step, z_step, packed, at, groups)
                s += 4
            if s + 3 == n:
                tile_of_3(out, s * out_step + tile * TILE_ROWS, out_step, z, s * z_step, z_step, packed, at, groups)
                s += 3
        while s + 2 <= n:
            tile_of_2(out, s * out_step + tile * TILE_ROWS, out_step, z, s * z_step, z_step, packed, at, groups)
            s += 2
        if s < n:
            tile_of_1(out, s * out_step + tile * TILE_ROWS, out_step, z, s * z_step, z_step, packed, at, groups)


@kernel
def repeat_products(plan, packed, z, n, accumulator, shapes, steps):
    """All products of ``steps`` steps and nothing else, from the states as they are: what a step costs at least."""
    for _ in range(steps):
        for i in range(plan.shape[0]):
            row = plan[i]
            multiply_into(packed, row[PACKED_AT], row[TILES], row[TILE_BYTES], row[GROUPS], z, n, accumulator, shapes)


@kernel
def read_out(plan, packed, parameters, shift, exp2, z, n, accumulator, tree, logits, shapes):
    """Sum trees of n lanes from their states; ``accumulator`` int32 [S, rows of a product], ``logits``: scratch."""
    row = plan[plan.shape[0] - 1]
    multiply_into(packed, row[PACKED_AT], row[TILES], row[TILE_BYTES], row[GROUPS], z, n, accumulator, shapes)
    at = row[PARAMETERS_AT]
    offset, multiplier = parameters[at : at + 256], parameters[at + 256 : at + 512]
    sum_trees(accumulator, n, offset, multiplier, parameters[at + 512 : at + 768], shift, exp2, tree, logits)
