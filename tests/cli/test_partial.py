"""decode --recover and --range, test and list on streams: logic, messages, exit codes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fscompress.cli.app import group
from tests.conftest import Program, running
from tests.helpers import encode, text

PLAIN = text(3000)
pytestmark = pytest.mark.usefixtures("installed", "here")


@pytest.fixture(autouse=True)
def _place(here: Path) -> None:
    Path("a.fsc").write_bytes(encode(PLAIN, block_log2=10))


def run(*words: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(group, words, input=stdin)


def damaged(offset: int = 300) -> bytes:
    data = bytearray(Path("a.fsc").read_bytes())
    data[offset] ^= 1
    return bytes(data)


def test_recover_writes_what_is_left() -> None:
    Path("b.fsc").write_bytes(damaged())
    result = run("decode", "--recover", "b.fsc")
    assert result.exit_code == 3
    lines = result.stderr.splitlines()
    assert lines[0].startswith("b.fsc: lost bytes 0:1024 (of the input 32:")
    assert lines[0].endswith("); zeros in their place")
    assert lines[1:] == ["fscompress: b.fsc: recovered 1,976 of 3,000 bytes; 1 range is lost"]
    assert Path("b").read_bytes() == bytes(1024) + PLAIN[1024:]
    assert run("decode", "--recover", "-q", "-f", "b.fsc").stderr == lines[1] + "\n"


def test_recover_of_an_intact_file_is_decode() -> None:
    result = run("decode", "--recover", "a.fsc")
    assert (result.exit_code, result.output) == (0, "")
    assert Path("a").read_bytes() == PLAIN


def test_recover_from_a_pipe(program: Program) -> None:
    result = program("decode", "--recover", input=damaged())
    assert (result.returncode, result.stdout) == (3, bytes(1024) + PLAIN[1024:])
    assert b"fscompress: stdin: recovered 1,976 of 3,000 bytes" in result.stderr


def test_recover_says_when_the_end_is_lost() -> None:
    Path("b.fsc").write_bytes(Path("a.fsc").read_bytes()[:-48])
    result = run("decode", "--recover", "b.fsc")
    assert result.exit_code == 3
    assert result.stderr.count("\n") == 1
    assert "recovered 3,000 of at least 3,000 bytes; there may have been more: an end record is lost" in result.stderr


def test_recover_refuses_what_is_no_stream(here: Path) -> None:
    Path("b.fsc").write_bytes(b"no stream")
    result = run("decode", "--recover", "b.fsc")
    assert result.exit_code == 3
    assert "not an .fsc file" in result.stderr
    assert not Path("b").exists()


@pytest.mark.parametrize(
    ("bounds", "part"),
    [("10:20", slice(10, 20)), ("-5:", slice(-5, None)), (":1030", slice(1030)), (":", slice(None)), ("9:3", slice(0))],
)
def test_range(bounds: str, part: slice) -> None:
    result = run("decode", "-c", "--range", bounds, "a.fsc")
    assert (result.exit_code, result.stdout_bytes) == (0, PLAIN[part])


def test_range_of_a_pipe(program: Program) -> None:
    data = Path("a.fsc").read_bytes()
    assert program("decode", "--range", "1000:1100", input=data).stdout == PLAIN[1000:1100]
    result = program("decode", "--range", "-1:", input=data)
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr.startswith(b"fscompress: stdin: a negative bound")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "words", [["--range", "5"], ["--range", "a:b"], ["--range", "1:2", "--recover"], ["--recover", "--rm"]]
)
def test_wrong_usage(words: list[str]) -> None:
    assert run("decode", *words, "a.fsc").exit_code == 2
    assert not Path("a").exists()


def test_test_and_list_read_streams(program: Program) -> None:
    data = Path("a.fsc").read_bytes()
    for words in (["test"], ["test", "-"]):
        assert program(*words, input=data).stderr == b"stdin: intact, 3,000 bytes\n"
    assert program("test", "-", input=damaged()).returncode == 3
    listed = json.loads(program("list", "--json", "-", input=data).stdout)
    assert [(each["file"], each["plain_bytes"], each["blocks"]) for each in listed] == [("stdin", 3000, 3)]
    assert program("list", "-", input=data[:-5]).returncode == 3


def test_recover_says_that_the_total_is_a_guess_where_the_end_is_lost_too() -> None:
    data = Path("a.fsc").read_bytes()
    Path("b.fsc").write_bytes(data[: len(data) - 300])
    result = run("decode", "--recover", "b.fsc")
    assert result.exit_code == 3
    assert " of at least " in result.stderr
    assert "1 range is lost; there may have been more: an end record is lost" in result.stderr


def test_recover_begins_where_the_input_stands_and_waits_for_more(program: Program) -> None:
    data = Path("a.fsc").read_bytes()
    Path("b").write_bytes(b"x" * 100 + data)
    with Path("b").open("rb", buffering=0) as source:
        source.seek(100)
        found = program("decode", "--recover", "-c", stdin=source)
    assert (found.returncode, found.stdout) == (0, PLAIN)
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    command = [sys.executable, "-m", "fscompress", "decode", "--recover", "-c"]
    with running(command, stdin=reader, stdout=subprocess.PIPE) as child:
        for at in range(0, len(data), 400):
            os.write(writer, data[at : at + 400])
            time.sleep(0.1)
        os.close(writer)
        assert child.communicate()[0] == PLAIN
    os.close(reader)
