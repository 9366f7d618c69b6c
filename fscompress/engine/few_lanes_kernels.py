"""The step of a network as one kernel: products by tiles, then the kernels that ``many_lanes`` uses as well."""

from fscompress.engine import amx
from fscompress.engine.kernels import lstm_step, sum_trees
from fscompress.engine.tiles import CHOSEN, COLUMN_STEP, GROUP, TILE_ROWS, tile_of
from fscompress.jit import kernel
from fscompress.wiring import FAST

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


@kernel
def network_step(
    symbols,
    plan,
    packed,
    parameters,
    epsilon,
    table,
    shift,
    sigmoid,
    tanh,
    exp2,
    fast_h,
    fast_c,
    slow_h,
    slow_c,
    z,
    accumulator,
    x,
    index,
    tree,
    logits,
    shapes,
):
    """All cells and the read-out for the first n lanes, which read ``symbols`` (uint8 [n])."""
    n, no_narrow = symbols.shape[0], z[:, :0]
    for i in range(plan.shape[0] - 1):
        row = plan[i]
        multiply_into(packed, row[PACKED_AT], row[TILES], row[TILE_BYTES], row[GROUPS], z, n, accumulator, shapes)
        size, at = row[SIZE], row[PARAMETERS_AT]
        fast = row[GROUP_OF_CELL] == FAST
        lstm_step(
            accumulator,
            parameters[at : at + 4 * size],
            parameters[at + 4 * size : at + 8 * size],
            table if i == 0 else table[:0],
            symbols,
            epsilon[i],
            parameters[at + 8 * size : at + 13 * size],
            parameters[at + 13 * size : at + 18 * size],
            parameters[at + 18 * size : at + 18 * size + 2],
            sigmoid,
            tanh,
            fast_h if fast else slow_h,
            fast_c if fast else slow_c,
            z,
            0 if fast else fast_h.shape[1],
            no_narrow,
            x[: 4 * size],
            index[: 5 * size],
        )
    read_out(plan, packed, parameters, shift, exp2, z, n, accumulator, tree, logits, shapes)
