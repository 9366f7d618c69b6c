"""Pages of Wikipedia with other names and numbers: what a small network would otherwise learn by heart from a few MB.

``python models/varied.py OUT COPIES TEXTS PAGES.xml ...`` writes ``OUT/NAME.0.xml``, ``OUT/NAME.1.xml``, ... of each
PAGES.xml.  In a copy, each name of a page becomes another one with the same ending, three times in five and everywhere
in the page alike; years move together, other numbers, user names and times are exchanged.  Names come from the pages
and from all files below the folder TEXTS, as often as in documents there.
"""

import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from as2006 import MONTHS

SHARE = 0.6  # of names that change
DOCUMENT = 40_000  # characters of a text that count as one
FEW = 50  # names of an ending, below which its last letter decides
NAME, WORD = re.compile(r"\b[A-Z][a-z]{2,}\b"), re.compile(r"\b[a-z]{3,}\b")
KEPT = {*MONTHS.split("|"), "Category", "Image", "Wikipedia", "Template", "User", "Talk", "Special", "File"}
ELEMENTS = ("timestamp", "username", "id")
CHANGING = re.compile(
    "|".join(f"<{name}>.*?</{name}>" for name in ELEMENTS)
    + r"|&#?\w+;|https?://\S+|#[0-9A-Fa-f]{6}|\b[A-Z][a-z]{2,}\b|(?<!\d)\d+(?!\d)"
)


class Variation:
    """What names, numbers and the texts of elements may become.

    Args:
        pages: the pages, names of which are exchanged.
        texts: where names come from too.
    """

    def __init__(self, pages: list[str], texts: Iterable[str]) -> None:
        whole = "\n".join(pages)
        words, names = Counter(WORD.findall(whole)), Counter(NAME.findall(whole))
        self.names = {name for name, n in names.items() if words[name.lower()] < max(2, n // 8)} - KEPT
        others = [text[at : at + DOCUMENT] for text in texts for at in range(0, len(text), DOCUMENT)]
        common: Counter[str] = Counter()
        documents: Counter[str] = Counter()
        for text in others:
            common.update(set(WORD.findall(text)))
        for text in [*pages, *others]:
            documents.update(set(NAME.findall(text)))
        self.endings: defaultdict[str, list[str]] = defaultdict(list)
        for name, n in sorted(documents.items()):
            word = name.lower()
            if name in self.names or (not words[word] and common[word] < max(1, n // 4)):
                for ending in (name[-2:], name[-1:]):
                    self.endings[ending] += [name] * n
        self.elements = {name: re.findall(f"<{name}>(.*?)</{name}>", whole) for name in ELEMENTS}
        self.numbers: defaultdict[int, list[str]] = defaultdict(list)
        for number in re.findall(r"(?<![\d&#])\d+(?!\d)", whole):
            self.numbers[len(number)].append(number)

    def varied(self, page: str, rng: random.Random) -> str:
        """The page with other names and numbers."""
        known: dict[str, str] = {}
        years = rng.randint(-25, 25)

        def other(match: re.Match[str]) -> str:
            found = match[0]
            for element in ELEMENTS:
                if found.startswith(f"<{element}>"):
                    return f"<{element}>{rng.choice(self.elements[element])}</{element}>"
            if found.isdigit():
                return self._number(found, years, rng)
            if found not in self.names:
                return found
            if found not in known:
                known[found] = self._name(found, rng)
            return known[found]

        return CHANGING.sub(other, page)

    def _number(self, number: str, years: int, rng: random.Random) -> str:
        if len(number) == 4 and "1000" <= number <= "2005":
            return str(min(2005, int(number) + years))
        return number if len(number) in (1, 4) else rng.choice(self.numbers[len(number)])

    def _name(self, name: str, rng: random.Random) -> str:
        if rng.random() >= SHARE:
            return name
        alike = self.endings[name[-2:]]
        return rng.choice(alike if len(alike) >= FEW else self.endings[name[-1:]])


def main(out: Path, copies: int, texts: Path, *sources: Path) -> None:
    """Writes the copies; the same ones each time."""
    out.mkdir(parents=True, exist_ok=True)
    pages = {path: re.split(r"(?<=</page>\n)", _read(path)) for path in sources}
    others = (_read(path) for path in sorted(texts.rglob("*")) if path.is_file() and path not in sources)
    variation = Variation([page for each in pages.values() for page in each], others)
    for copy in range(copies):
        rng = random.Random(copy)
        for path, each in pages.items():
            text = "".join(variation.varied(page, rng) for page in each)
            (out / f"{path.stem}.{copy}.xml").write_text(text, "utf-8", errors="surrogateescape")


def _read(path: Path) -> str:
    return path.read_text("utf-8", errors="surrogateescape")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *map(Path, sys.argv[3:]))
