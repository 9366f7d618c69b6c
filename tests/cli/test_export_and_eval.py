"""From a checkpoint to an installed model, and bits per byte of both."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from fscompress import parts, store
from fscompress.cli.app import group
from fscompress.engine import load_model
from fscompress.engine.evaluation import integer_bits_per_byte
from fscompress.export.checkpoint import DEFAULT_PRIMER, load_float_model
from fscompress.model.config import ModelConfig
from fscompress.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from fscompress.training.config import TrainConfig
from fscompress.training.evaluation import float_bits_per_byte
from tests.conftest import ROOT, child_environment

TEXT = (ROOT / "fscompress" / "cli" / "app.py").read_bytes() * 2


@pytest.fixture(autouse=True)
def _place(here: Path, installed: Path) -> None:
    import torch

    from fscompress.model.fs_rnn import FSRNN

    torch.manual_seed(1)
    config = ModelConfig(8, 8, 2, 4)
    tensors = {f"model.{name}": p.detach() for name, p in FSRNN(config).named_parameters()}
    write_checkpoint(here / "ckpt.safetensors", Checkpoint(config, TrainConfig(), {"step": 1}, tensors))
    (here / "valid.txt").write_bytes(TEXT)


def run(*words: str) -> Result:
    return CliRunner().invoke(group, words)


def figures(result: Result) -> dict[str, float]:
    return {line.split()[0]: float(line.split()[1]) for line in result.stdout.splitlines()}


def test_weights_of_another_network_are_one_clear_error() -> None:
    import torch

    saved = read_checkpoint(Path("ckpt.safetensors"))
    for change in ({"model.cells.0.weight": torch.zeros(3, 3)}, {"model.more": torch.zeros(1)}):
        write_checkpoint(Path("other.safetensors"), replace(saved, tensors=saved.tensors | change))
        export = ["export", "other.safetensors", "m.safetensors"]
        for words in (export, ["eval", "valid.txt", "--model", "other.safetensors"]):
            result = run(*words)
            assert result.exit_code == 1
            said = "other.safetensors: its weights are not those of the network that it describes"
            assert result.stderr == f"fscompress: {said}\n"


def test_export_measures_what_rounding_costs(installed: Path) -> None:
    words = ["ckpt.safetensors", "mine.safetensors", "--valid", "valid.txt", "--description", "random"]
    result = run("export", *words)
    assert result.exit_code == 0, result.stderr
    bpc = figures(result)
    assert bpc["cost"] == pytest.approx(bpc["integer"] - bpc["float"], abs=2e-4)
    assert abs(bpc["cost"]) < 0.05
    metadata = store.read_metadata(Path("mine.safetensors"))
    assert (metadata["name"], metadata["description"], float(metadata["bpc"])) == ("mine", "random", bpc["integer"])

    by_eval = {
        kind: json.loads(run("eval", "--json", "--model", path, "valid.txt").stdout)[0]
        for kind, path in (("float", "./ckpt.safetensors"), ("integer", "./mine.safetensors"))
    }
    for kind, entry in by_eval.items():
        assert entry["arithmetic"] == kind
        assert entry["bits_per_byte"] == pytest.approx(bpc[kind], abs=1e-4)

    assert run("encode", "--model", "./mine.safetensors", "valid.txt", "a.fsc").exit_code == 0
    assert run("decode", "--model", "./mine.safetensors", "a.fsc", "a.txt").exit_code == 0
    assert Path("a.txt").read_bytes() == TEXT


def test_export_measures_nothing_for_a_closed_stdout() -> None:
    words = [sys.executable, "-m", "fscompress", "export", "ckpt.safetensors", "m.safetensors", "--valid", "valid.txt"]
    command = ["sh", "-c", 'exec "$@" >&-', "sh", *words]
    result = subprocess.run(command, capture_output=True, env=child_environment(), check=False)
    assert (result.returncode, result.stderr) == (1, b"fscompress: stdout: is closed; name a file\n")
    assert not Path("m.safetensors").exists()


def test_export_writes_masters_and_overwrites_nothing() -> None:
    assert run("export", "ckpt.safetensors", "m.safetensors", "--master", "m.float16.safetensors").exit_code == 0
    assert str(read_checkpoint(Path("m.float16.safetensors")).tensors["model.output.weight"].dtype) == "torch.float16"
    before = Path("m.safetensors").read_bytes()
    assert run("export", "ckpt.safetensors", "m.safetensors", "--name", "other").exit_code == 1
    assert Path("m.safetensors").read_bytes() == before
    assert run("export", "-f", "ckpt.safetensors", "m.safetensors", "--name", "other").exit_code == 0
    assert store.read_metadata(Path("m.safetensors"))["name"] == "other"


def test_export_in_parts(here: Path) -> None:
    words = ["export", "ckpt.safetensors", "m.safetensors", "--master", "m.float16.safetensors"]
    assert run(*words).exit_code == 0
    whole, master = (here / name for name in ("m.safetensors", "m.float16.safetensors"))
    expected = whole.read_bytes()
    result = run(*words, "-f", "--part-bytes", "2000")
    assert result.exit_code == 0
    assert f"m.safetensors: {len(expected):,} bytes in {-(-len(expected) // 2000)} parts" in result.stderr
    assert not whole.exists()
    assert not master.exists()
    assert parts.read_joined(whole) == expected
    assert store.is_checkpoint(master)
    assert max(part.stat().st_size for part in parts.part_paths(whole)) == 2000

    refused = run(*words)
    assert (refused.exit_code, refused.stderr) == (
        1,
        "fscompress: m.safetensors: exists already, in parts; -f overwrites it\n",
    )
    assert run(*words, "-f", "--part-bytes", "0").exit_code == 0
    assert whole.read_bytes() == expected
    assert read_checkpoint(master).tensors
    assert {entry.name for entry in here.iterdir()} == {"ckpt.safetensors", "valid.txt", whole.name, master.name}


def test_export_that_is_refused_writes_nothing(here: Path) -> None:
    before = {entry.name for entry in here.iterdir()}
    words = ["export", "ckpt.safetensors", "m.safetensors", "--master"]
    result = run(*words, "./m.safetensors")
    assert (result.exit_code, result.stderr.endswith("are the same file; give another one\n")) == (1, True)
    for n_bytes in ("20", "80"):
        result = run(*words, "f.safetensors", "--part-bytes", n_bytes)
        assert (result.exit_code, "(at most 100)" in result.stderr) == (1, True)
    assert {entry.name for entry in here.iterdir()} == before


@pytest.mark.parametrize("words", [["-"], ["/dev/stdout"], ["m.safetensors", "--master", "/dev/fd/1"], ["pipe"]])
def test_export_to_what_is_no_file_is_refused(here: Path, words: list[str]) -> None:
    os.mkfifo(here / "pipe")
    before = {entry.name for entry in here.iterdir()}
    result = run("export", "-f", "--name", "m", "ckpt.safetensors", *words)
    assert (result.exit_code, result.stderr) == (1, f"fscompress: {words[-1]}: is no file; give the name of one\n")
    assert {entry.name for entry in here.iterdir()} == before


def test_names_that_are_no_text(here: Path) -> None:
    name = os.fsdecode(b"\xff.txt")
    try:
        (here / name).write_bytes(TEXT[:500])
    except OSError as error:
        pytest.skip(f"names are text on this file system ({error})")
    assert run("explain", name).exit_code == 0
    assert "\ufffd.txt" in (here / (name + ".html")).read_text(encoding="utf-8")
    assert run("encode", name).exit_code == 0
    for words in (["eval", name], ["list", name + ".fsc"]):
        result = run(*words)
        assert (result.exit_code, "\ufffd.txt" in result.stdout) == (0, True)
    assert run("export", "ckpt.safetensors", name).exit_code == 2


def test_export_refuses_what_no_reader_would_accept() -> None:
    assert run("export", "ckpt.safetensors", "m", "--name", "With Blanks").exit_code == 2
    assert run("export", "valid.txt", "m").exit_code == 1
    assert not Path("m").exists()


@pytest.mark.parametrize(("words", "lanes"), [([], 7), (["--lanes", "1"], 1), (["--lanes", "5"], 5)])
def test_eval_cuts_a_short_text_alike_for_floats_and_integers(words: list[str], lanes: int) -> None:
    assert run("export", "ckpt.safetensors", "m.safetensors").exit_code == 0
    plain = TEXT[:500]
    Path("short.txt").write_bytes(plain)
    exact, rounded = (
        json.loads(run("eval", "--json", "short.txt", "--model", path, *words).stdout)[0]["bits_per_byte"]
        for path in ("./ckpt.safetensors", "./m.safetensors")
    )
    network = load_float_model(Path("ckpt.safetensors"))
    assert exact == float_bits_per_byte([network], np.frombuffer(plain, np.uint8), lanes, DEFAULT_PRIMER)
    assert rounded == integer_bits_per_byte(load_model(Path("m.safetensors")), plain, lanes)


def test_eval_of_the_default_model() -> None:
    result = run("eval", "valid.txt")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].split()[1] == "integer"
    assert result.stdout == run("eval", "valid.txt", "--lanes", "32").stdout
    assert run("eval", "valid.txt", "--lanes", "0").exit_code == 2
    Path("empty").touch()
    assert run("eval", "empty").exit_code == 1
    assert run("eval", "--model", "nobody", "valid.txt").exit_code == 4
    assert run("eval", "--model", "./valid.txt", "valid.txt").exit_code == 3


def test_an_engine_for_a_checkpoint_is_refused_and_its_name_need_not_be_text() -> None:
    result = run("eval", "--model", "./ckpt.safetensors", "--engine", "reference", "valid.txt")
    assert result.exit_code == 1
    assert "--engine is for integer models, and this is a checkpoint of train" in result.stderr
    odd = os.fsdecode(b"\xff.safetensors")
    Path("ckpt.safetensors").rename(odd)
    assert run("eval", "--model", f"./{odd}", "valid.txt").exit_code == 0


@pytest.mark.parametrize("description", [os.fsdecode(b"\xff"), "two\nlines"])
def test_a_description_that_is_no_line_of_text_is_wrong_usage(here: Path, description: str) -> None:
    result = run("export", "ckpt.safetensors", "mine.safetensors", "--description", description)
    assert result.exit_code == 2
    assert "must be one line of text" in result.stderr
    assert not (here / "mine.safetensors").exists()
