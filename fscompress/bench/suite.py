"""What is compared, by name, and one of it on one file."""

from collections.abc import Sequence
from dataclasses import dataclass

from fscompress import __version__
from fscompress.bench.compressors import LIBRARIES
from fscompress.bench.external import measure_program
from fscompress.bench.inputs import Input
from fscompress.bench.measure import Row
from fscompress.bench.programs import PROGRAMS, Program
from fscompress.bench.worker import Task, measure_apart
from fscompress.container import MODEL_ID_BYTES
from fscompress.files import printable
from fscompress.store import Installed

OURS = "fscompress"
NAMES = (OURS, *(library.name for library in LIBRARIES), *(program.name for program in PROGRAMS))


@dataclass(frozen=True)
class Subject:
    """A compressor to measure: ``name`` selects it, ``version`` is that of what runs."""

    name: str
    version: str
    run: Task | Program

    @property
    def label(self) -> str:
        """Of its rows."""
        return self.run.label


@dataclass(frozen=True)
class Limits:
    """How often and how long.

    Args:
        runs: timed runs of each; None: 3 to 25 of what takes less than a second, else one.
        timeout: seconds for one compressor on one file, all its runs together.
        threads: of each compressor that can use several.
    """

    runs: int | None = None
    timeout: float = 3600.0
    threads: int = 1


def ours(models: Sequence[Installed], levels: Sequence[str], engine: str, threads: int) -> list[Subject]:
    """This program with each model, once however often it is named, at each level."""
    subjects = []
    different = {(model.name, model.id): model for model in models}.values()
    names = [model.name for model in different]
    for model in different:
        name = model.name if names.count(model.name) == 1 else f"{model.name} {model.id.hex()[: 2 * MODEL_ID_BYTES]}"
        for level in levels:
            label = printable(f"{OURS} {level} ({name})")
            task = Task(label, "", str(model.path), model.n_bytes, level, engine, threads)
            subjects.append(Subject(OURS, __version__, task))
    return subjects


def baselines() -> tuple[list[Subject], list[str]]:
    """All others that are installed, and the names of those that are not."""
    found, missing = [], []
    for library in LIBRARIES:
        if version := library.version():
            found.append(Subject(library.name, version, Task(library.label, library.name)))
        else:
            missing.append(library.name)
    for program in PROGRAMS:
        if version := program.version():
            found.append(Subject(program.name, version, program))
        else:
            missing.append(program.name)
    return found, missing


def measure_one(subject: Subject, each: Input, limits: Limits) -> Row:
    """The subject on one input; a failure is a row."""
    file = each.name, each.path, each.n_bytes
    if isinstance(subject.run, Task):
        return measure_apart(subject.run, *file, limits.runs, limits.timeout)
    return measure_program(subject.run, *file, limits.threads, limits.runs, limits.timeout)
