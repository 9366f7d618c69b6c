"""What each part of the mixer is worth: ideal bytes of files with that part switched off.

The network's probabilities of a file are computed once; then one mixer runs over them for each variant.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fscompress.code_lengths import Steps, decisions, mixed_cost, network_cost
from fscompress.engine import Engine
from fscompress.errors import RefusedError
from fscompress.levels import Level, plan
from fscompress.mixer import LEVELS, MixerSettings, settings_for
from fscompress.mixer.names import CONTEXTS, SETS
from fscompress.mixer.settings import BLANK_PRIORS, MATCH_BIT, SET_MATCH, SET_NETWORK, mask
from fscompress.planned import blocks

LPAQ = mask(0, 1, 2, 3, 4, 5, 6, MATCH_BIT)
WHOLE, CONTEXT_GROUP, SET_GROUP, STAGE_GROUP, LPAQ_GROUP = "", "context", "weight set", "stage", "lpaq class"
GROUPS = (WHOLE, CONTEXT_GROUP, SET_GROUP, STAGE_GROUP, LPAQ_GROUP)


@dataclass(frozen=True)
class Variant:
    """Settings to change in every block's mixer; ``changes`` is None for the network without a mixer."""

    group: str
    name: str
    changes: Mapping[str, int] | None


@dataclass(frozen=True)
class Loss:
    """Ideal bytes of each file with one variant; ``percents`` and ``percent`` say how much that is above the whole."""

    group: str
    name: str
    n_bytes: tuple[float, ...]
    percents: tuple[float, ...]
    percent: float

    @property
    def total(self) -> float:
        """Ideal bytes of all files."""
        return sum(self.n_bytes)


def variants(settings: MixerSettings) -> Iterator[Variant]:
    """Everything on, then each part of the settings switched off, then smaller mixers.

    ``settings`` are those of any block: a level's contexts and sets do not depend on the block's length.
    """
    contexts, sets = settings.contexts, settings.sets
    yield Variant(WHOLE, "everything on", {})
    for i in settings.context_ids:
        yield Variant(CONTEXT_GROUP, CONTEXTS[i], {"contexts": contexts & ~mask(i)})
    for i in settings.set_ids:
        yield Variant(SET_GROUP, SETS[i], {"sets": sets & ~mask(i)})
    alone = {"n_networks": 0, "sets": sets & ~mask(SET_NETWORK)}
    yield Variant(STAGE_GROUP, "match model", {"contexts": contexts & ~mask(MATCH_BIT)})
    yield Variant(STAGE_GROUP, "SSE stages", {"sse_log2": 0})
    yield Variant(STAGE_GROUP, f"second layer: one weight set, {SETS[SET_MATCH]}", {"sets": mask(SET_MATCH)})
    yield Variant(STAGE_GROUP, "stored priors", {"priors": BLANK_PRIORS})
    yield Variant(STAGE_GROUP, "network", alone)
    yield Variant(STAGE_GROUP, "mixer: network alone", None)
    lpaq = {"contexts": LPAQ}
    yield Variant(LPAQ_GROUP, "orders 1 to 6, word and match alone", lpaq)
    yield Variant(LPAQ_GROUP, "the same without network", lpaq | alone)


def ablate(
    files: Sequence[bytes], chosen: Level, engine: Engine, tell: Callable[[str], None] = lambda _line: None
) -> list[Loss]:
    """Losses of all variants, by group and within a group the largest first; ``tell`` hears each when it is there.

    Args:
        files: none empty; each is cut into the level's blocks.
    Raises:
        RefusedError: the level has no mixer.
    """
    if chosen.mixing is None:
        raise RefusedError(f"level '{chosen.name}' has no mixer to take parts from (that have: {', '.join(LEVELS)})")
    known = [[_known(plain, chosen, engine) for plain in blocks(data, chosen)] for data in files]
    losses: list[Loss] = []
    for variant in variants(settings_for(chosen.mixing, len(files[0]), 1)):
        n_bytes = tuple(sum(_cost(variant, *block) for block in file) for file in known)
        whole = losses[0].n_bytes if losses else n_bytes
        percents = tuple(_percent(n, base) for n, base in zip(n_bytes, whole, strict=True))
        losses.append(Loss(variant.group, variant.name, n_bytes, percents, _percent(sum(n_bytes), sum(whole))))
        tell(f"{variant.group} {variant.name}: {losses[-1].percent:+.2f} %".lstrip())
    return sorted(losses, key=lambda loss: (GROUPS.index(loss.group), -loss.percent))


def _known(plain: bytes, chosen: Level, engine: Engine) -> tuple[MixerSettings, list[Steps]]:
    """The level's settings for a block, and the block's decisions."""
    planned = plan(chosen, len(plain), 1)
    assert planned.mixer_settings is not None
    return planned.mixer_settings, decisions(plain, planned.lanes, engine)


def _cost(variant: Variant, settings: MixerSettings, parts: list[Steps]) -> float:
    if variant.changes is None:
        return network_cost(parts)
    return mixed_cost(replace(settings, **variant.changes), parts)


def _percent(n_bytes: float, base: float) -> float:
    return 100 * (n_bytes / base - 1)
