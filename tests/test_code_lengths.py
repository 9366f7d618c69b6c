"""Ideal code lengths are those of the network, and the coder spends hardly more."""

import pytest

from fscompress.code_lengths import decisions, mixed_cost, network_cost
from fscompress.engine.evaluation import integer_bits_per_byte
from fscompress.levels import LEVELS, plan
from fscompress.mixer import MixerSettings
from fscompress.planned import decode, encode
from tests.helpers import cpu, text, tiny


@pytest.mark.parametrize("lanes", [1, 3, 7])
def test_decisions_are_those_of_the_network(lanes: int) -> None:
    plain = text(601)
    parts = decisions(plain, lanes, cpu(tiny()))
    assert [part.data.shape for part in parts] == [(601 // lanes, lanes), *([(1, 601 % lanes)] if 601 % lanes else [])]
    assert all(part.network.shape == (len(part.data), 8, 1, part.data.shape[1]) for part in parts)
    whole = plain[: len(plain) // lanes * lanes]
    expected = integer_bits_per_byte(tiny(), whole, lanes) * len(whole) / 8
    assert network_cost(decisions(whole, lanes, cpu(tiny()))) == pytest.approx(expected)


def test_cost_is_what_the_coder_spends() -> None:
    plain = text(2003)
    planned = plan(LEVELS["normal"], len(plain), 1)
    ideal = mixed_cost(MixerSettings.unpack(planned.parameters), decisions(plain, planned.lanes, cpu(tiny())))
    block = encode(plain, planned, [cpu(tiny())])
    assert ideal <= len(block.coded) <= ideal + 12
    assert decode(block, [cpu(tiny())]) == plain
