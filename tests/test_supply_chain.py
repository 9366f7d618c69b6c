"""What an untrusted file must never reach, and what a build is made of."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

FILES = [path for folder in ("fscompress", "tests", "models") for path in sorted((ROOT / folder).rglob("*.py"))]
SOURCES = [path for path in FILES if path.is_relative_to(ROOT / "fscompress")]

EXECUTES = {"eval", "exec", "compile", "__import__"}  # as bare names: ``model.eval()`` is torch's
# Modules that make code or objects of data, and functions of other modules that use them.
UNPICKLES = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve", "cloudpickle", "yaml"}
LOADS = {"torch.load", "torch.jit.load", "torch.hub.load", "numpy.load", "np.load"}
NETWORK = {"urllib", "http", "socket", "ssl", "ftplib", "requests", "httpx", "socketserver", "xmlrpc"}
EXTRACTS = {"extract", "extractall", "unpack_archive"}
WRITABLE_BY_ALL = {"mktemp", "tempnam", "tmpnam"}


def called(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def imported(path: Path) -> set[str]:
    """First words of imported modules."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_no_data_becomes_code(path: Path) -> None:
    assert not imported(path) & UNPICKLES
    for name, call in called(path):
        assert name not in EXECUTES, f"line {call.lineno}"
        assert name not in LOADS, f"line {call.lineno}"
        assert not any(keyword.arg == "allow_pickle" for keyword in call.keywords), f"line {call.lineno}"
        assert not any(keyword.arg == "shell" for keyword in call.keywords), f"line {call.lineno}"


def test_the_network_is_reached_from_one_place() -> None:
    assert [shown(path) for path in SOURCES if imported(path) & NETWORK] == ["fscompress/corpora/enwik8.py"]


def test_downloads_are_over_https() -> None:
    for path in SOURCES:
        assert not re.findall(r"\b(?:http|ftp)://", path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("path", SOURCES, ids=shown)
def test_archives_and_temporary_files(path: Path) -> None:
    for name, call in called(path):
        last = name.split(".")[-1]
        assert last not in EXTRACTS, f"line {call.lineno}: reads the members it needs instead"
        assert last not in WRITABLE_BY_ALL, f"line {call.lineno}"


def test_every_library_of_the_check_is_pinned() -> None:
    lines = (ROOT / "requirements-ci.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert all(re.fullmatch(r"[0-9][0-9a-z.]*", version) for version in pins.values())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = project["dependencies"] + [each for name in ("dev", "bench", "plot") for each in extras[name]]
    names = {re.split(r"[\[<>=]", each)[0] for each in asked} - {"fscompress"}
    assert names <= pins.keys()
