"""The listing of models, their verification, parts that become one file, and coding with a model in parts."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fscompress import parts, store
from fscompress.cli.app import group
from tests.conftest import Program, child_environment

TEXT = b"It was the best of times, it was the worst of times. " * 40
DEFAULT = "default.safetensors"


@pytest.fixture
def split(installed: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder searched; its default model, the tiny one, is in parts of 9,000 bytes."""
    monkeypatch.setattr(store, "folders", lambda: [installed])
    assert parts.split_file(installed / DEFAULT, 9000) > 2
    return installed


def run(*words: str) -> Result:
    return CliRunner().invoke(group, words)


def test_models_lists_what_is_installed(installed: Path) -> None:
    [entry] = [
        model for model in json.loads(run("models", "--json").stdout) if model["path"].startswith(str(installed))
    ]
    assert entry["name"] == "default"
    assert (entry["parts"], entry["whole"]) == (0, True)
    assert Path(entry["path"]).stat().st_size == entry["bytes"]
    assert store.find_model(entry["id"][:16]) == Path(entry["path"])
    lines = run("models").stdout.splitlines()
    assert lines[0].split() == ["name", "id", "weights", "bytes", "parts", "whole", "description"]
    assert lines[1].split()[:6] == [
        "default",
        entry["id"][:16],
        f"{entry['weights']:,}",
        f"{entry['bytes']:,}",
        "-",
        "yes",
    ]


def test_parts_are_listed_as_the_whole_is(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "folders", lambda: [installed])
    [before] = json.loads(run("models", "--json").stdout)
    parts.split_file(installed / DEFAULT, 9000)
    [after] = json.loads(run("models", "--json").stdout)
    assert after == before | {"parts": -(-before["bytes"] // 9000)}
    assert run("models", "default").stdout.splitlines()[1].split()[4:6] == [str(after["parts"]), "yes"]


def test_one_model_of_several_is_shown(split: Path, tiny_model: Path) -> None:
    (split / "other.safetensors").write_bytes(tiny_model.read_bytes())
    assert [line.split()[0] for line in run("models").stdout.splitlines()[1:]] == ["default", "other"]
    assert [line.split()[0] for line in run("models", "other").stdout.splitlines()[1:]] == ["other"]
    assert run("models", "nobody").exit_code == 4


def test_coding_with_a_model_in_parts(split: Path, program: Program) -> None:
    Path("a.txt").write_bytes(TEXT)
    whole = program("models", "--join", str(split / DEFAULT), "-o", "one.safetensors")
    assert whole.returncode == 0, whole.stderr
    coded = program("encode", "--model", "./one.safetensors", "-c", "a.txt").stdout
    first_part = str(split / (DEFAULT + ".00"))
    for name in ("default", str(split / DEFAULT), first_part):
        assert program("encode", "--model", name, "-c", "a.txt").stdout == coded
    Path("a.fsc").write_bytes(coded)
    assert program("decode", "-c", "a.fsc").stdout == TEXT
    elsewhere = child_environment() | {"FSCOMPRESS_MODELS": str(Path.cwd() / "none")}
    assert program("decode", "-c", "a.fsc", env=elsewhere).returncode == 4
    assert program("decode", "--model", first_part, "-c", "a.fsc", env=elsewhere).stdout == TEXT


def test_join_writes_the_very_file(split: Path, tiny_model: Path) -> None:
    result = run("models", "--join", "default")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{DEFAULT}: {tiny_model.stat().st_size:,} bytes\n"
    assert Path(DEFAULT).read_bytes() == tiny_model.read_bytes()
    assert run("models", "--join", "default").exit_code == 1  # exists already
    assert run("models", "--join", "-f", "default").exit_code == 0
    again = run("models", "--join", f"./{DEFAULT}", "-o", "again.safetensors")
    assert (again.exit_code, again.stderr) == (1, f"fscompress: {DEFAULT}: is one file already\n")


@pytest.mark.parametrize(
    "words",
    [
        ["--join"],
        ["--join", "a", "b"],
        ["--join", "--verify", "a"],
        ["--verify", "--json"],
        ["-o", "x"],
        ["--verify", "-o", "x"],
    ],
    ids=" ".join,
)
def test_options_that_exclude_each_other(installed: Path, words: list[str]) -> None:
    assert run("models", *words).exit_code == 2


def test_one_model_that_cannot_be_read_stops_nothing(split: Path) -> None:
    (split / "a.safetensors").symlink_to(split / "nothing")
    result = run("models")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["name", "a", "default"]
    for words, code in (([], 1), (["other", "default"], 4)):
        result = run("models", "--verify", *words)
        assert result.exit_code == code
        assert f"{split / DEFAULT}: intact" in result.stderr
        assert len(result.stderr.splitlines()) == 2


def test_every_model_that_is_asked_for_is_tried(split: Path, tiny_model: Path) -> None:
    (split / "good.safetensors").write_bytes(tiny_model.read_bytes())
    cut(split)
    for words, code, shown in (
        (["nobody", "good"], 4, {"good": True}),
        (["default", "good"], 3, {"default": False, "good": True}),
        (["default"], 3, {"default": False}),
    ):
        result = run("models", *words)
        assert result.exit_code == code
        assert len(result.stderr.splitlines()) == 1
        assert result.stderr.startswith("fscompress: ")
        assert [line.split()[0] for line in result.stdout.splitlines()[1:]] == list(shown)
        result = run("models", "--json", *words)
        assert result.exit_code == code
        assert {model["name"]: model["whole"] for model in json.loads(result.stdout)} == shown


def test_verify_says_intact(split: Path, tiny_model: Path) -> None:
    (split / "one.safetensors").write_bytes(tiny_model.read_bytes())
    result = run("models", "--verify")
    assert (result.exit_code, result.stdout) == (0, "")
    in_parts, one = result.stderr.splitlines()
    model = store.describe(split / DEFAULT)
    expected = f"intact, id {model.id.hex()[:16]}, {model.n_bytes:,} bytes"
    assert in_parts == f"{split / DEFAULT}: {expected}, {model.n_parts} parts"
    assert one == f"{split / 'one.safetensors'}: {expected}"
    assert run("models", "--verify", "-q", "one").stderr == ""


def exchange(folder: Path) -> None:
    first, second = (folder / f"{DEFAULT}.0{i}" for i in (0, 1))
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)


def cut(folder: Path) -> None:
    with (folder / f"{DEFAULT}.01").open("r+b") as file:
        file.truncate(5000)


DAMAGE: dict[str, Callable[[Path], None]] = {
    "01: is missing": lambda folder: (folder / f"{DEFAULT}.01").unlink(),
    "01: is damaged or cut short": cut,
    "00: holds the bytes of": exchange,
    "sha256: is missing": lambda folder: (folder / f"{DEFAULT}.sha256").unlink(),
}


@pytest.mark.parametrize("complaint", DAMAGE)
def test_damaged_parts(split: Path, tiny_model: Path, complaint: str) -> None:
    """One line, exit code 3, nothing written; and the listing and the other models are as good as before."""
    (split / "other.safetensors").write_bytes(tiny_model.read_bytes())
    DAMAGE[complaint](split)
    Path("a.txt").write_bytes(TEXT)
    path = str(split / DEFAULT)
    for words in (["encode", "--model", path, "a.txt"], ["models", "--join", path], ["models", "--verify", path]):
        result = run(*words)
        assert (result.exit_code, result.stdout) == (3, "")
        [line] = result.stderr.splitlines()
        assert line.startswith("fscompress: ")
        assert complaint in line
    assert [entry.name for entry in Path().iterdir()] == ["a.txt"]

    everything = run("models", "--verify")
    assert everything.exit_code == 3
    assert [": intact" in line for line in everything.stderr.splitlines()] == [False, True]
    listing = run("models")
    assert listing.exit_code == 0
    assert complaint in listing.stderr
    assert [line.split()[5] for line in listing.stdout.splitlines()[1:]] == ["no", "yes"]


def test_decoding_with_a_damaged_model_says_so(split: Path) -> None:
    Path("a.txt").write_bytes(TEXT)
    assert run("encode", "a.txt", "a.fsc").exit_code == 0
    cut(split)
    result = run("decode", "a.fsc", "again.txt")
    assert result.exit_code == 3
    assert f"{DEFAULT}.01: is damaged or cut short" in result.stderr
    assert not Path("again.txt").exists()


def test_verify_notices_a_changed_weight(split: Path) -> None:
    """Weights within their bounds pass the certificate; the model's self-test fails."""
    data = bytearray(parts.read_joined(split / DEFAULT))
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    first, _ = header["output.weight"]["data_offsets"]
    data[start + first : start + first + 64] = bytes(64)
    Path("changed.safetensors").write_bytes(data)
    result = run("models", "--verify", "./changed.safetensors")
    assert result.exit_code == 3
    assert "does not compute what its canary says" in result.stderr


def test_no_models_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "folders", lambda: [tmp_path])
    for words in ([], ["--verify"]):
        result = run("models", *words)
        assert (result.exit_code, result.stdout) == (0, "")
        assert result.stderr == f"no models installed; searched: {tmp_path}\n"


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that root cannot read, either")
def test_a_model_that_cannot_be_read_is_not_called_damaged(here: Path) -> None:
    (here / "text").write_bytes(TEXT)
    (here / "mem.safetensors").symlink_to("/proc/self/mem")
    for words in (["encode", "--model"], ["eval", "--model"], ["models"]):
        result = run(*words, "./mem.safetensors", *([] if words == ["models"] else ["text"]))
        assert result.exit_code == 1
        assert "mem.safetensors: cannot be read (" in result.stderr
    assert not (here / "text.fsc").exists()
