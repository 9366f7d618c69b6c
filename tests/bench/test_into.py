"""A document takes what was measured, with the very command, between its markers and nowhere else."""

import hashlib
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fscompress.cli.app import group

DOCUMENT = """\
# Title
<!-- fscompress bench {name} -->
old
<!-- end -->
middle
<!-- fscompress bench other -->
old too
<!-- end -->
"""
TEXT = b"To be, or not to be, that is the question. " * 30


@pytest.fixture
def folder(here: Path) -> Path:
    (here / "a b.txt").write_bytes(TEXT)
    (here / "c.txt").write_bytes(TEXT[:700])
    return here


def invoke(*words: str) -> Result:
    return CliRunner().invoke(group, ["bench", *words])


def written(name: str, *words: str, target: str = "BENCH.md") -> str:
    """What stands in the marked block after the run."""
    Path("BENCH.md").write_text(DOCUMENT.format(name=name))
    result = invoke(*words, "--into", target)
    assert result.exit_code == 0, result.stderr
    text = Path("BENCH.md").read_text()
    before, _, rest = text.partition(f"<!-- fscompress bench {name} -->\n")
    block, end, after = rest.partition("<!-- end -->")
    assert before == "# Title\n"
    assert end + after == DOCUMENT.format(name=name).split("old\n", 1)[1]
    return block


def test_results(folder: Path) -> None:
    block = written("results", "--only", "gzip,bzip2", "a b.txt", "c.txt")
    assert block.startswith("\n```sh\nfscompress bench --only gzip,bzip2 'a b.txt' c.txt --into BENCH.md\n```\n\n- 20")
    assert f"### a b.txt: {len(TEXT):,} bytes, sha256 {hashlib.sha256(TEXT).hexdigest()}" in block
    assert "### bits per byte\n\n| file | bytes | gzip -9 | bzip2 -9 |\n" in block
    assert "\n| c.txt | 700 |" in block
    assert "old" not in block


def test_a_mode_under_a_name_of_its_own(folder: Path, installed: Path) -> None:
    block = written("lanes of c", "--lanes", "c.txt", "-q", target="BENCH.md#lanes of c")
    assert "fscompress bench --lanes c.txt -q --into 'BENCH.md#lanes of c'\n" in block
    assert f"- c.txt: 700 bytes, sha256 {hashlib.sha256(TEXT[:700]).hexdigest()}" in block
    assert "fscompress" in block.split("- ")[2], "versions"
    assert "| level | bytes | lanes |" in block


def test_twice_is_the_same_place(folder: Path) -> None:
    Path("BENCH.md").write_text(DOCUMENT.format(name="results"))
    for _ in range(2):
        assert invoke("--only", "gzip", "c.txt", "--into", "BENCH.md").exit_code == 0
    assert Path("BENCH.md").read_text().count("fscompress bench --only gzip c.txt --into BENCH.md") == 1


@pytest.mark.parametrize(
    "text", ["", "<!-- fscompress bench results -->\n", "<!-- fscompress bench lanes --><!-- end -->"]
)
def test_without_its_markers_nothing_is_measured(folder: Path, text: str) -> None:
    Path("BENCH.md").write_text(text)
    result = invoke("--only", "gzip", "c.txt", "--into", "BENCH.md")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "BENCH.md: has no lines <!-- fscompress bench results --> and <!-- end --> to write between" in result.stderr
    assert Path("BENCH.md").read_text() == text


def test_no_document(folder: Path) -> None:
    result = invoke("--only", "gzip", "c.txt", "--into", "none.md")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "none.md: no such file or directory" in result.stderr


def test_a_block_without_its_end_swallows_nothing(folder: Path) -> None:
    text = DOCUMENT.format(name="results").replace("<!-- end -->", "", 1)
    Path("BENCH.md").write_text(text)
    result = invoke("--only", "gzip", "c.txt", "--into", "BENCH.md")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "fscompress: BENCH.md: another block begins before the <!-- end --> of <!-- fscompress bench results -->; "
        "add it where the table ends\n"
    )
    assert Path("BENCH.md").read_text() == text


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_line_ends_and_mode_stay(folder: Path, line_end: bytes) -> None:
    document = Path("BENCH.md")
    lines = "\ufeff" + DOCUMENT.format(name="results")
    document.write_bytes(lines.encode().replace(b"\n", line_end))
    document.chmod(0o600)
    before = document.stat()
    assert invoke("--only", "gzip", "c.txt", "--into", "BENCH.md").exit_code == 0
    written = document.read_bytes()
    assert written.count(line_end) == written.count(b"\n") > 20
    assert written.decode().startswith("\ufeff# Title")
    assert stat.S_IMODE(document.stat().st_mode) == 0o600
    assert document.stat().st_mtime_ns > before.st_mtime_ns


def test_a_document_in_another_encoding(folder: Path) -> None:
    document = b"\xe9 " + DOCUMENT.format(name="results").encode()
    Path("BENCH.md").write_bytes(document)
    result = invoke("--only", "gzip", "c.txt", "--into", "BENCH.md")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "BENCH.md: is not UTF-8 at offset 0" in result.stderr
    assert Path("BENCH.md").read_bytes() == document
