"""The scripts in ``models`` that make training text: nothing held out is in it, and it is the same each time."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

PROSE = "Of all the companies of the north and the south, this is the one of which the most is told. " * 8


def dump(*titles: str) -> str:
    return "".join(f"<page><title>{title}</title><text>{title}: {PROSE}</text></page>\n" for title in titles)


def made(script: str, *words: object, seed: int = 0) -> None:
    environment = os.environ | {"PYTHONHASHSEED": str(seed)}
    subprocess.run([sys.executable, ROOT / "models" / script, *map(str, words)], check=True, env=environment)


def test_an_article_that_is_held_out_is_left_out(tmp_path: Path) -> None:
    """Titles are compared as they are read, not as XML has them."""
    (tmp_path / "wikipedia").mkdir()
    (tmp_path / "wikipedia" / "dump").write_text(dump("Abacus", "AT&amp;T", "Zebra"))
    (tmp_path / "valid").write_text(dump("AT&amp;T"))
    made("as2006.py", tmp_path / "wikipedia", tmp_path / "valid", tmp_path / "out")
    text = (tmp_path / "out").read_text()
    assert text.count("<page>") == 2
    assert "AT&amp;T" not in text


def test_copies_vary_and_are_the_same_each_time(tmp_path: Path) -> None:
    names = [f"Ann{letter}el met Bert{letter}in and Carl{letter}o in 1987. " for letter in "abcdefghij"]
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "one").write_text("".join(names))
    (tmp_path / "pages.xml").write_text(
        "".join(dump(f"Page{i}").replace("Of all", name) for i, name in enumerate(names))
    )
    for seed in (1, 2):
        made("varied.py", tmp_path / str(seed), 2, tmp_path / "texts", tmp_path / "pages.xml", seed=seed)
    copies = [[(tmp_path / str(seed) / f"pages.{i}.xml").read_text() for i in range(2)] for seed in (1, 2)]
    assert copies[0] == copies[1]
    assert len({*copies[0], (tmp_path / "pages.xml").read_text()}) == 3
