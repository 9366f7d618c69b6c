"""docs/INTEGER.md against the code: tensors of a model file, the list of what is refused, tables and constants."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from fscompress.engine import arithmetic as q
from fscompress.engine import compact, model_file, model_form
from fscompress.engine.kinds import KINDS
from fscompress.engine.model_rules import ModelRule
from fscompress.errors import FscompressError
from fscompress.mixer import match, tables
from fscompress.mixer.priors import STORED
from fscompress.mixer.settings import N_CONTEXTS
from fscompress.wiring import sequential
from tests.golden.make_models import at, changed, smallest

TEXT = (Path(__file__).parents[2] / "docs" / "INTEGER.md").read_text(encoding="utf-8")
DTYPES = {"int8": np.int8, "uint8": np.uint8, "int16": np.int16, "int32": np.int32, "int64": np.int64}


def section(title: str) -> str:
    return re.split(r"^##+ ", TEXT.split(f"# {title}\n")[1], flags=re.MULTILINE)[0]


def rows(text: str, n_columns: int) -> list[list[str]]:
    """Cells of the rows of tables of ``n_columns`` columns, heads included, rules not."""
    lines = [line[2:-2].split(" | ") for line in text.splitlines() if re.match(r"\| [^-]", line)]
    return [cells for cells in lines if len(cells) == n_columns]


def tensor_rows() -> dict[str, list[str]]:
    found = {}
    for names, *cells in rows(section("2. The model file"), 4)[1:]:
        for name in re.findall(r"`([a-zA-Z0-9.]+)`", names):
            found[name.replace("cell.I.", "cell.")] = cells
    return found


def test_tensors_of_a_model_file() -> None:
    assert {name: DTYPES[cells[0]] for name, cells in tensor_rows().items()} == older_dtypes()


def older_dtypes() -> dict[str, Any]:
    """Names and types of the tensors of scheme 1."""
    form, _ = model_form.fs_lstm_form(smallest()[0], 3)
    older = {new: old for old, new in model_form.RENAMED.items()}
    named = {re.sub(r"^cell\.\d", "cell", older.get(name, name)): dtype for name, dtype in form.dtypes().items()}
    return model_form.COMMON | named


@pytest.mark.parametrize("name", sorted(smallest()[0]))
def test_shapes_and_limits_of_tensors(name: str) -> None:
    """The documented shape is that of the smallest model, and one beyond each documented limit is refused."""
    tensor = smallest()[0][name]
    _, shape, allowed = tensor_rows()[re.sub(r"cell\.\d", "cell", name)]
    sizes = {"F": 1, "S": 1, "H": 1, "E": 1, "in": int(not name.startswith("cell.0")), "": 1}
    assert tuple(extent(word, sizes) for word in shape.split(", ")) == tensor.shape
    limits = re.search(r"(-?\d+(?:\^\d+)?)\.\.(\d+(?:\^\d+)?(?:-1)?)", allowed)
    if limits is None:
        assert allowed in ("any", "Q27, above -2^31")
        return
    for value in (number(limits[1]) - 1, number(limits[2]) + 1):
        if np.iinfo(tensor.dtype).min <= value <= np.iinfo(tensor.dtype).max:
            assert refused(at(name, value)) == "M10", value


def extent(words: str, sizes: dict[str, int]) -> int:
    """Of ``256``, ``4F``, ``in + H``."""
    terms = [re.fullmatch(r"(\d*)([A-Za-z]*)", term).groups() for term in words.split(" + ")]  # type: ignore[union-attr]
    return sum(int(factor or 1) * sizes[name] for factor, name in terms)


def number(word: str) -> int:
    """Of ``63``, ``-2^14``, ``2^31-1``."""
    sign, base, power, less = re.fullmatch(r"(-?)(\d+)(?:\^(\d+))?(-1)?", word).groups()  # type: ignore[union-attr]
    return (-1 if sign else 1) * int(base) ** int(power or 1) - bool(less)


def refused(data: bytes) -> str:
    try:
        model_file.parse_model(data)
    except FscompressError as error:
        return str(error)[-4:-1]
    return ""


def kind_rows() -> dict[str, list[str]]:
    return {cells[0].strip("`"): cells[1:] for cells in rows(section("2.2 Model scheme 2"), 6)[1:]}


def test_kinds_of_cells() -> None:
    """Numbers before a colon or alone."""
    assert kind_rows().keys() == KINDS.keys()
    for name, cells in kind_rows().items():
        counts = [0 if cell == "none" else int(cell.split(":")[0]) for cell in cells]
        kind = KINDS[name]
        assert counts == [kind.gates, kind.biases, kind.members, kind.norms, kind.scalars]


def test_tensors_of_scheme_2() -> None:
    """Those of section 2 that are not replaced, and those of section 2.2."""
    listed = {cells[0].strip("`"): cells[1] for cells in rows(section("2.2 Model scheme 2"), 4)[1:]}
    form = model_form.Form("fast-grnn", sequential(1, 1), (30,))
    of_form = {re.sub(r"^(cell|initial)\.0", lambda m: m[1] + (".I" if m[1] == "cell" else ".J"), name): dtype
               for name, dtype in form.dtypes().items()}  # fmt: skip
    coded = model_form.WIRING | of_form
    known = {name.replace("cell.", "cell.I.") for name in tensor_rows()}
    assert {name: DTYPES[listed[name]] for name in listed} == {k: v for k, v in coded.items() if k not in known}


def test_compact_tensors() -> None:
    """Of one cell that reads the byte: the factors, and a mask and values of each matrix."""
    listed = {
        cells[1].strip("`"): DTYPES[cells[2]] for cells in rows(section("2.3 Compact cells of model scheme 2"), 5)[1:]
    }
    form = model_form.Form("fast-grnn", sequential(1, 1), (30,))
    whole = {name: dtype for name, dtype in form.dtypes().items() if name.startswith("cell.0.")}
    factors = compact.stored_dtypes(whole, {"cell.0.factor": None})
    masks = compact.stored_dtypes({"cell.0.weight": np.int8}, {"cell.0.weight.mask": None})
    expected = {name: dtype for name, dtype in factors.items() if name not in whole} | masks
    named = {re.sub(r"^cell\.0\.weight\.", "M.", name).replace("cell.0.", "cell.I."): d for name, d in expected.items()}
    assert listed == named


def test_metadata_of_scheme_2() -> None:
    listed = {re.findall(r"`(\w+)`", cells[0])[0]: cells[1] for cells in rows(section("2.2 Model scheme 2"), 2)[1:4]}
    assert listed["architecture"] == f"`{model_form.RECURRENT}`"
    assert listed["scheme"] == f"`{q.SCHEMES[model_form.RECURRENT]}`"
    assert listed.keys() - {"architecture", "scheme"} == model_file._KEYS[model_form.RECURRENT] - {
        "name", "output_shift", "canary_hash",
    }  # fmt: skip


def test_other_cells() -> None:
    said = section("4.1 Other cells")
    assert {cells[0].strip("`") for cells in rows(said, 3)[1:]} == KINDS.keys() - {"lstm"}
    assert f"clip(a, -2^{q.HIDDEN_Q}, 2^{q.HIDDEN_Q})" in said
    assert f"c' + 2^6) >> {q.CELL_Q - q.GATE_Q}" in said


def test_metadata() -> None:
    listed = {re.findall(r"`(\w+)`", cells[0])[0]: cells[1] for cells in rows(section("2. The model file"), 2)[1:]}
    assert listed.keys() == {"architecture", "scheme", "name", "n_cells", "output_shift", "canary_hash"}
    assert listed["scheme"] == f"`{q.SCHEMES[model_form.FS_LSTM]}`"
    for key, (low, high) in model_file._LIMITS.items():
        assert f"{low}..{high}" in listed[key]
        for word in (str(low - 1), str(high + 1), "", "x", f"+{low}"):
            assert refused(changed(**{key: word})) == "M05"


def test_rules_of_a_model_file() -> None:
    documented = [tuple(cells[:3]) for cells in rows(section("2.1 What a reader must refuse"), 4)[1:]]
    assert documented == [(rule.code, rule.error.__name__, str(rule.error.exit_code)) for rule in ModelRule]


def test_steps_of_a_network() -> None:
    norm, read_out = section("5. Layer normalisation"), section("6. From state to probabilities")
    assert f"variance << {q.NORM_ROOT_SHIFT}" in norm
    assert f"d << ({q.NORM_BITS} - b)" in norm
    assert f"2^{q.NORM_RECIPROCAL} // root'" in norm
    assert f"{q.P1_MIN}, {q.P1_MAX})" in read_out
    assert f"below & {q.EXP2_SIZE - 1}" in read_out
    assert f"h * {q.HIDDEN_MAX} + 2^{q.HIDDEN_Q - 1}) >> {q.HIDDEN_Q}" in section("4. A cell")
    assert f"y + {q.TABLE_HALF}, 0, {q.TABLE_SIZE - 1}" in section("4. A cell")


@pytest.mark.parametrize(
    ("name", "formula", "expected", "table"),
    [
        ("rate", "131072 // (2n + 3)", lambda n: 131072 // (2 * n + 3), tables.RATE[:256]),
        (
            "confidence",
            "256 * (2n + 1) // (2n + 2)",
            lambda n: 256 * (2 * n + 1) // (2 * n + 2),
            tables.CONFIDENCE[:63],
        ),
    ],
    ids=["rate", "confidence"],
)
def test_formulas_of_mixer_tables(name: str, formula: str, expected: Callable[[int], int], table: Any) -> None:
    cells = next(cells for cells in rows(section("7.2 Tables"), 3) if cells[0] == f"`{name}`")
    assert cells[1:] == [f"n = 0..{len(table) - 1}", formula]
    assert [expected(n) for n in range(len(table))] == table.tolist()


def test_classes_of_the_mixer() -> None:
    said = {cells[0].strip("`"): cells[2] for cells in rows(section("7.2 Tables"), 3)}
    assert said["bit_class"] == ", ".join(map(str, tables.BIT_CLASS))
    edges = [int(word) for word in re.findall(r"below (\d+)", said["count_class"])]
    assert [sum(n >= edge for edge in edges) for n in range(63)] == (tables.COUNT_CLASS[:63] >> 8).tolist()
    edges = [int(word) for word in said["length_class"].split("how many of ")[1].split(" are")[0].split(", ")]
    expected = [n if n < 16 else 16 + sum(edge <= n for edge in edges) for n in range(tables.MAX_LENGTH + 1)]
    assert expected == tables.LENGTH_BUCKET.tolist()


def test_contexts_and_match() -> None:
    first = [cells[0] for cells in rows(section("7.5 Contexts"), 2)[1:]]
    numbers = [n for word in first for n in range(int(word.split("..")[0]), int(word.split("..")[-1]) + 1)]
    assert numbers == list(range(N_CONTEXTS))
    said = section("7.6 Match")
    assert f"min(length + 1, {tables.MAX_LENGTH})" in said
    assert f"length < {match.SURE_LENGTH} and o >= {match.MIN_MATCH}" in said
    assert f"at most min({match.VERIFIED}, o, f)" in said
    assert f"misses > {match.MAX_MISSES}" in said


def test_refinement() -> None:
    said = section("7.9 Refinement (SSE)")
    assert f"// {tables.SSE_STEP}" in said
    assert f"with {tables.SSE_NODES} entries" in said


def test_tensors_of_the_stored_priors() -> None:
    stored = load_file(STORED)
    listed = {cells[0].strip("`"): cells[1:3] for cells in rows(section("7.10 Initial state"), 4)[1:]}
    for name, tensor in stored.items():
        kind, shape = listed["setK" if name.startswith("set") else name]
        assert str(tensor.dtype) == kind
        if name.startswith("set"):
            assert tensor.shape[1] == int(shape.split("; ")[1])
        else:
            assert tensor.shape == tuple(map(int, shape.split(", ")))
    assert {re.sub(r"^set\d$", "setK", name) for name in stored} == listed.keys()
