"""Documents say what the code does."""

import re
from pathlib import Path

import click
import pytest

from fscompress import errors
from fscompress.cli.app import COMMANDS, group
from fscompress.cli.reference import reference
from tests.conftest import ROOT

SKIPPED = {".venv", ".git", ".demo", "runs", "data", "dist", "build", "node_modules"}
DOCUMENTS = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not SKIPPED & set(path.relative_to(ROOT).parts) and ".pytest" not in str(path)
)
SETTINGS = (ROOT / "fscompress" / "settings.py").read_text()


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_cli_reference_is_what_the_commands_say() -> None:
    assert read("docs/CLI.md") == reference(), "make docs"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_resolve(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:|#", target):
            assert (path.parent / target.split("#")[0]).exists(), f"{path.name} links to {target}"


def test_exit_codes_are_documented() -> None:
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    rows = re.findall(r"^\| (\d+) \|", read("docs/CLI.md"), flags=re.MULTILINE)
    assert {int(row) for row in rows} == codes
    overview = group.help or ""
    assert {int(code) for code in re.findall(r"\b(\d+) [a-z]", overview)} == codes


def test_environment_variables_are_documented() -> None:
    names = set(re.findall(r"FSCOMPRESS_[A-Z]+", SETTINGS))
    assert names == set(re.findall(r"`(FSCOMPRESS_[A-Z]+)`", read("docs/CLI.md")))


def test_readme_and_package_name_the_same_systems() -> None:
    named = re.findall(r'"Operating System :: (?:.* :: )?(.*)"', read("pyproject.toml"))
    sentence = re.search(r"runs on (.*);", read("README.md"))
    assert sentence
    assert sorted(named) == sorted(name.replace("macOS", "MacOS") for name in sentence[1].split(" and "))


def test_overview_lists_the_commands_that_exist() -> None:
    context = group.make_context("fscompress", ["list"], resilient_parsing=True)
    for name, (_, line) in COMMANDS.items():
        command = group.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.help, f"{name} has no help"
        assert line.endswith(".")
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.opts} has no help"


def rows_of(table: str) -> list[dict[str, str]]:
    """The rows of a Markdown table, by its titles; marks of footnotes are left out."""
    titles, _, *rows = [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return [dict(zip(titles, row, strict=True)) for row in rows]


def results_table(text: str) -> list[dict[str, str]]:
    """The rows of the table of bits per byte: its first titles are file and bytes."""
    (table,) = re.findall(r"^\| file \| bytes \|.*\n(?:\|.*\n)+", text, flags=re.MULTILINE)
    return rows_of(table)


def test_results_of_readme_are_those_of_bench() -> None:
    block = read("docs/BENCH.md").split("<!-- fscompress bench results -->")[1].split("<!-- end -->")[0]
    measured = {row["bytes"]: row for row in results_table(block)}
    for row in results_table(read("README.md")):
        for title, cell in row.items():
            if title != "file":  # README says more of it; no two have the same length
                (same,) = (t for t in measured[row["bytes"]] if t == title or t.startswith(f"fscompress {title} ("))
                assert measured[row["bytes"]][same] == cell, f"{row['file']}, {title}"


def test_markers_of_bench_are_paired() -> None:
    text = re.sub(r"```.*?```", "", read("docs/BENCH.md"), flags=re.DOTALL)
    marks = re.findall(r"<!-- (fscompress bench|end)", text)
    assert marks == ["fscompress bench", "end"] * (len(marks) // 2)


def test_readme_names_every_command_and_no_other() -> None:
    used = set(
        re.findall(r"fscompress ([a-z]+)", " ".join(re.findall(r"```.*?```", read("README.md"), flags=re.DOTALL)))
    )
    assert used <= set(COMMANDS)
    assert {"encode", "decode", "test", "list"} <= used


def test_make_targets_in_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), flags=re.MULTILINE))
    for path in DOCUMENTS:
        used = set(re.findall(r"`make ([a-z-]+)`", path.read_text(encoding="utf-8")))
        assert used <= targets, f"{path.name}: {used - targets}"


def test_reading_order_exists() -> None:
    order = read("README.md").split("## Reading order")[1]
    for target in re.findall(r"`([\w./-]+/?)`", order):
        assert (ROOT / target).exists(), target


def test_changelog_speaks_of_the_format() -> None:
    releases = read("CHANGELOG.md").split("\n## ")[1:]
    assert releases
    for release in releases:
        assert re.search(r"^- format: ", release, flags=re.MULTILINE), release.splitlines()[0]
