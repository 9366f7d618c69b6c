"""The page: whole, escaped, self-contained; and the command that writes it."""

import base64
import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner, Result

from fscompress.cli.app import group
from fscompress.explain.chart import HEIGHT, chart
from fscompress.explain.page import Subject, page
from fscompress.explain.text import BEGINS, EDGES, RECORD, characters, coloured, packed, shown
from fscompress.explain.trace import trace
from fscompress.levels import LEVELS
from tests.explain.test_trace import made
from tests.helpers import cpu, text, tiny

HOSTILE = b"</script><script>alert('x')</script> \"&amp;\" --> \xff\xc3( \xe2\x80\xae\0 e\xcc\x81 \xf0\x9f\x98\x80\r\n"
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)


class Tags(HTMLParser):
    """Start tags with their attributes, and what stands in each script."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts.append(data)


def whole(data: bytes, name: str = "a.txt", level: str = "normal") -> str:
    found = trace(data, LEVELS[level], cpu(tiny()))
    return page(found, Subject(name, level, "tiny", "00ff", level != "fast"))


def test_characters() -> None:
    assert list(characters("aé😀".encode() + b"\xff\xc3(\xe2\x82")) == [
        (1, "a"), (2, "é"), (4, "😀"), (1, ""), (1, ""), (1, "("), (1, ""), (1, ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"<", "&lt;"), (b"&", "&amp;"), (b'"', "&quot;"), (b"'", "&#x27;"), (b" ", " "), (b"\n", "↵\n"),
        (b"\t", "⇥\t"), (b"\r", "←"), (b"\0", "\\x00"), (b"\x7f", "\\u007F"), (b"\xff", "\\xFF"),
        ("\u202e".encode(), "\\u202E"),
        ("\u0301".encode(), "◌\u0301"), ("\u00e9".encode(), "é"), ("\u00a0".encode(), "\\u00A0"),
    ],
)  # fmt: skip
def test_shown(raw: bytes, expected: str) -> None:
    ((_, character),) = characters(raw)
    assert shown(character, raw) == expected


def test_colours_go_by_the_mean_of_a_character() -> None:
    assert coloured(made("aé".encode(), 0.49, 1, 3)) == "<i>a</i><i class=c4>é</i>"
    assert coloured(made(b"a", 99)) == f"<i class=c{len(EDGES)}>a</i>"


def test_what_the_script_reads() -> None:
    found = trace("één".encode() + b"\xff", LEVELS["normal"], cpu(tiny()))
    records = np.frombuffer(base64.b64decode(packed(found)), RECORD)
    assert RECORD.itemsize == 17
    assert records["byte"].tobytes() == found.data
    assert (records["first"] // BEGINS).tolist() == [1, 0, 1, 0, 1, 1]
    assert (records["first"] % BEGINS).tolist() == found.winners[:, 0].tolist()
    assert np.abs(records["bits"] / 100 - found.bits).max() <= 0.005
    assert np.array_equal(records["top"], found.top)


def test_hostile_text_and_name_stay_text() -> None:
    document = whole(HOSTILE, "<script src=//x>.txt")
    parsed = Tags(document)
    assert [tag for tag, _ in parsed.tags].count("script") == 2
    assert len(parsed.scripts) == 2
    data = json.loads(parsed.scripts[0])
    records = np.frombuffer(base64.b64decode(data["bytes"]), RECORD)
    assert records["byte"].tobytes() == HOSTILE
    body = re.search(r'<pre id="text">(.*)</pre>', document, re.DOTALL)
    assert body
    assert "<script" not in body[1]
    shown_text = html.unescape(re.sub(r"</?i[^>]*>", "", body[1]))
    assert shown_text.startswith(
        "</script><script>alert('x')</script> \"&amp;\" --> \\xFF\\xC3( \\u202E\\x00 e◌\u0301 😀←↵"
    )


@pytest.mark.parametrize("level", LEVELS)
def test_the_page_loads_nothing(level: str) -> None:
    document = whole(text(300), level=level)
    parsed = Tags(document)
    assert not {"link", "img", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in parsed.tags}
    assert not any({"src", "href", "action", "style", "onclick"} & attributes.keys() for _, attributes in parsed.tags)
    assert not re.search(
        r"https?:|//[a-z]+\.|url\(|@import|\bfetch\b|XMLHttp", document.replace(text(300).decode(), "")
    )
    (policy,) = (a["content"] for _, a in parsed.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "prefers-color-scheme: dark" in document


def test_figures_of_the_page() -> None:
    document, found = whole(text(800)), trace(text(800), LEVELS["normal"], cpu(tiny()))
    facts = dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", document))
    assert facts["bytes"] == "800"
    assert facts["bits per byte"] == f"{found.bits.sum() / 800:.4f}"
    assert facts["network alone"] == f"{found.network_bits.sum() / 800:.4f}"
    assert (facts["level"], facts["model"]) == ("normal", "tiny 00ff")
    assert document.count("<table>") == 3
    assert whole(text(800), level="fast").count("<table>") == 2


def test_size_of_the_page() -> None:
    data = text(8000)
    document = whole(data)
    assert len(document.encode()) < (60 + 24) * len(data)


@pytest.mark.parametrize("n_bytes", [1, 2, 700])
def test_chart_is_sound(n_bytes: int) -> None:
    root = ElementTree.fromstring(chart(made(b"a" * n_bytes), True))
    lines = [line.attrib["points"].split() for line in root.iter("polyline")]
    assert len(lines) == 3
    places = [label.text for label in root.iter("text") if label.attrib["y"] == str(HEIGHT - 8)]
    assert len(set(places)) == len(places) >= 2
    assert {len(line) for line in lines} == {min(n_bytes, 150)}
    assert len(list(ElementTree.fromstring(chart(made(b"a"), False)).iter("polyline"))) == 2


def invoke(*words: str, given: bytes = b"") -> Result:
    return CliRunner().invoke(group, ["explain", *words], input=given)


def test_command(installed: Path, here: Path) -> None:
    Path("a.txt").write_bytes(text(500))
    result = invoke("a.txt", "--bytes", "300")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "a.txt: the first 300 bytes" in result.stderr
    document = Path("a.txt.html").read_text()
    assert document == page(
        trace(text(300), LEVELS["normal"], cpu(tiny())),
        Subject("a.txt", "normal", tiny().name, tiny().id.hex()[:16], True),
    )
    again = invoke("a.txt")
    assert again.exit_code == 1
    assert "a.txt.html: exists already; -f overwrites it" in again.stderr
    assert invoke("a.txt", "-f", "-q", "--level", "fast").exit_code == 0
    assert "<title>stdin: where" in invoke("-", given=b"abc").stdout


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["none.txt"], 1, "none.txt: no such file or directory"),
        (["empty.txt"], 1, "empty.txt: is empty; there is nothing to explain"),
        (["."], 1, ".: is a folder; name a file"),
        (["a.txt", "-o", "a.txt", "-f"], 1, "input and output are the same file"),
        (["a.txt", "--bytes", "0"], 2, "0 is not in the range"),
        (["a.txt", "--level", "better"], 2, "'better' is not one of"),
        (["a.txt", "--model", "none"], 4, "model 'none' is not installed"),
        (["a.txt", "--model", "tiny", "--model", "other"], 2, "explain takes one --model (got 2)"),
    ],
)
def test_errors(installed: Path, here: Path, words: list[str], code: int, message: str) -> None:
    Path("a.txt").write_bytes(b"abc")
    Path("empty.txt").write_bytes(b"")
    result = invoke(*words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert sorted(path.name for path in here.iterdir()) == ["a.txt", "empty.txt"]


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium on PATH")
@pytest.mark.parametrize(("scheme", "ground"), [(1, (255, 255, 255)), (0, (20, 23, 28))], ids=["light", "dark"])
def test_in_a_browser(here: Path, scheme: int, ground: tuple[int, int, int]) -> None:
    image = pytest.importorskip("matplotlib.image")
    Path("a.html").write_text(whole(HOSTILE + text(400)))
    words = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={here / 'profile'}"]
    words += [f"--blink-settings=preferredColorScheme={scheme}", "--window-size=1200,1600", "--screenshot=a.png"]
    subprocess.run([*words, (here / "a.html").as_uri()], check=True, capture_output=True, timeout=120)
    pixels = np.rint(255 * image.imread("a.png")[..., :3]).astype(int)
    assert pixels.shape[:2] == (1600, 1200)
    assert tuple(pixels[1, 1]) == ground
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50, "text, colours, curves"
