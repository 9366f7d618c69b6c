"""Secondary symbol estimation: two stages that correct the mixed probability by what came of it in two contexts.

The first stage's context is order 1 and what the first network says (``sure``), the second one's is order 2.  A context
owns SSE_NODES entries of ``maps``, uint32 probabilities of 32 bits, one each SSE_STEP of stretch.  A mixer without
stages has SSE_MASK 0.
"""

import numpy as np

from fscompress.intrinsics import prefetch
from fscompress.jit import kernel
from fscompress.mixer.layout import (
    LAST8,
    MIXED_P1,
    NODE,
    SSE1_MAPS,
    SSE1_SLOT,
    SSE2_MAPS,
    SSE2_SLOT,
    SSE_MASK,
    VECTOR,
)
from fscompress.mixer.tables import SSE_NODES, SSE_STEP

i64, u32, u64 = np.int64, np.uint32, np.uint64

SSE_SHIFT = 5  # of the learning rate


@kernel
def find_stages(shape, lanes, lane, maps, sure):
    """Chooses both contexts of the decision, and has their entries fetched while the weighted sums are made."""
    if shape[SSE_MASK] == 0:
        return
    node, last8 = u64(lanes[lane, NODE]), u64(lanes[lane, LAST8])
    h1 = (node | (last8 & u64(255)) << u64(8) | u64(sure) << u64(16)) * u64(0x9E3779B97F4A7C15)
    h2 = (node | (last8 & u64(65535)) << u64(8)) * u64(0xCA5A826395121157)
    slot1 = shape[SSE1_MAPS] + (i64(h1 >> u64(40)) & shape[SSE_MASK]) * SSE_NODES
    slot2 = shape[SSE2_MAPS] + (i64(h2 >> u64(40)) & shape[SSE_MASK]) * SSE_NODES
    for line in range(0, SSE_NODES, VECTOR):
        prefetch(maps, slot1 + line)
        prefetch(maps, slot2 + line)
    lanes[lane, SSE1_SLOT] = slot1
    lanes[lane, SSE2_SLOT] = slot2


@kernel
def refine(shape, lanes, lane, maps, x):
    """p1, 1..65535: a quarter of the mixed p1, whose stretch is ``x``, and three eighths of each stage's."""
    if shape[SSE_MASK] == 0:
        return lanes[lane, MIXED_P1]
    low, part = (x + 2848) // SSE_STEP, (x + 2848) % SSE_STEP
    slot1, slot2 = lanes[lane, SSE1_SLOT] + low, lanes[lane, SSE2_SLOT] + low
    p1 = (i64(maps[slot1]) * (SSE_STEP - part) + i64(maps[slot1 + 1]) * part) // SSE_STEP >> 16
    p2 = (i64(maps[slot2]) * (SSE_STEP - part) + i64(maps[slot2 + 1]) * part) // SSE_STEP >> 16
    nearer = 1 if 2 * part >= SSE_STEP else 0
    lanes[lane, SSE1_SLOT] = slot1 + nearer
    lanes[lane, SSE2_SLOT] = slot2 + nearer
    return max(1, min(65535, (2 * lanes[lane, MIXED_P1] + 3 * p1 + 3 * p2) >> 3))


@kernel
def learn_stages(shape, lanes, lane, maps, bit):
    """Moves the entry nearest to the mixed probability towards ``bit`` (0 or 1), in both contexts."""
    if shape[SSE_MASK] == 0:
        return
    target = bit * 0xFFFFFFFF
    for at in (lanes[lane, SSE1_SLOT], lanes[lane, SSE2_SLOT]):
        value = i64(maps[at])
        maps[at] = u32(value + ((target - value) >> SSE_SHIFT))
