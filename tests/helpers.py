"""What several test folders share: the tiny trained model, synthetic models at the bounds, text, whole runs."""

import gzip
import hashlib
import io
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fscompress.codec import CodingOptions, FindModel, decode_stream, encode_stream
from fscompress.container import SCHEME_MIXED
from fscompress.engine import Engine, IntegerModel, load_model
from fscompress.engine import arithmetic as q
from fscompress.engine.base import check_canary
from fscompress.engine.cpu import CpuEngine, PreparedModel
from fscompress.engine.kinds import KINDS, LSTM
from fscompress.engine.model_file import parse_model
from fscompress.engine.model_rules import ModelRule
from fscompress.engine.reference import ReferenceEngine
from fscompress.engine.spec import IntegerCell
from fscompress.errors import FscompressError, ModelNotFoundError
from fscompress.export.quantise import activation_tables
from fscompress.levels import Plan
from fscompress.mixer import LEVELS as MIXER_LEVELS
from fscompress.mixer import settings_for
from fscompress.mixer.settings import BLANK_PRIORS
from fscompress.wiring import Place, Wiring, fs_rnn

GOLDEN = Path(__file__).parent / "golden"
TINY = GOLDEN / "tiny.safetensors"
OTHER = GOLDEN / "other.safetensors"
TOP = (1 << 31) - 1
MODEL_RULES = {rule.code: rule for rule in ModelRule}

Array = npt.NDArray[Any]


@cache
def tiny() -> IntegerModel:
    """The trained model that golden files are coded with."""
    return load_model(TINY)


@cache
def other() -> IntegerModel:
    """The tiny model with another output bias: what a second network is tested with."""
    return load_model(OTHER)


@cache
def _manual() -> bytes:
    return "\n".join(topics[name] for name in sorted(topics)).encode()


def text(n_bytes: int, start: int = 100_000) -> bytes:
    """English, mostly, of which another Python may have another edition."""
    return _manual()[start : start + n_bytes]


def noise(n_bytes: int, seed: int = 1) -> bytes:
    """The same random bytes everywhere."""
    return np.random.default_rng(seed).bytes(n_bytes)


def find_tiny(model_id: bytes, name: str) -> IntegerModel:
    """Knows one model."""
    if model_id != tiny().id[:8]:
        raise ModelNotFoundError(f"needs model '{name}', id {model_id.hex()} [R31]")
    return tiny()


def find_either(model_id: bytes, name: str) -> IntegerModel:
    """Knows two."""
    return other() if model_id == other().id[:8] else find_tiny(model_id, name)


def encode(plain: bytes, models: Sequence[IntegerModel] = (), level: str = "fast", **options: Any) -> bytes:
    """An .fsc file of ``plain``; with the tiny model at the fastest level if nothing else is said."""
    target = io.BytesIO()
    encode_stream(io.BytesIO(plain), target, models or tiny(), CodingOptions(level=level, **options))
    return target.getvalue()


def blank_plan(level: str, n_bytes: int, n_networks: int = 1, **changes: int) -> Plan:
    """The plan of a level with a mixer, but without the stored priors, so that it does not change with them."""
    settings = settings_for(MIXER_LEVELS[level], n_bytes, n_networks)
    settings = replace(settings, **{"priors": BLANK_PRIORS} | changes)
    return Plan(SCHEME_MIXED, settings.lanes, settings.pack())


def decode(data: bytes, find: FindModel = find_tiny, **options: Any) -> bytes:
    """The inverse of ``encode``."""
    target = io.BytesIO()
    decode_stream(io.BytesIO(data), target, find, CodingOptions(**options))
    return target.getvalue()


def reference(model: IntegerModel) -> ReferenceEngine:
    """The norm."""
    return ReferenceEngine(model)


def cpu(model: IntegerModel, few_lanes: int = 8) -> CpuEngine:
    """The fast engine, its canary not asked; blocks of up to ``few_lanes`` take the way for few lanes."""
    return CpuEngine(PreparedModel(model, few_lanes=few_lanes))


def states(engine: Engine) -> list[Array]:
    """h, or h and c, of each group of cells, int64 [S, H] each."""
    pairs = engine.states() if isinstance(engine, CpuEngine) else engine._states  # type: ignore[attr-defined]
    return [np.asarray(member, np.int64) for pair in pairs for member in pair]


def synthetic(
    fast: int = 8,
    slow: int = 8,
    n_fast: int = 2,
    seed: int = 0,
    keep: tuple[int, int] = (1600, 3300),
    extreme: bool = False,
) -> IntegerModel:
    """An FS-LSTM of random tensors, or of tensors at every bound that the certificate allows."""
    return synthetic_of(LSTM, fs_rnn(fast, slow, n_fast), seed, keep, extreme)


def synthetic_of(
    kind: str, wiring: Wiring, seed: int = 0, keep: tuple[int, int] = (1600, 3300), extreme: bool = False
) -> IntegerModel:
    """As ``synthetic``, of any cells, wired as you like."""
    rng, has = np.random.default_rng(seed), KINDS[kind]
    table_limit = q.X_MAX // 2 if has.norms else 1 << 12

    def ends(shape: tuple[int, ...], low: int, high: int, dtype: Any = np.int32) -> Array:
        either = np.where(rng.integers(0, 2, shape) == 1, high, low)
        return (either if extreme else rng.integers(low, high, shape, endpoint=True)).astype(dtype)

    def cell(place: Place) -> IntegerCell:
        size = wiring.sizes[place.group]
        weight = ends((has.gates * size, wiring.width(place)), -q.WEIGHT_MAX, q.WEIGHT_MAX, np.int8)
        reach = q.HIDDEN_MAX * np.abs(weight.astype(np.int64)).sum(axis=1)
        shift = q.PRODUCT_SHIFT if has.norms else int(rng.integers(q.LOWEST_SHIFT, q.PRODUCT_SHIFT, endpoint=True))
        highest = q.X_MAX if has.norms or extreme else 1 << 13
        room = highest - 2 - (table_limit if place.reads_byte else 0)
        largest = np.clip((room << shift) // np.maximum(reach, 1), 1, TOP)
        epsilon = [1, 1, 1, 1 << 48, 1] if extreme else [1 << 30, 1 << 26, 1 << 22, 1 << 18, 1 << 20]
        return IntegerCell(
            weight=weight,
            multiplier=(largest if extreme else rng.integers(1, largest, endpoint=True)).astype(np.int32),
            table=ends((256 if place.reads_byte else 0, len(weight)), -table_limit, table_limit)
            >> (0 if extreme else 4),
            epsilon=np.array(epsilon[: has.norms], np.int64),
            gain=ends((has.norms, size), -TOP, TOP) >> (0 if extreme else 2),
            bias=ends((has.biases, size), -(1 << 20), 1 << 20) if extreme else ends((has.biases, size), -999, 999),
            keep=np.array(keep[: has.members], np.int32),
            shift=shift,
            scalars=ends((has.scalars,), 0, 1 << 15),
        )

    def state(size: int) -> tuple[Array, ...]:
        limit = 1 << q.HIDDEN_Q
        members = ends((size,), -limit, limit), ends((size,), -q.X_MAX, q.X_MAX) >> (0 if extreme else 6)
        return members[: has.members]

    output = ends((256, wiring.read_width), -q.WEIGHT_MAX, q.WEIGHT_MAX, np.int8)
    reach = q.HIDDEN_MAX * np.abs(output.astype(np.int64)).sum(axis=1)
    shift = 16 if extreme else q.PRODUCT_SHIFT
    steepest = ((1 << 29) << shift) // np.maximum(reach, 1) if extreme else (8000 << shift) // np.maximum(reach, 1)
    tables = activation_tables()
    return IntegerModel(
        name="synthetic",
        id=bytes(32),
        metadata={},
        kind=kind,
        wiring=wiring,
        cells=tuple(cell(place) for place in wiring.places),
        output=output,
        output_multiplier=np.clip(steepest, 1, TOP).astype(np.int32),
        output_bias=ends((256,), -(1 << 24), 1 << 24) if extreme else ends((256,), -3000, 3000),
        output_shift=shift,
        sigmoid=tables["table.sigmoid"].astype(np.int16),
        tanh=tables["table.tanh"].astype(np.int16),
        exp2=tables["table.exp2"].astype(np.int32),
        initial=tuple(map(state, wiring.sizes)),
        canary=rng.integers(0, 256, q.CANARY_STEPS).astype(np.uint8),
        canary_hash="",
    )


def with_cell(model: IntegerModel, index: int, **changes: Any) -> IntegerModel:
    """The model with some tensors of one cell replaced, and certified again."""
    cells = list(model.cells)
    cells[index] = replace(cells[index], **changes)
    return replace(model, cells=tuple(cells))


def check_model_is_refused(folder: Path, entry: dict[str, Any]) -> None:
    """The golden model file of that entry of a manifest is the one listed, and is refused by the rule listed."""
    data = gzip.decompress((folder / f"{entry['name']}.safetensors.gz").read_bytes())
    assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["length"], entry["sha256"])
    rule = MODEL_RULES[entry["rule"]]
    with pytest.raises(FscompressError) as caught:
        check_canary(ReferenceEngine(parse_model(data)), parse_model(data), "reference")
    assert type(caught.value) is rule.error
    assert str(caught.value).endswith(f"[{rule.code}]")
