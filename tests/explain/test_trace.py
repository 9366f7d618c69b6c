"""What a page tells is what the encoder would pay, byte by byte, and what the mixer's own inputs said."""

import numpy as np
import pytest

from fscompress.bench.ablation import ablate
from fscompress.code_lengths import cost, decisions, file_order, mixed_cost, network_cost
from fscompress.explain.summary import KINDS, PLACES, by_input, by_kind, by_place, running_cost
from fscompress.explain.trace import NETWORK, NOBODY, TOP, Trace, trace, weigh
from fscompress.lanes import to_rows
from fscompress.levels import LEVELS, Level, plan
from fscompress.mixer import Mixer, MixerSettings, priors_of
from fscompress.mixer.tables import STRETCH
from tests.helpers import blank_plan, cpu, reference, text, tiny

NORMAL = LEVELS["normal"]


def made(data: bytes, *bits: float) -> Trace:
    """A trace of these bytes with these costs, twice that for the network."""
    costs = np.array(bits or [1.0] * len(data))
    winners = np.tile(np.array([[0, 1]], np.uint8), (len(data), 1))
    top = np.zeros((len(data), TOP), np.uint8)
    return Trace(data, costs, 2 * costs, (NETWORK, NOBODY), winners, np.ones(1), top, top / 255)


@pytest.mark.parametrize("name", LEVELS)
def test_bits_sum_to_the_ideal_length_of_the_level(name: str) -> None:
    plain, chosen = text(1501), LEVELS[name]
    planned, found = plan(chosen, len(plain), 1), trace(plain, chosen, cpu(tiny()))
    parts = decisions(plain, planned.lanes, cpu(tiny()))
    alone = network_cost(parts)
    ideal = alone if chosen.mixing is None else mixed_cost(MixerSettings.unpack(planned.parameters), parts)
    assert found.bits.sum() == pytest.approx(8 * ideal)
    assert found.network_bits.sum() == pytest.approx(8 * alone)
    assert found.bits.shape == found.network_bits.shape == (1501,)


def test_a_long_text_is_cut_into_blocks() -> None:
    plain, short = text(1100), Level("normal", 9, NORMAL.coding)
    found = trace(plain, short, cpu(tiny()))
    assert found.bits.sum() == pytest.approx(8 * ablate([plain], short, cpu(tiny()))[0].total)
    alone = [trace(plain[start : start + 512], short, cpu(tiny())) for start in (0, 512, 1024)]
    assert np.array_equal(found.bits, np.concatenate([each.bits for each in alone]))
    assert np.array_equal(found.winners, np.concatenate([each.winners for each in alone]))


def test_runs_of_steps_follow_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = text(300)
    whole = trace(plain, NORMAL, cpu(tiny()))
    monkeypatch.setattr("fscompress.explain.trace.RUN_STEPS", 64)
    short = trace(plain, NORMAL, cpu(tiny()))
    assert np.array_equal(short.bits, whole.bits)
    assert np.array_equal(short.winners, whole.winners)
    assert short.evidence == pytest.approx(whole.evidence)


@pytest.mark.parametrize("lanes", [1, 3])
def test_a_look_does_not_change_what_is_coded(lanes: int) -> None:
    plain = text(400)
    settings = MixerSettings.unpack(blank_plan("normal", len(plain), lanes=lanes, sse_log2=0).parameters)
    parts = decisions(plain, lanes, cpu(tiny()))
    mixers = [Mixer(settings, len(plain), priors_of(settings)) for _ in range(2)]
    for part in parts:
        p1, evidence = weigh(mixers[0], part)
        assert np.array_equal(p1, mixers[1].run_steps(part.data, part.network))
        signs = 2 * part.bits.astype(np.int64) - 1
        odds = (signs * STRETCH[p1]).sum(axis=1)  # nats, 8 fraction bits: the evidence of all inputs together
        apart = np.abs(odds - evidence.sum(axis=2) / (1 << 20))
        assert np.median(apart) < 16, "roundings alone, but where a set's sum is clipped"


def test_order_of_lanes() -> None:
    plain = bytes(range(11))
    rows = to_rows(plain, 4)
    assert file_order([rows[:2], rows[2:, :3]]).tolist() == list(plain)


def test_what_the_network_expects() -> None:
    plain, engine = text(300), reference(tiny())
    found = trace(plain, LEVELS["fast"], cpu(tiny()))
    engine.start(1)
    for at, byte in enumerate(plain[:20]):
        weights = engine.tree[0, 256:].astype(np.int64)
        assert found.top[at].tolist() == sorted(range(256), key=lambda v: -weights[v])[:TOP]
        assert found.top_p[at].tolist() == [weights[v] / engine.tree[0, 1] for v in found.top[at]]
        engine.advance(np.array([byte], np.uint8))


def test_winners_are_of_the_levels_inputs() -> None:
    found = trace(text(600), NORMAL, cpu(tiny()))
    settings = MixerSettings.unpack(plan(NORMAL, 600, 1).parameters)
    assert len(found.names) == len(set(found.names)) == len(settings.context_ids) + 5
    assert found.names[-2:] == (NETWORK, NOBODY)
    assert found.winners.max() < len(found.names)
    inputs = by_input(found)
    assert sum(each.first.n_bytes for each in inputs) == sum(each.n_second for each in inputs) == 600
    assert sum(each.first.bits for each in inputs) == pytest.approx(found.bits.sum())


def test_kinds() -> None:
    shares = by_kind(made("aZ 9\t\r\n,~é\0\x7f".encode(), *range(13)))
    figures = {share.name: (share.n_bytes, share.bits, share.network_bits) for share in shares}
    costs = [(2, 0 + 1), (1, 3), (2, 2 + 4), (2, 5 + 6), (2, 7 + 8), (2, 9 + 10), (2, 11 + 12)]
    assert figures == {name: (n, bits, 2 * bits) for name, (n, bits) in zip(KINDS, costs, strict=True)}


def test_places_in_words() -> None:
    shares = by_place(made(b"ab c, " + b"x" * 12 + "é".encode()))
    counts = dict.fromkeys(PLACES, 1) | {"1": 3, "2": 2, PLACES[-1]: 5}
    assert {share.name: share.n_bytes for share in shares} == counts
    assert by_place(made(b" 1")) == []


def test_running_cost() -> None:
    ends, so_far, here = running_cost(np.array([4.0, 2, 0, 2]), 2)
    assert (ends.tolist(), so_far.tolist(), here.tolist()) == ([2, 4], [3, 2], [3, 1])
    assert running_cost(np.array([4.0]), 9)[0].tolist() == [1]


def test_cost_is_the_sum_of_the_bytes() -> None:
    (part,) = decisions(text(100), 1, cpu(tiny()))
    assert cost(part, part.network[:, :, 0]) == network_cost([part])
