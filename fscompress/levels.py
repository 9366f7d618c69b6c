"""Levels: what an encoder chooses for a block, from level and block length alone.  A decoder reads it instead.

| level | coding | for |
|---|---|---|
| fast | the network alone, many lanes | speed |
| light | network and a smaller mixer, four lanes | code, data and prose in half of normal's time |
| normal | network and mixer | everything |
| best | network or networks, all contexts, few lanes, large tables | size |
| bulk | the network alone, thousands of lanes | speed on a GPU |
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fscompress.container import SCHEME_MIXED, SCHEME_NETWORK, Rule, broken
from fscompress.engine import Engine
from fscompress.errors import RefusedError
from fscompress.lanes import LaneRule
from fscompress.mixer import BEST, LIGHT, NORMAL, Mixer, MixerSettings, priors_of, settings_for
from fscompress.predictor import MixingPredictor, NetworkPredictor, Predictor


@dataclass(frozen=True)
class Level:
    """A named choice: how long blocks are, and the mixer's level or, for the network alone, the rule of its lanes."""

    name: str
    block_log2: int
    coding: int | LaneRule

    @property
    def mixing(self) -> int | None:
        """The mixer's level; None for the network alone."""
        return None if isinstance(self.coding, LaneRule) else self.coding


@dataclass(frozen=True)
class Plan:
    """How one block is coded: what its record says."""

    scheme: int
    lanes: int
    parameters: bytes

    @property
    def mixer_settings(self) -> MixerSettings | None:
        """None for the network alone; raises ValueError for parameters that no encoder writes."""
        return None if self.scheme == SCHEME_NETWORK else MixerSettings.unpack(self.parameters)


LEVELS = {
    "fast": Level("fast", 19, LaneRule(1 << 14, 64)),  # 512 KiB: two cores share a text of 1 MB, and lanes are free
    "light": Level("light", 20, LIGHT),
    "normal": Level("normal", 22, NORMAL),
    "best": Level("best", 24, BEST),
    "bulk": Level("bulk", 24, LaneRule(1 << 12, 4096)),  # for devices that want thousands of rows
}
DEFAULT_LEVEL = "normal"


def level(name: str) -> Level:
    """The level of that exact name; raises RefusedError that lists the valid names."""
    try:
        return LEVELS[name]
    except KeyError:
        raise RefusedError(f"unknown level '{name}' (known: {', '.join(LEVELS)})") from None


def plan(chosen: Level, n_bytes: int, n_networks: int) -> Plan:
    """The plan of a block of ``n_bytes``."""
    if isinstance(chosen.coding, LaneRule):
        return Plan(SCHEME_NETWORK, chosen.coding.lanes(n_bytes), bytes(12))
    settings = settings_for(chosen.coding, n_bytes, n_networks)
    return Plan(SCHEME_MIXED, settings.lanes, settings.pack())


def n_networks(scheme: int, parameters: bytes) -> int:
    """How many of a stream's models a block uses: the first so many."""
    return 1 if scheme == SCHEME_NETWORK else MixerSettings.networks_in(parameters)


def predictor(planned: Plan, n_bytes: int, engines: Sequence[Engine], offset: int = 0) -> Predictor:
    """What predicts a block of that plan, in encoder and decoder.

    Args:
        engines: one for each network.
        offset: of the block in its file, for the message.
    Raises:
        DamagedError: parameters that no encoder writes (R18).
    """
    try:
        settings = planned.mixer_settings
    except ValueError as error:
        raise broken(Rule.PARAMETERS, error, "settings of a level", offset) from error
    if settings is None:
        return NetworkPredictor(engines[0], n_bytes, planned.lanes)
    return MixingPredictor(engines, Mixer(settings, n_bytes, priors_of(settings)))
