"""What a model file describes: the kind of its cells and their wiring, and which tensors it has then.

Both model schemes are read into one ``Form``; the tensors of scheme 1 go by the names that scheme 2 has for them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fscompress.engine import arithmetic as q
from fscompress.engine.compact import Dtypes, Tensors, expand_cell, stored_dtypes
from fscompress.engine.kinds import KINDS, LSTM, CellKind
from fscompress.engine.model_rules import ModelRule, broken_model
from fscompress.engine.spec import check_array, check_wiring
from fscompress.wiring import FAST, SLOW, Place, Wiring, fs_rnn

FS_LSTM, RECURRENT = q.SCHEMES
COMMON: Dtypes = {
    "embedding": np.int8,
    "output.weight": np.int8,
    "output.multiplier": np.int32,
    "output.bias": np.int32,
    "table.sigmoid": np.int16,
    "table.tanh": np.int16,
    "table.exp2": np.int32,
    "canary": np.uint8,
}
# names of scheme 1 and what scheme 2 calls the same
RENAMED = {
    "input.weight": "cell.0.input.weight",
    "input.multiplier": "cell.0.input.multiplier",
    "initial.fast": f"initial.{FAST}",
    "initial.slow": f"initial.{SLOW}",
}
WIRING: Dtypes = {"places": np.int32, "groups": np.int32, "read_out": np.int32}
NO_SOURCE = -1


@dataclass(frozen=True)
class Form:
    """Of an ``IntegerModel``; ``shifts`` are those of its cells' products."""

    kind: str
    wiring: Wiring
    shifts: tuple[int, ...]

    @property
    def is_fs_lstm(self) -> bool:
        """Whether scheme 1 has it."""
        return self.kind == LSTM and self.wiring.is_fs_rnn

    def dtypes(self) -> Dtypes:
        """Names and types of the tensors that depend on the form, as scheme 2 calls them."""
        kind = KINDS[self.kind]
        found: Dtypes = {f"initial.{group}": np.int32 for group in range(len(self.wiring.sizes))}
        for i, place in enumerate(self.wiring.places):
            found |= {f"cell.{i}.{key}": dtype for key, dtype in cell_dtypes(kind, place.reads_byte).items()}
        return found


def cell_dtypes(kind: CellKind, reads_byte: bool) -> Dtypes:
    """Names and types of a cell's tensors."""
    found: Dtypes = {"weight": np.int8, "multiplier": np.int32, "bias": np.int32, "keep": np.int32}
    if kind.norms:
        found |= {"epsilon": np.int64, "gain": np.int32}
    if kind.scalars:
        found |= {"scalars": np.int32}
    if reads_byte:
        found |= {"input.weight": np.int8, "input.multiplier": np.int32}
    return found


def require(tensors: Tensors, dtypes: Dtypes) -> None:
    """Raises ModelFileError unless all of these tensors are there, each of its type."""
    for name, dtype in dtypes.items():
        if name not in tensors:
            raise broken_model(ModelRule.MISSING, f"incomplete model (no tensor {name})")
        if tensors[name].dtype != dtype:
            what = f"tensor {name} is {tensors[name].dtype}, expected {np.dtype(dtype)}"
            raise broken_model(ModelRule.DTYPE, what)


def require_no_others(tensors: Tensors, dtypes: Dtypes) -> None:
    """Raises ModelFileError if there are tensors that are none of these."""
    strange = tensors.keys() - dtypes.keys()
    if strange:
        raise broken_model(ModelRule.STRANGE, f"tensor {min(strange)[:99]!r} is none of this model's")


def fs_lstm_form(tensors: Tensors, n_cells: int) -> tuple[Form, Tensors]:
    """Of scheme 1: its form, and its tensors under the names of scheme 2."""
    groups = ("initial.fast", "initial.slow")
    require(tensors, dict.fromkeys(groups, np.int32))
    for name in groups:
        if tensors[name].ndim != 2:
            raise broken_model(ModelRule.SHAPE, f"{name} has shape {tensors[name].shape}")
    fast, slow = (tensors[name].shape[1] for name in groups)
    form = Form(LSTM, fs_rnn(fast, slow, n_cells - 1), (q.PRODUCT_SHIFT,) * n_cells)
    check_wiring(FS_LSTM, form.wiring)
    older = {new: old for old, new in RENAMED.items()}
    dtypes = COMMON | {older.get(name, name): dtype for name, dtype in form.dtypes().items()}
    require(tensors, dtypes)
    require_no_others(tensors, dtypes)
    embedding_size(tensors)
    return form, {RENAMED.get(name, name): tensor for name, tensor in tensors.items()}


def embedding_size(tensors: Tensors) -> int:
    """E; raises ModelFileError where the embedding has an impossible shape."""
    embedding = tensors["embedding"]
    if embedding.ndim != 2 or len(embedding) != 256 or not 1 <= embedding.shape[1] <= q.MAX_SIZE:
        raise broken_model(ModelRule.SHAPE, f"embedding has shape {embedding.shape}")
    return int(embedding.shape[1])


def recurrent_form(tensors: Tensors, kind: str) -> tuple[Form, Tensors]:
    """Of scheme 2: its form, and its tensors, those of the cells expanded."""
    form = Form(kind, *_wired(tensors))
    dtypes = COMMON | WIRING | stored_dtypes(form.dtypes(), tensors)
    require(tensors, dtypes)
    require_no_others(tensors, dtypes)
    return form, {**tensors, **_expanded(tensors, form)}


def _expanded(tensors: Tensors, form: Form) -> Tensors:
    """All matrices of cells; how many weights they have is known before one of them is made."""
    read, rows, columns = embedding_size(tensors), list[int](), list[dict[str, int]]()
    for place in form.wiring.places:
        rows.append(KINDS[form.kind].gates * form.wiring.sizes[place.group])
        columns.append(({"input.weight": read} if place.reads_byte else {}) | {"weight": form.wiring.width(place)})
    n_weights = sum(n * sum(widths.values()) for n, widths in zip(rows, columns, strict=True))
    if n_weights > q.MAX_WEIGHTS:
        raise broken_model(ModelRule.SHAPE, f"{n_weights:,} weights of cells, more than {q.MAX_WEIGHTS:,}")
    found: dict[str, Any] = {}
    for i, (n, widths) in enumerate(zip(rows, columns, strict=True)):
        found |= expand_cell(tensors, f"cell.{i}.", n, widths)
    return found


def _wired(tensors: Tensors) -> tuple[Wiring, tuple[int, ...]]:
    """The wiring of scheme 2, and the shifts of the cells' products."""
    require(tensors, WIRING)
    places, groups, read_out = (tensors[name] for name in WIRING)
    n_cells, n_groups = (len(array) if array.ndim else 0 for array in (places, groups))
    check_array("places", places, (n_cells, 4), NO_SOURCE, q.MAX_CELLS)
    check_array("shifts of places", places[:, 3], (n_cells,), q.LOWEST_SHIFT, q.PRODUCT_SHIFT)
    check_array("groups", groups, (n_groups,), 1, q.MAX_SIZE)
    check_array("read_out", read_out, (2,), 0, q.MAX_CELLS)
    if not np.isin(places[:, 2], (0, 1)).all():
        raise broken_model(ModelRule.VALUE, "places leaves its bounds: a cell reads the byte or not")
    wiring = Wiring(
        tuple(map(int, groups)),
        tuple(
            Place(int(group), None if source == NO_SOURCE else int(source), bool(reads_byte))
            for group, source, reads_byte, _ in places
        ),
        range(int(read_out[0]), int(read_out[1]) + 1),
    )
    check_wiring(RECURRENT, wiring)
    return wiring, tuple(map(int, places[:, 3]))


def wiring_tensors(form: Form) -> dict[str, np.ndarray[Any, Any]]:
    """What ``recurrent_form`` reads the form of, but for the kind."""
    pairs = zip(form.wiring.places, form.shifts, strict=True)
    places = [(p.group, NO_SOURCE if p.source is None else p.source, p.reads_byte, shift) for p, shift in pairs]
    read = form.wiring.read_groups
    tables = (places, form.wiring.sizes, (read[0], read[-1]))
    return {name: np.array(table, np.int32) for name, table in zip(WIRING, tables, strict=True)}
