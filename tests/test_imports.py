"""One home for each dependency, arrows that never turn back, and commands that start without what they do not need."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, Program, child_environment

PACKAGE = ROOT / "fscompress"
FILES = sorted(path for path in PACKAGE.rglob("*.py"))

# Where a library may be imported, as prefixes of paths below fscompress/.
HOMES = {
    "constriction": ("coder/",),
    "torch": ("model/", "training/", "export/", "study/", "engine/cuda", "bench/training.py", "bench/gpu.py"),
    "numba": ("jit.py", "intrinsics.py", "engine/tiles.py", "engine/amx.py", "engine/vectors.py", "mixer/vectors.py"),
    "llvmlite": ("intrinsics.py", "engine/tiles.py", "engine/amx.py", "engine/vectors.py", "mixer/vectors.py"),
    "onnxruntime": ("engine/",),
    "click": ("cli/",),
    "tqdm": ("cli/",),
    "distributed": ("cluster.py",),
    "dask": ("cluster.py",),
    "struct": ("container/",),
    "matplotlib": ("bench/plot", "study/plot.py"),
    "hashlib": ("container/", "engine/", "store.py", "parts.py", "corpora/", "jit.py", "bench/inputs.py"),
    "pickle": (),
    "marshal": (),
    "shelve": (),
}

# A part may import parts of lower rank; parts of one rank do not know each other up to STRANGERS, above it they may.
RANKS = {
    "errors": 0,
    "temporary": 0,
    "publishing": 0,
    "streams": 0,
    "settings": 1,
    "files": 1,
    "tensor_files": 1,
    "parts": 2,
    "jit": 2,
    "intrinsics": 2,
    "parallel": 2,
    "compressibility": 2,
    "lanes": 2,
    "wiring": 2,
    "container": 3,
    "coder": 3,
    "engine": 3,
    "mixer": 3,
    "model": 3,
    "corpora": 3,
    "decisions": 4,
    "code_lengths": 4,
    "planned": 4,
    "predictor": 4,
    "levels": 4,
    "blocks": 4,
    "executor": 4,
    "memory": 4,
    "cluster": 4,
    "codec": 4,
    "recovery": 4,
    "survey": 4,
    "ranges": 4,
    "warmup": 4,
    "store": 4,
    "training": 4,
    "export": 4,
    "bench": 5,
    "explain": 5,
    "study": 5,
    "cli": 6,
    "__main__": 7,
}
STRANGERS = 3

HEAVY = {"torch", "numpy", "numba", "onnxruntime", "constriction", "safetensors", "tqdm", "onnx", "distributed"}


def imported(path: Path) -> Iterator[str]:
    """Absolute names of all imports of a file, those inside functions included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            assert node.module is not None
            yield node.module
            if node.module == "fscompress":
                yield from (f"fscompress.{alias.name}" for alias in node.names)


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_one_home_for_each_dependency(path: Path) -> None:
    place = path.relative_to(PACKAGE).as_posix()
    for name in imported(path):
        homes = HOMES.get(name.split(".")[0])
        assert homes is None or place.startswith(homes), f"{name} belongs to {homes}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    part = part_of(path)
    if part == "__init__":
        return
    for name in imported(path):
        words = name.split(".")
        other = words[1] if words[0] == "fscompress" and len(words) > 1 else part
        if other in (part, "__version__"):
            continue
        lower = RANKS[other] < RANKS[part] or (RANKS[other] == RANKS[part] and RANKS[part] > STRANGERS)
        assert lower, f"{part} must not import {other}"


def test_environment_is_read_in_one_place() -> None:
    readers = {path.name for path in FILES if "os.environ" in path.read_text() or "getenv" in path.read_text()}
    assert readers <= {"settings.py", "jit.py"}


def modules_after(*words: str) -> set[str]:
    """Top-level modules loaded once a fresh process has run the program."""
    script = (
        "import sys\nfrom fscompress.cli.app import group\n"
        "try:\n    group.main(sys.argv[1:], prog_name='fscompress')\n"
        "finally:\n    print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", script, *words]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=child_environment())
    return set(result.stderr.split())


@pytest.mark.parametrize("words", [["--help"], ["-V"], ["encode", "--help"], ["decode", "--help"], ["list", "--help"]])
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    assert not modules_after(*words) & HEAVY


def test_list_loads_nothing_heavy(installed: Path, here: Path, program: Program) -> None:
    Path("a.fsc").write_bytes(program("encode", input=b"text" * 100).stdout)
    assert not modules_after("list", "a.fsc") & HEAVY


def test_coding_loads_no_torch(installed: Path, here: Path) -> None:
    Path("a.txt").write_bytes(b"text, and more text, " * 50)
    for words in (["encode", "a.txt"], ["test", "-q", "a.txt.fsc"], ["decode", "-f", "a.txt.fsc"]):
        loaded = modules_after(*words)
        assert "constriction" in loaded
        assert not loaded & {"torch", "onnx", "matplotlib", "hypothesis", "pytest"}


def test_short_texts_need_no_product_library(installed: Path, here: Path) -> None:
    """Nor a progress bar that nobody sees, nor a cluster."""
    Path("a.txt").write_bytes(b"text, and more text, " * 50)
    for words in (["encode", "--level", "best", "a.txt"], ["decode", "-f", "a.txt.fsc"]):
        assert not modules_after(*words) & {"onnxruntime", "tqdm", "distributed", "dask"}
