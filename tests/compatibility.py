"""The compatibility matrix: golden files with the lowest and the highest allowed versions of everything, each Python.

    python -m tests.compatibility                          every python3.11 to 3.13 on the PATH
    python -m tests.compatibility --python python3.12      this one alone
    python -m tests.compatibility --torch                  torch too, and what needs it: training, export, engine cuda

The bounds are read from pyproject.toml.  uv resolves them, because pip has no lowest; it is installed into the folder
of the run and nowhere else.  Only wheels count: a version without one for a Python is not meant to be built there.
A torch that brings CUDA's libraries, gigabytes, is not installed: where no index has the same version for processors
alone, its row says so and does not count.  UV_FIND_LINKS, or PIP_FIND_LINKS, and UV_INDEX name places beside PyPI.
With torch the tiny model's weights are exported too, and must give the integers' file of tests/golden byte for byte.
Ends with 1 if one environment fails or none is tested.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TINY = ROOT / "tests" / "golden" / "tiny.safetensors"
PYTHONS = ("python3.11", "python3.12", "python3.13")
RESOLUTIONS = {"lowest": "lowest-direct", "highest": "highest"}
TESTERS = ("hypothesis", "pytest", "pytest-timeout")  # what the configuration of pytest and the tests named below need
SHOWN = ("numpy", "numba", "constriction", "onnxruntime", "safetensors", "click", "torch")
FROM_PIP = {"UV_FIND_LINKS": "PIP_FIND_LINKS", "SSL_CERT_FILE": "PIP_CERT"}  # what pip is told, uv is told too
CODING = ("tests/golden",)
TRAINING = ("tests/export", "tests/training", "tests/model", "tests/engine/test_cuda.py")
CUDA_LIBRARIES = re.compile(r"^ \+ nvidia-", flags=re.MULTILINE)  # in what uv would install
WITH_CUDA = "not tested: no index that can be reached has this torch for processors alone"
EXPORTED = "import hashlib; from tests.golden.make import exported; print(hashlib.sha256(exported('tiny')).hexdigest())"


@dataclass
class Environment:
    """One cell of the matrix and what came of it; ``said`` is the last line of its tests, or why there were none.

    ``skipped``: it cannot be had here, which is no failure.
    """

    python: str
    bound: str
    folder: Path
    versions: dict[str, str] = field(default_factory=dict)
    passed: bool = False
    skipped: bool = False
    said: str = ""

    @property
    def program(self) -> str:
        """Its interpreter."""
        return str(self.folder / "bin" / "python")


def requirements(with_torch: bool) -> list[str]:
    """What pyproject.toml asks for, and what the tests need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [each for each in project["dependencies"] if with_torch or not each.startswith("torch")]
    testers = [each for each in project["optional-dependencies"]["dev"] if re.split("[<>=]", each)[0] in TESTERS]
    return [*asked, *testers]


def runnable(name: str) -> bool:
    """Whether the interpreter is there and starts; a version manager's shim may be there and not start."""
    found = shutil.which(name)
    return bool(found) and subprocess.run([str(found), "-V"], capture_output=True, check=False).returncode == 0


def fetch_uv(folder: Path) -> str:
    """The path of a uv of this run's own."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", "uv"], check=True)
    return str(folder / "bin" / "uv")


def attempt(command: list[str]) -> str:
    """Runs uv; returns what is wrong."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if CUDA_LIBRARIES.search(result.stderr):
        return WITH_CUDA
    return " ".join(result.stderr.split())[:300] if result.returncode else ""


def install(uv: str, each: Environment, with_torch: bool) -> str:
    """Makes the environment; returns what went wrong."""
    subprocess.run([each.python, "-m", "venv", "--without-pip", str(each.folder)], check=True)
    command = [uv, "pip", "install", "--python", each.program, "--only-binary", ":all:"]
    command += ["--resolution", RESOLUTIONS[each.bound], *requirements(with_torch)]
    wrong = ""
    for backend in (["--torch-backend", "cpu"], []) if with_torch else ([],):  # PyTorch's own index, then others
        wrong = attempt([*command, *backend, "--dry-run"]) or attempt([*command, *backend, "--quiet"])
        if not wrong:
            break
    else:
        each.skipped = wrong == WITH_CUDA
        return wrong
    listed = subprocess.run([uv, "pip", "freeze", "--python", each.program], capture_output=True, text=True, check=True)
    each.versions = dict(re.findall(r"^([\w-]+)==(\S+)$", listed.stdout, flags=re.MULTILINE))
    return ""


def run_tests(each: Environment, with_torch: bool) -> None:
    """Runs the tests there, with a cache of compiled kernels of its own."""
    cache = each.folder / "cache"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "FSCOMPRESS_CACHE": str(cache), "PYTHONDONTWRITEBYTECODE": "1"}
    folders = [*CODING, *(TRAINING if with_torch else ())]
    # What a library deprecates in a version of tomorrow is for its upgrade, not for this matrix, so -W default.
    words = ["-m", "pytest", "-q", "-x", "-m", "not slow", "-p", "no:cacheprovider", "-W", "default", *folders]
    result = subprocess.run(
        [each.program, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    lines = (result.stdout + result.stderr).strip().splitlines() or ["no output"]
    each.passed, each.said = result.returncode == 0, lines[-1].strip("= ")
    if not each.passed:
        print(result.stdout[-4000:], result.stderr[-2000:], file=sys.stderr)
    elif with_torch:
        command = [each.program, "-c", EXPORTED]
        exported = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        each.passed = exported.stdout.strip() == hashlib.sha256(TINY.read_bytes()).hexdigest()
        each.said += f"; the exported model has {'the same' if each.passed else 'OTHER'} bytes"


def report(environments: list[Environment]) -> str:
    """A table in Markdown."""
    titles = ["python", "versions", *SHOWN, "golden files"]
    rows = [titles, ["---"] * len(titles)]
    for each in environments:
        verdict = each.said if each.skipped else f"{'equal' if each.passed else 'FAILED'} ({each.said})"
        rows.append([each.python, each.bound, *(each.versions.get(name, "-") for name in SHOWN), verdict])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", action="append", help="an interpreter, by name or path; repeatable")
    parser.add_argument("--bound", action="append", choices=[*RESOLUTIONS], help="lowest or highest; default both")
    parser.add_argument("--torch", action="store_true", help="with torch (large), and the tests that need it")
    parser.add_argument("--folder", type=Path, help="where temporary environments are made [default: the system's]")
    return parser.parse_args()


def main() -> int:
    """Exit code 0 if the golden files are equal everywhere."""
    given = arguments()
    for ours, theirs in FROM_PIP.items():
        if theirs in os.environ:
            os.environ.setdefault(ours, os.environ[theirs])
    pythons = given.python or [name for name in PYTHONS if runnable(name)]
    with tempfile.TemporaryDirectory(prefix="fscompress-compatibility-", dir=given.folder) as name:
        folder = Path(name)
        uv, environments = fetch_uv(folder / "uv"), []
        for python in pythons:
            for bound in given.bound or RESOLUTIONS:
                each = Environment(python, bound, folder / f"{len(environments)}")
                environments.append(each)
                each.said = install(uv, each, given.torch)
                if not each.said:
                    run_tests(each, given.torch)
                print(f"{python} {bound}: {each.said}", file=sys.stderr, flush=True)
                shutil.rmtree(each.folder, ignore_errors=True)
    print(report(environments))
    tested = [each for each in environments if not each.skipped]
    return 0 if tested and all(each.passed for each in tested) else 1


if __name__ == "__main__":
    raise SystemExit(main())
