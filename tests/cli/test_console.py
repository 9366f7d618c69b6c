"""What is said at which level, and how errors read."""

import errno

import pytest

from fscompress.cli.console import Console, about, describe
from fscompress.cli.tables import markdown_table, table
from fscompress.errors import ChecksumError, DamagedError, ModelNotFoundError, RefusedError


@pytest.mark.parametrize(
    ("level", "said"), [(-2, []), (-1, ["error"]), (0, ["notice", "error"]), (1, ["notice", "detail", "error"])]
)
def test_levels(capsys: pytest.CaptureFixture[str], level: int, said: list[str]) -> None:
    console = Console(level)
    console.notice("notice")
    console.detail("detail")
    assert console.error(RefusedError("error")) == 1
    out, err = capsys.readouterr()
    assert not out
    assert [line.removeprefix("fscompress: ") for line in err.splitlines()] == said


def test_traceback_only_at_level_2(capsys: pytest.CaptureFixture[str]) -> None:
    for level in (1, 2):
        Console(level).error(RefusedError("no"))
        assert ("RefusedError" in capsys.readouterr().err) == (level == 2)


@pytest.mark.parametrize(
    ("error", "code"),
    [(DamagedError("x"), 3), (ChecksumError("x"), 3), (ModelNotFoundError("x"), 4), (OSError("x"), 1)],
)
def test_exit_codes(error: Exception, code: int) -> None:
    assert Console(-2).error(error) == code


def test_system_errors_read_like_ours() -> None:
    assert describe(FileNotFoundError(errno.ENOENT, "No such file", "a.txt"), "in") == "a.txt: no such file"
    assert describe(OSError(errno.ENOSPC, "No space left on device"), "a -> b") == "a -> b: no space left on device"
    assert describe(MemoryError(), "a") == "a: out of memory"
    assert describe(KeyError("two\nlines")) == r"internal error: KeyError: 'two\nlines'; -vv shows where"


def test_about_names_the_subject() -> None:
    with pytest.raises(DamagedError, match=r"^a\.fsc: cut$"), about("a.fsc"):
        raise DamagedError("cut")


def test_no_bar_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Console().bar(100, "a") as progress:
        progress(100)
    with Console().download_bar() as report:
        report("a.zip", 50, 100)
    assert capsys.readouterr() == ("", "")


def test_table() -> None:
    assert table(["n", "name"], [["1,000", "a"], ["2", "bcd"]], left={1}) == "    n  name\n1,000  a\n    2  bcd"


def test_names_of_any_bytes_in_a_table() -> None:
    rows = [["a\nb"], ["c\udcff"]]
    assert table(["file"], rows, left={0}) == "file\na\\nb\nc\N{REPLACEMENT CHARACTER}"
    lines = markdown_table(["file"], rows, left={0}).splitlines()
    assert lines == ["| file |", "| --- |", r"| a\nb |", "| c\N{REPLACEMENT CHARACTER} |"]
