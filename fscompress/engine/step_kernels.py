"""The step of a network as one kernel, by one thread or by two.

A second thread computes two gates of each cell, o and g, and the sum trees of half of the lanes, from states and bytes,
which it only reads, into memory of its own.  So nothing depends on it.  The first thread computes the rest, and then
those too, unless they are there: a second thread that has not begun, since its processor is taken, is not waited for at
all, and one that has is waited for about as long as its part takes.  What it computes too late, from states that have
changed meanwhile, belongs to a request that nobody asks for any more.

Arrays come in tuples.  ``weights``: those of ``FewLanesLayout``, and ``amx_shapes()``; ``tables``: sigmoid, tanh and
exp2; ``states``: h and c int32 [S, H] of the fast and of the slow group, and z; ``scratch``, each thread's own:
accumulator int32 [S, 4H rounded up to tiles], x int32 [4H], normed uint16 [H], logits int32 [256], new cells int32 [S,
H], and numbers of layer normalisations int64 [at least 4 and S, 4].  H is the largest cell's, of which others take the
beginning.
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
from fscompress.engine.kernels import GATES, hidden_of_cell, look_up, new_cell_into
from fscompress.engine.norm_kernels import divide_into, gates_into
from fscompress.engine.tiles import TILE_ROWS
from fscompress.intrinsics import acquire, pause, publish, sleep
from fscompress.jit import kernel
from fscompress.wiring import FAST

SHARED = 2  # the first of the gates that a second thread computes
# Places in a mailbox, int64 [MAILBOX].  Requests of each step are its cells in their order and its trees.
# What different threads write is cache lines apart.
ASKED, IS_SHARED = 0, 1  # the first thread's: the last request; whether there is a second thread
BEGUN, DONE = 16, 17  # the second thread's: its last request
MAILBOX = 32
LEAVE = -1  # instead of a request
IDLE_PAUSES, IDLE_MICROSECONDS = 20000, 50  # of a thread that nobody asks: then it leaves its processor to others
WAIT_PAUSES, WAIT_PAUSES_A_LANE = 512, 512  # of a thread that waits for an answer, about the time of computing it


@kernel
def gates_of_cell(i, first, last, symbols, n, weights, tables, z, scratch, gates):
    """The gates from ``first`` to before ``last`` of cell ``i``, to their columns of ``gates`` uint16 [S, 4H].

    Of o table indices, of the others what tables hold there, as ``new_cell_into`` and ``hidden_of_cell`` take them.
    """
    plan, packed, parameters, epsilon, table, shapes = weights
    accumulator, x, _, _, _, numbers = scratch
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
    """States of n lanes from the gates of cell ``i``: f and i in ``mine``, o and g in ``others``, uint16 [S, 4H].

    Roots and divisions of all lanes come together, since each is a long wait.
    """
    plan, _, parameters, epsilon, _, _ = weights
    fast_h, fast_c, slow_h, slow_c, z = states
    _, x, normed, _, new, numbers = scratch
    fast = plan[i, GROUP_OF_CELL] == FAST
    h, c, column = (fast_h, fast_c, 0) if fast else (slow_h, slow_c, fast_h.shape[1])
    size, at = plan[i, SIZE], plan[i, PARAMETERS_AT]
    gain, bias, keep = at + 12 * size, at + 17 * size, parameters[at + 18 * size : at + 18 * size + 2]
    new_c = new if keep[1] else c  # in place where the old one is not needed any more
    for s in range(n):
        forget, write, shown = mine[s, :size], mine[s, size : 2 * size], others[s, 3 * size : 4 * size]
        numbers[s, 0], numbers[s, 1] = new_cell_into(forget, write, shown, c[s], new_c[s, :size])
    for s in range(n):
        divide_into(numbers[s], size, epsilon[i, GATES])
    for s in range(n):
        hidden_of_cell(
            others[s, 2 * size : 3 * size],
            new_c[s, :size],
            numbers[s],
            parameters[gain : gain + size],
            parameters[bias : bias + size],
            keep,
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
def read_lanes(first, n, weights, tables, shift, z, scratch, tree):
    """Sum trees of the lanes from ``first`` to before n, from their states, to ``tree`` int32 [n - first, 512]."""
    plan, packed, parameters, _, _, shapes = weights
    accumulator, _, _, logits, _, _ = scratch
    read_out(plan, packed, parameters, shift, tables[2], z[first:], n - first, accumulator, tree, logits, shapes)


@kernel
def answer_requests(mailbox, symbols, weights, tables, shift, z, scratch, theirs, their_tree):
    """What the second thread does until it is told to leave.

    Gates o and g go to ``theirs`` uint16 [S, 4H], trees of the later half of the lanes to ``their_tree`` int32
    [S - S // 2, 512].  ``symbols`` uint8 [S]: where the first thread leaves the bytes of a step.
    """
    cells, n, answered, idle = weights[0].shape[0] - 1, symbols.shape[0], 0, 0
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
        part = (request - 1) % (cells + 1)
        if part < cells:
            gates_of_cell(part, SHARED, GATES, symbols, n, weights, tables, z, scratch, theirs)
        else:
            read_lanes(n // 2, n, weights, tables, shift, z, scratch, their_tree)
        publish(mailbox, DONE, request)
        answered, idle = request, 0


@kernel
def ask(mailbox):
    """The number of the next request, which the second thread may begin."""
    request = mailbox[ASKED] + 1
    publish(mailbox, ASKED, request)
    return request


@kernel
def step_of_two(symbols, weights, tables, shift, states, scratch, tree, exchange):
    """``network_step`` of all lanes with a second thread."""
    mailbox, asked, mine, theirs, their_tree = exchange
    n, z = symbols.shape[0], states[4]
    for s in range(n):
        asked[s] = symbols[s]
    for i in range(weights[0].shape[0] - 1):
        request, others = ask(mailbox), theirs
        gates_of_cell(i, 0, SHARED, symbols, n, weights, tables, z, scratch, mine)
        if not is_answered(mailbox, request, n):
            gates_of_cell(i, SHARED, GATES, symbols, n, weights, tables, z, scratch, mine)
            others = mine
        finish_cell(i, n, mine, others, weights, tables, states, scratch)
    half, request = n // 2, ask(mailbox)
    read_lanes(0, half, weights, tables, shift, z, scratch, tree[:half])
    if half and is_answered(mailbox, request, n):
        for s in range(half, n):
            for node in range(tree.shape[1]):
                tree[s, node] = their_tree[s - half, node]
    else:
        read_lanes(half, n, weights, tables, shift, z, scratch, tree[half:])


@kernel
def network_step(symbols, weights, tables, shift, states, scratch, tree, exchange):
    """All cells and the read-out for the first n lanes, which read ``symbols`` (uint8 [n]).

    ``tree`` int32 [S, 512] is the result; ``exchange``: mailbox, the bytes of a step for the second thread uint8 [S],
    gates from either thread uint16 [S, 4H], and the second one's trees.
    """
    mailbox, asked, gates, _, _ = exchange
    n, z = symbols.shape[0], states[4]
    if n == asked.shape[0] and mailbox[IS_SHARED]:
        step_of_two(symbols, weights, tables, shift, states, scratch, tree, exchange)
        return
    for i in range(weights[0].shape[0] - 1):
        gates_of_cell(i, 0, GATES, symbols, n, weights, tables, z, scratch, gates)
        finish_cell(i, n, gates, gates, weights, tables, states, scratch)
    read_lanes(0, n, weights, tables, shift, z, scratch, tree)
