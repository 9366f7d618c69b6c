"""An option that a mode of bench would ignore is wrong usage."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fscompress.cli.app import group
from fscompress.cli.bench import bench
from fscompress.cli.bench_modes import MODES, READS


def invoke(*words: str) -> Result:
    return CliRunner().invoke(group, ["bench", *words])


# What each parameter that not all modes read is given, and the modes that read it; "" is bench without a mode.
READERS = {
    "--only gzip": [""],
    "--skip gzip": [""],
    "--data .": ["", "ablation", "curve", "lanes", "scaling", "parts"],
    "--timeout 9": ["", "scaling"],
    "--runs 2": ["", "lanes", "scaling", "parts"],
    "-T 2": ["", "scaling", "lanes"],
    "--preset small": ["train"],
    "--seconds 10": ["train"],  # also as much as it would be
    "--sizes 9": ["lanes", "scaling"],
    "--level normal": ["", "ablation", "curve", "lanes", "scaling", "parts"],
    "--model nosuch": ["", "ablation", "curve", "lanes", "scaling", "parts"],
    "--engine auto": ["", "ablation", "curve", "lanes", "scaling", "parts"],
    "--plot a.svg": ["", "curve", "lanes", "scaling"],
    "file": ["", "ablation", "curve", "lanes", "scaling", "parts"],
}


@pytest.mark.parametrize("given", READERS)
@pytest.mark.parametrize("mode", ["", "published", *MODES])
def test_what_would_be_ignored_is_refused(here: Path, monkeypatch: pytest.MonkeyPatch, given: str, mode: str) -> None:
    for run in ("run_mode", "_compare", "_print_published"):
        monkeypatch.setattr(f"fscompress.cli.bench.{run}", lambda *_: None)
    (here / "file").write_bytes(b"text")
    result = invoke(*([f"--{mode}"] if mode else []), *given.split())
    if mode in READERS[given]:
        assert result.exit_code == 0, result.stderr
        return
    option = {"-T 2": "--threads", "file": "FILE"}.get(given, given.split()[0])
    assert result.exit_code == 2
    assert f"{f'--{mode}' if mode else 'bench without a mode'} takes no {option}" in result.stderr


def test_readers_are_told() -> None:
    assert "bench without a mode takes no --sizes, which is of --lanes, --scaling" in invoke("--sizes", "9").stderr


def test_every_form_goes_with_every_mode(here: Path) -> None:
    assert {parameter.name for parameter in bench.params} - frozenset().union(*READS.values()) == {
        *(f"mode_{mode}" for mode in ("published", *MODES)), "as_json", "markdown", "csv", "into", "force", "quiet",
        "verbose", "no_progress",
    }  # fmt: skip


def test_published_excludes_modes() -> None:
    result = invoke("--published", "--train")
    assert result.exit_code == 2
    assert "--published and --train exclude each other" in result.stderr
