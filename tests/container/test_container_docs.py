"""docs/FORMAT.md against the code: byte tables, must-reject list, limits, examples.

And of docs/INTEGER.md what names a file or repeats a table.
"""

import hashlib
import io
import re
from pathlib import Path

import pytest

from fscompress.container import Reader, Rule, Writer, layout
from fscompress.container.layout import Fields
from fscompress.mixer import MixerSettings, tables
from fscompress.mixer.priors import STORED
from fscompress.mixer.settings import NORMAL, SET_ROWS, settings_for

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "FORMAT.md").read_text(encoding="utf-8")
INTEGER = (DOCS / "INTEGER.md").read_text(encoding="utf-8")
N_NAME = 5
TABLES: dict[str, Fields] = {
    "3. Header": layout.HEADER,
    "4. Raw block": layout.RAW,
    "5. Coded block": layout.CODED,
    "5.3 Parameters of scheme 1": layout.MIXED,
    "6. Model record": layout.model_layout(N_NAME),
    "7. End record": layout.END,
}
TYPES = {"B": "u8", "H": "u16", "I": "u32", "Q": "u64"}


def section(title: str) -> str:
    return re.split(r"^##+ ", TEXT.split(f"# {title}\n")[1], flags=re.MULTILINE)[0]


def rows(text: str, n_columns: int) -> list[list[str]]:
    """Cells of the tables of ``n_columns`` columns, without their heads."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return [cells for cells in lines if len(cells) == n_columns and cells[0] not in ("offset", "code")]


def number(cell: str) -> int:
    return sum(int(part) for part in cell.replace("n_name", str(N_NAME)).split("+"))


@pytest.mark.parametrize(("title", "table"), TABLES.items(), ids=TABLES)
def test_byte_tables(title: str, table: Fields) -> None:
    documented = [(number(r[0]), number(r[1]), r[2], r[3].strip("`")) for r in rows(section(title), 6)]
    offsets = [table.offset(name) for name, _ in table.fields]
    sizes = [after - before for before, after in zip(offsets, [*offsets[1:], table.size], strict=True)]
    coded = [
        (offset, size, TYPES.get(code, "bytes"), name)
        for offset, size, (name, code) in zip(offsets, sizes, table.fields, strict=True)
    ]
    assert documented == coded


@pytest.mark.parametrize("title", TABLES)
def test_byte_tables_name_rules(title: str) -> None:
    known = {rule.code for rule in Rule}
    for cells in rows(section(title), 6):
        codes = re.findall(r"R\d\d", cells[5])
        assert codes
        assert known.issuperset(codes)


@pytest.mark.parametrize(
    ("title", "size"),
    [("3. Header", 12), ("4. Raw block", 16), ("5. Coded block", 32), ("7. End record", 48)],
)
def test_stated_sizes(title: str, size: int) -> None:
    assert section(title).lstrip().startswith(f"{size} bytes")
    assert TABLES[title].size == size


def test_must_reject_list() -> None:
    documented = [tuple(cells[:4]) for cells in rows(section("9. What a reader must refuse"), 5)]
    assert documented == [(rule.code, rule.error.__name__, str(rule.error.exit_code), rule.text) for rule in Rule]


def test_limits_and_kinds() -> None:
    assert f"format version **{layout.VERSION}**" in TEXT.lower()
    assert layout.MAGIC.hex(" ").upper() in section("3. Header")
    assert f"{layout.BLOCK_LOG2_MIN} to {layout.BLOCK_LOG2_MAX}:" in section("3. Header")
    assert "bits 0 to 3 reserved" in section("3. Header")
    assert layout.RESERVED_FLAGS == 0b1111
    assert f"1 to {layout.MAX_NAME}" in section("6. Model record")
    assert f"1 to {layout.MAX_MODELS} records" in section("6. Model record")
    kinds = {"4. Raw block": layout.KIND_RAW, "5. Coded block": layout.KIND_CODED, "6. Model record": layout.KIND_MODEL}
    for title, kind in {**kinds, "7. End record": layout.KIND_END}.items():
        assert rows(section(title), 6)[0][3:5] == ["`kind`", str(kind)]


def test_schemes() -> None:
    listed = [int(cells[0]) for cells in rows(section("5. Coded block"), 3) if cells[0].isdigit()]
    assert tuple(listed) == layout.SCHEMES


@pytest.mark.parametrize("name", ["rate", "table_log2", "sse_log2", "contexts", "sets"])
def test_limits_of_mixer_parameters(name: str) -> None:
    allowed = next(cells[4] for cells in rows(section("5.3 Parameters of scheme 1"), 6) if cells[3] == f"`{name}`")
    limits = re.match(r"(0, )?(\d+)(?: to | or )(\d+)(\^32 - 1)?", allowed)
    assert limits
    low, high = int(limits[2]), (1 << 32) - 1 if limits[4] else int(limits[3])
    also = {0} if limits[1] else set()
    settings, at = settings_for(NORMAL, 1000, 1).pack(), layout.MIXED.offset(name)
    size = 4 if name == "contexts" else 1
    for value in {0, low - 1, low, high, min(high + 1, (1 << 8 * size) - 1)}:
        packed = settings[:at] + value.to_bytes(size, "little") + settings[at + size :]
        if low <= value <= high or value in also:
            assert getattr(MixerSettings.unpack(packed), name) == value
        else:
            with pytest.raises(ValueError, match=name):
                MixerSettings.unpack(packed)


def test_integer_contract_names_the_stored_priors() -> None:
    assert hashlib.sha256(STORED.read_bytes()).hexdigest() in INTEGER


def test_integer_contract_pins_the_tables_of_the_mixer() -> None:
    for table, dtype in ((tables.SQUASH, "<i4"), (tables.STRETCH, "<i2")):
        assert hashlib.sha256(table.astype(dtype).tobytes()).hexdigest() in INTEGER
    listed = re.findall(r"^\| ([0-7]) \| (\d+) \| [^|]+ \|$", INTEGER, flags=re.MULTILINE)
    assert [(int(number), int(n)) for number, n in listed] == list(enumerate(SET_ROWS))


@pytest.mark.parametrize(("intro", "plain"), [("The empty text, 60 bytes:", b""), ("The text `a`, 77 bytes:", b"a")])
def test_examples(intro: str, plain: bytes) -> None:
    lines = section("11. Examples").split(intro)[1].strip("\n").split("\n\n")[0]
    target = io.BytesIO()
    writer = Writer(target, 20)
    if plain:
        writer.write_raw(plain)
    writer.finish()
    assert bytes.fromhex(lines) == target.getvalue()
    assert f", {writer.n_written} bytes:" in intro
    assert list(Reader(io.BytesIO(bytes.fromhex(lines))))
