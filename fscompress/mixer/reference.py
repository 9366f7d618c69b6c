"""The mixer in plain Python: the same arithmetic, stated once more and slowly, to hold the kernels against with ``==``.

Nothing is shared with the kernels but the tables, the settings and the priors.  ``>>`` floors; hashes are modulo 2^64.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from fscompress.mixer.priors import Priors, blank_priors
from fscompress.mixer.reference_lane import GOLDEN, M64, Lane, mix
from fscompress.mixer.settings import SET_ROWS, MixerSettings
from fscompress.mixer.tables import (
    BIT_CLASS,
    BYTE_CLASS,
    CONFIDENCE,
    COUNT_CLASS,
    LENGTH_BUCKET,
    RATE,
    SQUASH,
    SSE_NODES,
    SSE_STEP,
    STRETCH,
    STRETCH_LIMIT,
)


def clip(value: int, limit: int) -> int:
    """value within -limit..limit."""
    return max(-limit, min(limit, value))


def stepped(p: int, bit: int, top: int, count: int) -> int:
    """p moved towards 0 or ``top`` at the rate of ``count``."""
    return p + ((bit * top - p) * int(RATE[count]) >> 16)


@dataclass
class Slot:
    """One node of a bucket."""

    p18: int = 0
    count: int = 0
    register: int = 0

    def learn(self, p18: int, bit: int) -> None:
        """After ``bit``, from ``p18``."""
        self.p18 = stepped(p18, bit, 262143, self.count)
        self.count = min(self.count + 1, 62)
        register = max(self.register, 1) * 2 + bit
        self.register = register if register < 256 else 128 | register & 127


@dataclass
class Bucket:
    """One context and nibble."""

    check: int = 0
    slots: list[Slot] = field(default_factory=lambda: [Slot() for _ in range(16)])


@dataclass
class Map:
    """One entry of an adaptive map."""

    p22: int
    count: int

    @property
    def p1(self) -> int:
        """16 bits."""
        return self.p22 >> 6

    def learn(self, bit: int) -> None:
        """After ``bit``."""
        self.p22 = stepped(self.p22, bit, 4194303, self.count)
        self.count = min(self.count + 1, 255)


def maps_of(entries: Sequence[int]) -> list[Map]:
    """Maps from their packed form."""
    return [Map(int(e) >> 10, int(e) & 1023) for e in entries]


class ReferenceMixer:
    """``Mixer`` with one dictionary of buckets and Python integers, a call of ``advance`` for each decision."""

    def __init__(self, settings: MixerSettings, n_bytes: int, priors: Priors | None = None) -> None:
        priors = blank_priors(settings) if priors is None else priors
        self.settings, self.n_bytes, self.rate_start = settings, n_bytes, priors.rate_start
        self.lanes = [Lane() for _ in range(settings.lanes)]
        self.buckets: dict[int, Bucket] = {}
        self.maps = [maps_of(row.tolist()) for row in priors.context_maps]
        self.match_maps = maps_of(priors.match_maps.tolist())
        self.node_slots = [Slot(int(s) >> 14, int(s) >> 8 & 63, int(s) & 255) for s in priors.node_slots]
        self.weights: dict[tuple[int, int], list[int]] = {}
        for number in settings.set_ids:
            rows = priors.set_rows[number].tolist()
            for row in range(SET_ROWS[number]):
                self.weights[number, row] = list(rows[row % len(rows)])
        rows = priors.final_rows.tolist()
        self.final = [list(rows[node % len(rows)]) for node in range(256)]
        self.sse: dict[tuple[int, int], int] = {}
        self.stride = -(-n_bytes // settings.lanes) + 1
        self.link_log2 = min(20, max(8, n_bytes.bit_length()))
        self.links: dict[int, int] = {}
        self.follow: dict[tuple[int, int], int] = {}
        self.step = self.bit = self.n_decisions = 0
        self.pending: list[dict] = []  # type: ignore[type-arg]
        for lane in self.lanes:
            self._open_byte(lane)
            self._open_nibble(lane)

    def _open_byte(self, lane: Lane) -> None:
        every = lane.hashes()
        lane.chosen = [every[i] for i in self.settings.context_ids]  # type: ignore[attr-defined]

    def _open_nibble(self, lane: Lane) -> None:
        chosen = lane.chosen  # type: ignore[attr-defined]
        if self.bit >= 4:
            chosen = [mix(h, lane.node) for h in chosen]
        lane.buckets = [self._bucket(h) for h in chosen]  # type: ignore[attr-defined]

    def _bucket(self, h: int) -> Bucket:
        check, home = h >> 48 | 1, h >> 20 & (1 << self.settings.table_log2) - 1
        tries = [self.buckets.setdefault(home ^ k, Bucket()) for k in (0, 1, 2)]
        for bucket in tries:
            if bucket.check == check:
                return bucket
        bucket = min(tries, key=lambda b: b.slots[1].count)
        bucket.check = check
        for slot in bucket.slots:  # in place: another lane may hold this bucket
            slot.p18 = slot.count = slot.register = 0
        return bucket

    @property
    def n_active(self) -> int:
        """Lanes of the step at hand."""
        return sum(self.step < self.length(k) for k in range(self.settings.lanes))

    def length(self, lane: int) -> int:
        """Bytes of that lane."""
        return self.n_bytes // self.settings.lanes + (lane < self.n_bytes % self.settings.lanes)

    def advance(self, bits: Sequence[int] | None, networks: Sequence[Sequence[int]] = ()) -> list[int]:
        """Learns the bits of the decision before, then predicts: p1 of each active lane."""
        if bits is not None:
            self._update([int(b) for b in bits])
        self.pending = [self._predict(k, [int(n[k]) for n in networks]) for k in range(self.n_active)]
        return [d["p1"] for d in self.pending]

    def _predict(self, index: int, networks: list[int]) -> dict:  # type: ignore[type-arg]
        lane, bit = self.lanes[index], self.bit
        node = lane.node
        place = node if bit < 4 else 1 << bit - 4 | node & (1 << bit - 4) - 1
        known, order = self.node_slots[node].p18, 0
        x = [int(STRETCH[known >> 2]), 256]
        learned, maps = [], []
        for k, bucket in enumerate(lane.buckets):  # type: ignore[attr-defined]
            slot = bucket.slots[place]
            if slot.register == 0:
                learned.append((slot, known))
                x += [0, 0, 0]
                continue
            entry = self.maps[k][slot.register + int(COUNT_CLASS[slot.count])]
            maps.append(entry)
            learned.append((slot, slot.p18))
            x.append(int(STRETCH[slot.p18 >> 2]) * int(CONFIDENCE[slot.count]) >> 8)
            x += [int(STRETCH[entry.p1]), (slot.p18 >> 2) - 32768 >> 5]
            if k < 6:
                order, known = k + 1, slot.p18
        state, match = 0, None
        if lane.match_byte and lane.match_byte >> 8 - bit == node:
            expected = lane.match_byte >> 7 - bit & 1
            state = int(LENGTH_BUCKET[lane.match_length])
            if lane.match_misses and lane.match_length < 16:
                state = 23 + min(lane.match_misses, 8)
            entry = self.match_maps[state]
            match = (entry, expected)
            sign = 1 if expected else -1
            x += [sign * int(STRETCH[entry.p1]), sign * (entry.p1 - 32768 >> 5)]
            state = 2 * state + expected
        else:
            x += [0, 0]
        for p1 in networks:
            x += [int(STRETCH[p1]), p1 - 32768 >> 5]
        sure = 1 + (int(STRETCH[networks[0]]) + STRETCH_LIMIT) * 15 // (2 * STRETCH_LIMIT) if networks else 0
        classes = [int(BYTE_CLASS[lane.back(k)]) for k in (1, 2, 3)]
        rows = (
            state,
            node,
            lane.back(1) * 8 + bit,
            order * 8 + bit,
            sure * 16 + min(state >> 1, 15),
            lane.back(2) * 8 + bit,
            (classes[0] * 64 + classes[1] * 8 + classes[2]) * 4 + int(BIT_CLASS[bit]),
            min(lane.word_length, 15) * 8 + bit,
        )
        chosen = [self.weights[number, rows[number]] for number in self.settings.set_ids]
        hidden = [self._mixed(w, x) for w in chosen]
        final = self._mixed(self.final[node], hidden)
        sse, refined = self._refine(lane, final, sure)
        mixed = int(SQUASH[final + STRETCH_LIMIT])
        p1 = max(1, min(65535, 2 * mixed + 3 * refined[0] + 3 * refined[1] >> 3)) if refined else mixed
        return {
            "p1": p1,
            "x": x,
            "slots": learned,
            "maps": maps,
            "match": match,
            "chosen": chosen,
            "hidden": hidden,
            "mixed": mixed,
            "sse": sse,
        }

    @staticmethod
    def _mixed(weights: list[int], x: list[int]) -> int:
        return clip(sum((w >> 5) * v >> 8 for w, v in zip(weights, x, strict=True)) >> 7, STRETCH_LIMIT)

    def _refine(self, lane: Lane, x: int, sure: int) -> tuple[list[tuple[int, int]], list[int]]:
        low, part = divmod(x + 2848, SSE_STEP)
        keys: list[tuple[int, int]] = []
        values: list[int] = []
        if not self.settings.sse_log2:
            return keys, values
        inputs = (lane.last(1) << 8 | sure << 16, GOLDEN), (lane.last(2) << 8, 0xCA5A826395121157)
        for stage, (past, factor) in enumerate(inputs):
            h = (lane.node | past) * factor & M64
            context = (h >> 40 & (1 << self.settings.sse_log2) - 1) * SSE_NODES
            pair = [self._sse(stage, context + low + k) for k in (0, 1)]
            values.append((pair[0] * (SSE_STEP - part) + pair[1] * part) // SSE_STEP >> 16)
            keys.append((stage, context + low + int(2 * part >= SSE_STEP)))
        return keys, values

    def _sse(self, stage: int, index: int) -> int:
        node = clip(index % SSE_NODES * SSE_STEP - 2848, STRETCH_LIMIT)
        return self.sse.get((stage, index), int(SQUASH[node + STRETCH_LIMIT]) << 16)

    def _update(self, bits: list[int]) -> None:
        active = len(self.pending)
        self.n_decisions += active
        rate = 4 * self.settings.rate + (self.rate_start << 10) // (1024 + (self.n_decisions >> 3))
        for lane, bit, d in zip(self.lanes, bits, self.pending, strict=False):
            self._learn(lane, bit, d, rate)
        self.bit += 1
        if self.bit == 4:
            for lane in self.lanes[:active]:
                self._open_nibble(lane)
        elif self.bit == 8:
            self.bit = 0
            self._end_step(self.lanes[:active])

    def _learn(self, lane: Lane, bit: int, d: dict, rate: int) -> None:  # type: ignore[type-arg]
        for slot, p18 in d["slots"]:
            slot.learn(p18, bit)
        for entry in d["maps"]:
            entry.learn(bit)
        slot = self.node_slots[lane.node]
        slot.learn(slot.p18, bit)
        if d["match"]:
            entry, expected = d["match"]
            entry.learn(int(expected == bit))
        for weights, x in zip(d["chosen"], d["hidden"], strict=True):
            p1 = int(SQUASH[x + STRETCH_LIMIT])
            self._train(weights, d["x"], ((bit << 16) - p1) * rate >> 6)
        self._train(self.final[lane.node], d["hidden"], ((bit << 16) - d["mixed"]) * 60 >> 6)
        for stage, index in d["sse"]:
            value = self._sse(stage, index)
            self.sse[stage, index] = value + ((bit * 0xFFFFFFFF - value) >> 5)
        lane.node = lane.node * 2 + bit

    @staticmethod
    def _train(weights: list[int], x: list[int], error: int) -> None:
        error = clip(error, (1 << 19) - 1)
        for i, v in enumerate(x):
            weights[i] = clip(weights[i] + (v * error + 8192 >> 14), (1 << 23) - 1)

    def _end_step(self, lanes: list[Lane]) -> None:
        for lane in lanes:
            lane.remember(lane.node & 255, self.follow)
            lane.node = 1
            h = (lane.last(8) << 24 & M64) * GOLDEN & M64
            lane.match_key = h >> 64 - self.link_log2
        for lane in lanes if self.settings.match else ():
            self._follow_match(lane)
        for index, lane in enumerate(lanes):
            self.links[lane.match_key] = index * self.stride + self.step + 1
            self._open_byte(lane)
        self.step += 1
        for lane in lanes:
            self._open_nibble(lane)

    def _byte_at(self, index: int) -> int:
        number, offset = divmod(index, self.stride)
        text = self.lanes[number].text
        return text[offset] if offset < len(text) else 0

    def _follow_match(self, lane: Lane) -> None:
        if lane.match_at:
            if lane.text[-1] == self._byte_at(lane.match_at):
                lane.match_length = min(lane.match_length + 1, 400)
                if lane.match_length >= 16:
                    lane.match_misses = 0
            else:
                lane.match_length, lane.match_misses = 0, lane.match_misses + 1
            lane.match_at = lane.match_at + 1 if lane.match_misses <= 8 else 0
        found = self.links.get(lane.match_key, 0)
        if lane.match_length < 20 and len(lane.text) >= 5 and found:
            length = 0
            while length < min(64, len(lane.text), found) and self._byte_at(found - 1 - length) == lane.back(
                length + 1
            ):
                length += 1
            if length >= 5 and length > lane.match_length:
                lane.match_at, lane.match_length, lane.match_misses = found, length, 0
        lane.match_byte = 256 + self._byte_at(lane.match_at) if lane.match_at else 0
