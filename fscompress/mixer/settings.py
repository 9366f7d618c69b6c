"""What a block's mixer is made of: 12 bytes of parameters, and the level rules that choose them.

The rules read the level and the block's length only, never the machine, so every encoder writes the same bytes.
"""

from dataclasses import dataclass

from fscompress.lanes import LaneRule

SET_MATCH, SET_NODE, SET_BYTE1, SET_ORDER, SET_NETWORK, SET_BYTE2, SET_CLASSES, SET_WORD = range(8)
SET_ROWS = (64, 256, 2048, 64, 288, 2048, 2048, 128)
N_CONTEXTS = 31
MATCH_BIT = 31  # of the mask of contexts: the match model
N_ORDERS = 6  # a new slot inherits along the first six chosen contexts, whatever they are: orders where a level chose
MAX_NETWORKS = 8
MAX_LANES = 65535
PACKED_BYTES = 12
BUCKET_BYTES = 64  # of the table of contexts
SSE_BYTES = 264  # of a context in both SSE stages: twice 33 entries of 32 bits

LIGHT, NORMAL, BEST = 1, 2, 3
BLANK_PRIORS, STORED_PRIORS = 0, 1
LEVELS = {"light": LIGHT, "normal": NORMAL, "best": BEST}


@dataclass(frozen=True)
class MixerSettings:
    """Parameters of one block's mixer; ``pack`` gives the bytes of the block header.

    Args:
        rate: 1..255; the learning rate of the weights falls to four times that.
        lanes: S, 1..65535.
        n_networks: networks whose node probabilities are inputs, 0..8.
        table_log2: log2 of the number of 64-byte buckets, 4..24.
        sse_log2: log2 of the number of contexts of an SSE stage, 8..16, or 0 for no such stages.
        contexts: bit i chooses context i of ``contexts.py``; 31 bits, at least one.  Bit 31 chooses the match model.
        sets: bit i chooses weight set i; 8 bits, at least one.
        priors: initial state, 0 blank or 1 the stored one.
    """

    rate: int
    lanes: int
    n_networks: int
    table_log2: int
    sse_log2: int
    contexts: int
    sets: int
    priors: int = STORED_PRIORS

    def __post_init__(self) -> None:
        limits = {
            "rate": (1, 255),
            "lanes": (1, MAX_LANES),
            "n_networks": (0, MAX_NETWORKS),
            "table_log2": (4, 24),
            "sse_log2": (8 if self.sse_log2 else 0, 16),
            "contexts": (1, (1 << 32) - 1),
            "sets": (1, 255),
            "priors": (BLANK_PRIORS, STORED_PRIORS),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"mixer: {name} must be in {low}..{high} (got {value})")
        if not self.context_ids:
            raise ValueError("mixer: contexts must be at least one beside the match model (got none)")

    @property
    def context_ids(self) -> tuple[int, ...]:
        """Chosen contexts, ascending: orders come first."""
        return tuple(i for i in range(N_CONTEXTS) if self.contexts >> i & 1)

    @property
    def match(self) -> bool:
        """Whether the match model predicts."""
        return bool(self.contexts >> MATCH_BIT & 1)

    @property
    def set_ids(self) -> tuple[int, ...]:
        """Chosen weight sets, ascending."""
        return tuple(i for i in range(8) if self.sets >> i & 1)

    def pack(self) -> bytes:
        """The parameter bytes: rate, networks, table_log2, sse_log2, lanes u16, contexts u32, sets, priors."""
        head = bytes((self.rate, self.n_networks, self.table_log2, self.sse_log2))
        return (
            head
            + self.lanes.to_bytes(2, "little")
            + self.contexts.to_bytes(4, "little")
            + bytes((self.sets, self.priors))
        )

    @staticmethod
    def unpack(packed: bytes) -> "MixerSettings":
        """The settings of 12 parameter bytes; ValueError for any that ``pack`` cannot have made."""
        if len(packed) != PACKED_BYTES:
            raise ValueError("mixer: parameters must be 12 bytes")
        rate, n_networks, table_log2, sse_log2 = packed[:4]
        lanes, contexts = int.from_bytes(packed[4:6], "little"), int.from_bytes(packed[6:10], "little")
        return MixerSettings(rate, lanes, n_networks, table_log2, sse_log2, contexts, packed[10], packed[11])

    @staticmethod
    def table_bytes(packed: bytes) -> int:
        """Bytes of the two tables whose sizes 12 parameter bytes choose; what is out of range counts as the largest."""
        table_log2, sse_log2 = min(packed[2], 24), min(packed[3], 16)
        return (BUCKET_BYTES << table_log2) + (SSE_BYTES << sse_log2)

    @staticmethod
    def networks_in(packed: bytes) -> int:
        """The number of networks of 12 parameter bytes, whatever else they hold."""
        return packed[1]


def mask(*ids: int) -> int:
    """Bit mask of the given numbers."""
    return sum(1 << i for i in ids)


ALL_CONTEXTS = (1 << 32) - 1
ALL_SETS = 255
SPARED = mask(4, 13, 19, 21, 22, 24, 28, 30)  # what level normal goes without: the least useful by ``bench --ablation``
LIGHT_CONTEXTS = mask(3, 6, 10, 11, 12, 14, 16, 20, 29, MATCH_BIT)  # added one by one, each time the most useful
LIGHT_SETS = mask(SET_MATCH, SET_BYTE1, SET_NETWORK, SET_CLASSES)


@dataclass(frozen=True)
class _Rule:
    """How a level's settings follow from a block's length: docs/BENCH.md, "Lanes"."""

    rate: int  # short files like it high, long prose low
    contexts: int
    sets: int
    lanes: LaneRule
    table_more: int  # log2 of the buckets a byte,
    table_most: int  # and of them all


_RULES = {
    LIGHT: _Rule(48, LIGHT_CONTEXTS, LIGHT_SETS, LaneRule(1 << 15, 4), 1, 20),
    NORMAL: _Rule(40, ALL_CONTEXTS - SPARED, ALL_SETS, LaneRule(1 << 20, MAX_LANES), 2, 21),
    BEST: _Rule(32, ALL_CONTEXTS, ALL_SETS, LaneRule(1 << 24, 1), 3, 22),
}


def settings_for(level: int, n_bytes: int, n_networks: int) -> MixerSettings:
    """The level's settings for a block of ``n_bytes``."""
    rule, log2 = _RULES[level], max(n_bytes, 1).bit_length()
    return MixerSettings(
        rate=rule.rate,
        lanes=rule.lanes.lanes(n_bytes),
        n_networks=n_networks,
        table_log2=min(max(log2 + rule.table_more, 6), rule.table_most),
        sse_log2=min(max(log2 - 2, 8), 16),
        contexts=rule.contexts,
        sets=rule.sets if n_networks else rule.sets & ~mask(SET_NETWORK),
    )
