"""encode, decode, test and list, in this process: logic, messages and exit codes."""

import json
import os
import random
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fscompress.cli.app import group
from tests.conftest import Program

TEXT = b"The only thing we have to fear is fear itself. " * 20


@pytest.fixture(autouse=True)
def _place(here: Path, installed: Path) -> None:
    (here / "a.txt").write_bytes(TEXT)


def run(*words: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(group, words, input=stdin)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def damaged(path: str) -> None:
    data = bytearray(Path(path).read_bytes())
    data[len(data) // 2] ^= 1
    Path(path).write_bytes(data)


def test_round_trip_by_suffix(here: Path) -> None:
    os.utime("a.txt", ns=(5, 5))
    result = run("encode", "a.txt")
    assert (result.exit_code, result.output) == (0, "")
    assert names(here) == {"a.txt", "a.txt.fsc"}
    assert Path("a.txt.fsc").stat().st_size < len(TEXT)
    Path("a.txt").unlink()
    assert run("decode", "a.txt.fsc").exit_code == 0
    assert Path("a.txt").read_bytes() == TEXT
    assert Path("a.txt").stat().st_mtime_ns == 5


def test_round_trip_by_position() -> None:
    assert run("encode", "a.txt", "b.fsc").exit_code == 0
    assert run("decode", "b.fsc", "b.txt").exit_code == 0
    assert Path("b.txt").read_bytes() == TEXT


def test_round_trip_through_streams() -> None:
    encoded = run("encode", stdin=TEXT)
    assert (encoded.exit_code, encoded.stderr) == (0, "")
    decoded = run("decode", "-", stdin=encoded.stdout_bytes)
    assert decoded.stdout_bytes == TEXT
    assert run("encode", "-c", "a.txt").stdout_bytes == encoded.stdout_bytes
    assert run("encode", "-", "-o", "b", stdin=TEXT).exit_code == 0
    assert Path("b").read_bytes() == encoded.stdout_bytes


def test_joined_streams_decode_to_joined_text() -> None:
    Path("b.txt").write_bytes(b"more")
    both = run("encode", "-c", "a.txt", "b.txt").stdout_bytes
    assert run("decode", stdin=both).stdout_bytes == TEXT + b"more"


@pytest.mark.parametrize("data", [b"", b"x", random.Random(1).randbytes(5000)])
def test_hard_inputs(data: bytes) -> None:
    Path("b").write_bytes(data)
    assert run("encode", "b").exit_code == 0
    assert Path("b.fsc").stat().st_size <= len(data) + 64 + 16
    assert run("decode", "-f", "b.fsc").exit_code == 0
    assert Path("b").read_bytes() == data


def test_engines_and_threads_change_no_byte() -> None:
    encoded = {
        run("encode", "-c", "a.txt", *words).stdout_bytes for words in (["-T1"], ["-T3"], ["--engine=reference"])
    }
    assert len(encoded) == 1
    assert run("decode", "--engine", "reference", stdin=encoded.pop()).stdout_bytes == TEXT


def test_existing_target_is_untouched_without_force() -> None:
    Path("a.txt.fsc").write_bytes(b"mine")
    result = run("encode", "a.txt")
    assert (result.exit_code, result.stderr) == (1, "fscompress: a.txt.fsc: exists already; -f overwrites it\n")
    assert Path("a.txt.fsc").read_bytes() == b"mine"
    assert run("encode", "-f", "a.txt").exit_code == 0
    assert run("test", "a.txt.fsc").exit_code == 0


def test_output_by_position_is_untouched_even_with_force() -> None:
    Path("old.fsc").write_bytes(b"mine")
    result = run("encode", "-f", "a.txt", "old.fsc")
    assert result.exit_code == 1
    assert "-f -o old.fsc" in result.stderr
    assert Path("old.fsc").read_bytes() == b"mine"


def test_input_is_kept_unless_told(here: Path) -> None:
    assert run("encode", "-k", "a.txt").exit_code == 0
    assert run("encode", "--rm", "-f", "a.txt").exit_code == 0
    assert names(here) == {"a.txt.fsc"}
    assert run("decode", "--rm", "a.txt.fsc").exit_code == 0
    assert names(here) == {"a.txt"}
    assert Path("a.txt").read_bytes() == TEXT
    assert run("encode", "--rm", "-c", "a.txt").exit_code == 0
    assert names(here) == {"a.txt"}


def test_input_is_kept_if_the_output_does_not_decode(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fscompress import codec
    from fscompress.errors import ChecksumError

    def fails(*_: object) -> None:
        raise ChecksumError("does not decode")

    monkeypatch.setattr(codec, "decode_stream", fails)
    result = run("encode", "--rm", "a.txt")
    assert (result.exit_code, result.stderr) == (3, "fscompress: a.txt: not verified: does not decode\n")
    assert names(here) == {"a.txt"}


def test_several_inputs_go_on_after_a_failure(here: Path) -> None:
    Path("b.txt").write_bytes(TEXT)
    result = run("encode", "a.txt", "missing", "b.txt")
    assert result.exit_code == 1
    assert result.stderr == "fscompress: missing: no such file or directory\n"
    assert {"a.txt.fsc", "b.txt.fsc"} <= names(here)
    damaged("a.txt.fsc")
    result = run("decode", "-f", "missing.fsc", "a.txt.fsc", "b.txt.fsc")
    assert result.exit_code == 3
    assert [line.split(": ")[1] for line in result.stderr.splitlines()] == ["missing.fsc", "a.txt.fsc"]


def test_damage_is_exit_3_and_leaves_no_output(here: Path) -> None:
    run("encode", "a.txt")
    damaged("a.txt.fsc")
    for words in (["decode", "a.txt.fsc", "-o", "b.txt"], ["test", "a.txt.fsc"]):
        result = run(*words)
        assert result.exit_code == 3
        assert result.stdout == ""
        assert result.stderr.startswith("fscompress: a.txt.fsc: ")
        assert len(result.stderr.splitlines()) == 1
    assert names(here) == {"a.txt", "a.txt.fsc"}


def test_foreign_file_is_exit_3() -> None:
    assert run("test", "a.txt").exit_code == 3
    assert run("list", "a.txt").exit_code == 3


def test_missing_model_is_exit_4_and_named(installed: Path) -> None:
    run("encode", "a.txt")
    model = installed / "default.safetensors"
    moved = model.rename(installed.parent / "moved.safetensors")
    result = run("decode", "-f", "a.txt.fsc")
    assert result.exit_code == 4
    assert json.loads(run("list", "--json", "a.txt.fsc").stdout)[0]["models"][0]["id"] in result.stderr
    assert run("decode", "-f", "a.txt.fsc", "--model", str(moved)).exit_code == 0
    assert run("encode", "a.txt", "-o", "b", "--model", "nobody").exit_code == 4


def test_unknown_suffix_asks_for_an_output(here: Path) -> None:
    run("encode", "a.txt", "-o", "b.bin")
    result = run("decode", "b.bin")
    assert result.exit_code == 1
    assert "-o FILE" in result.stderr
    assert run("decode", "b.bin", "-o", "c").exit_code == 0
    assert Path("c").read_bytes() == TEXT


def test_verbose_figures_go_to_stderr() -> None:
    result = run("encode", "-v", "a.txt")
    assert result.stdout == ""
    n_coded = Path("a.txt.fsc").stat().st_size
    assert (
        f"a.txt -> a.txt.fsc: {len(TEXT):,} -> {n_coded:,} bytes, {8 * n_coded / len(TEXT):.4f} bpc, " in result.stderr
    )
    assert result.stderr.endswith(" kB/s\n")


def test_quiet() -> None:
    run("encode", "a.txt")
    assert run("test", "a.txt.fsc").stderr == f"a.txt.fsc: intact, {len(TEXT):,} bytes\n"
    assert run("test", "-q", "a.txt.fsc").stderr == ""
    assert run("test", "-q", "a.txt").stderr != ""
    result = run("test", "-qq", "a.txt")
    assert (result.exit_code, result.stderr) == (3, "")


def test_list_needs_no_model(installed: Path) -> None:
    run("encode", "a.txt")
    (installed / "default.safetensors").unlink()
    entry = json.loads(run("list", "--json", "a.txt.fsc").stdout)[0]
    assert (entry["plain_bytes"], entry["coded_bytes"]) == (len(TEXT), Path("a.txt.fsc").stat().st_size)
    assert entry["blocks"] == 1
    lines = run("list", "a.txt.fsc").stdout.splitlines()
    assert lines[0].split() == ["plain", "coded", "bpc", "blocks", "models", "file"]
    assert lines[1].split()[0] == f"{len(TEXT):,}"


def test_list_of_joined_streams_and_damaged_ones() -> None:
    both = run("encode", "-c", "a.txt", "a.txt").stdout_bytes
    Path("both.fsc").write_bytes(both)
    result = run("list", "--json", "both.fsc", "a.txt")
    assert result.exit_code == 3
    [entry] = json.loads(result.stdout)
    assert (entry["plain_bytes"], entry["coded_bytes"], entry["sha256"]) == (2 * len(TEXT), len(both), None)


@pytest.mark.parametrize(
    "words",
    [
        ["encode", "a.txt", "b.txt", "-o", "c"],
        ["encode", "-T0", "a.txt"],
        ["unknown"],
        ["list"],
        ["test", "--rm", "a"],
        ["test", "--model", "tiny", "--model", "tiny", "a.txt"],
    ],
)
def test_wrong_usage_is_exit_2(words: list[str]) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: ")


def test_fault_of_ours_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from fscompress import codec

    def fails(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(codec, "encode_stream", fails)
    result = run("encode", "a.txt")
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "internal error: ZeroDivisionError: by zero" in result.stderr
    assert "Traceback" in run("encode", "-vv", "a.txt").stderr


def test_only_files_are_removed(here: Path) -> None:
    (here / "link").symlink_to("a.txt")
    os.mkfifo("pipe")
    for name in ("link", "pipe"):
        result = run("encode", "--rm", name)
        assert result.exit_code == 1
        assert "--rm removes files alone" in result.stderr
    assert names(here) == {"a.txt", "link", "pipe"}


def test_all_inputs_are_tried_where_messages_cannot_be_written(here: Path, program: Program) -> None:
    (here / "b.txt").write_bytes(TEXT)
    with Path("/dev/full").open("wb") as full:
        assert program("encode", "-v", "missing", "a.txt", "b.txt", capture_output=False, stderr=full).returncode == 1
    assert names(here) == {"a.txt", "b.txt", "a.txt.fsc", "b.txt.fsc"}


def test_a_name_with_line_ends_and_escapes_is_one_line(here: Path) -> None:
    result = run("encode", "no\nsuch\x1b[31m")
    assert result.stderr.count("\n") == 1
    assert r"no\nsuch\x1b[31m" in result.stderr
    run("encode", "a.txt", "-o", "x\ny.fsc")
    listed = run("list", "x\ny.fsc").stdout
    assert listed.count("\n") == 2
    assert r"x\ny.fsc" in listed


def test_a_missing_folder_is_noticed_before_the_work(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fscompress.codec.encode_stream", None)
    for output in ("nowhere/out.fsc", "nowhere/"):
        result = run("encode", "a.txt", "-o", output)
        assert result.exit_code == 1
        assert "there is no folder" in result.stderr
    assert names(here) == {"a.txt"}


def test_random_bytes_in_a_text_do_not_make_it_raw(here: Path) -> None:
    text = TEXT * 100
    (here / "b.txt").write_bytes(text + random.Random(0).randbytes(70_000) + text)
    assert run("encode", "--level", "fast", "b.txt").exit_code == 0
    listed = json.loads(run("list", "--json", "b.txt.fsc").stdout)[0]
    assert listed["raw_blocks"] == 0
    assert listed["coded_bytes"] < 230_000
