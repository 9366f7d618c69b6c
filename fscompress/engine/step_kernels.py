"""The step of a network as one kernel, by one thread or by two.

A second thread computes two gates of each cell, o and g, from states and bytes, which it only reads, into memory of its
own.  So nothing depends on it.  The first thread computes f and i, and then those too, unless they are there: a second
thread that has not begun, since its processor is taken, is not waited for at all, and one that has is waited for about
as long as its gates take.  What it computes too late, from states that have changed meanwhile, belongs to a request
that nobody asks for any more.

Arrays come in tuples.  ``weights``: those of ``FewLanesLayout``, and ``amx_shapes()``; ``tables``: sigmoid, tanh and
exp2; ``states``: h and c int32 [S, H] of the fast and of the slow group, and z; ``scratch``, each thread's own:
accumulator int32 [S, 4H rounded up to tiles], x int32 [4H], normed uint16 [H], numbers int64 [4, 4].  H is the largest
cell's, of which others take the beginning.
"""

from fscompress.engine.few_lanes_kernels import (
    GROUP_OF_CELL,
    GROUPS,
    PACKED_AT,
    PARAMETERS_AT,
    SIZE,
    TILE_BYTES,
    multiply_into,
    read_out,
)
from fscompress.engine.kernels import GATES, cell_of_gates, look_up
from fscompress.engine.norm_kernels import gates_into
from fscompress.engine.tiles import TILE_ROWS
from fscompress.intrinsics import acquire, pause, publish, sleep
from fscompress.jit import kernel
from fscompress.wiring import FAST

SHARED = 2  # the first of the gates that a second thread computes
# Places in a mailbox, int64 [MAILBOX].  A request is one cell of one step of all lanes, so that its number says which.
# What different threads write is cache lines apart.
ASKED, FROM_GATE = 0, 1  # the first thread's: the last request; SHARED, or GATES where there is no second thread
BEGUN, DONE = 16, 17  # the second thread's: its last request
MAILBOX = 32
LEAVE = -1  # instead of a request
IDLE_PAUSES, IDLE_MICROSECONDS = 20000, 50  # of a thread that nobody asks: then it leaves its processor to others
WAIT_PAUSES, WAIT_PAUSES_A_LANE = 512, 512  # of a thread that waits for an answer, about the time of computing it


@kernel
def gates_of_cell(i, first, last, symbols, n, weights, tables, z, scratch, gates):
    """The gates from ``first`` to before ``last`` of cell ``i``, as ``cell_of_gates`` takes them.

    They go to their columns of ``gates`` uint16 [S, 4H].
    """
    plan, packed, parameters, epsilon, table, shapes = weights
    accumulator, x, _, numbers = scratch
    size, at, tile_bytes = plan[i, SIZE], plan[i, PARAMETERS_AT], plan[i, TILE_BYTES]
    a, b = first * size, last * size
    tile = a // TILE_ROWS
    tiles, skipped, packed_at = -(-b // TILE_ROWS) - tile, a - tile * TILE_ROWS, plan[i, PACKED_AT] + tile * tile_bytes
    multiply_into(packed, packed_at, tiles, tile_bytes, plan[i, GROUPS], z, n, accumulator, shapes)
    multiplier, gain, bias = at + 4 * size, at + 8 * size, at + 13 * size
    for s in range(n):
        gates_into(
            accumulator[s, skipped : skipped + b - a],
            parameters[at + a : at + b],
            parameters[multiplier + a : multiplier + b],
            table[symbols[s], a:b] if i == 0 else parameters[:0],
            epsilon[i, first:last],
            parameters[gain + a : gain + b],
            parameters[bias + a : bias + b],
            x[: b - a],
            gates[s, a:b],
            numbers,
        )
        look_up(tables[0], gates[s, a : min(b, 2 * size)])  # f and i
        look_up(tables[1], gates[s, max(a, 3 * size) : b])  # g


@kernel
def finish_cell(i, n, mine, others, weights, tables, states, scratch):
    """States of n lanes from the gates of cell ``i``: f and i in ``mine``, o and g in ``others``, uint16 [S, 4H]."""
    plan, _, parameters, epsilon, _, _ = weights
    fast_h, fast_c, slow_h, slow_c, z = states
    _, x, normed, _ = scratch
    fast = plan[i, GROUP_OF_CELL] == FAST
    h, c, column = (fast_h, fast_c, 0) if fast else (slow_h, slow_c, fast_h.shape[1])
    size, at = plan[i, SIZE], plan[i, PARAMETERS_AT]
    gain, bias, keep = at + 12 * size, at + 17 * size, at + 18 * size
    for s in range(n):
        cell_of_gates(
            mine[s, :size],
            mine[s, size : 2 * size],
            others[s, 2 * size : 3 * size],
            others[s, 3 * size : 4 * size],
            epsilon[i, GATES],
            parameters[gain : gain + size],
            parameters[bias : bias + size],
            parameters[keep : keep + 2],
            tables[0],
            tables[1],
            h[s],
            c[s],
            z[s, column : column + size],
            x,
            normed[:size],
        )


@kernel
def is_answered(mailbox, request, n):
    """Whether the second thread has done what was asked of it; waits a little for one that has begun."""
    if acquire(mailbox, BEGUN) == request:
        for _ in range(WAIT_PAUSES + n * WAIT_PAUSES_A_LANE):
            if acquire(mailbox, DONE) == request:
                return True
            pause()
    return False


@kernel
def answer_requests(mailbox, symbols, weights, tables, z, scratch, theirs):
    """What the second thread does until it is told to leave: gates o and g into ``theirs`` uint16 [S, 4H].

    ``symbols`` uint8 [S]: where the first thread leaves the bytes of a step.
    """
    cells, answered, idle = weights[0].shape[0] - 1, 0, 0
    while True:
        request = acquire(mailbox, ASKED)
        if request == LEAVE:
            return
        if request == answered:
            idle += 1
            if idle < IDLE_PAUSES:
                pause()
            else:
                sleep(IDLE_MICROSECONDS)
            continue
        publish(mailbox, BEGUN, request)
        i = (request - 1) % cells
        gates_of_cell(i, SHARED, GATES, symbols, symbols.shape[0], weights, tables, z, scratch, theirs)
        publish(mailbox, DONE, request)
        answered, idle = request, 0


@kernel
def network_step(symbols, weights, tables, shift, states, scratch, logits, tree, exchange):
    """All cells and the read-out for the first n lanes, which read ``symbols`` (uint8 [n]).

    ``logits`` int32 [256] is scratch; ``tree`` int32 [S, 512] is the result; ``exchange``: mailbox, the bytes of a step
    for the second thread uint8 [S], and gates from either thread uint16 [S, 4H].
    """
    mailbox, asked, mine, theirs = exchange
    plan, packed, parameters, _, _, shapes = weights
    n, z = symbols.shape[0], states[4]
    alone = n < asked.shape[0] or mailbox[FROM_GATE] == GATES
    last = GATES if alone else SHARED
    if not alone:
        for s in range(n):
            asked[s] = symbols[s]
    for i in range(plan.shape[0] - 1):
        request, others = mailbox[ASKED] + 1, mine
        if not alone:
            publish(mailbox, ASKED, request)
        gates_of_cell(i, 0, last, symbols, n, weights, tables, z, scratch, mine)
        if not alone:
            if is_answered(mailbox, request, n):
                others = theirs
            else:
                gates_of_cell(i, last, GATES, symbols, n, weights, tables, z, scratch, mine)
        finish_cell(i, n, mine, others, weights, tables, states, scratch)
    read_out(plan, packed, parameters, shift, tables[2], z, n, scratch[0], tree, logits, shapes)
