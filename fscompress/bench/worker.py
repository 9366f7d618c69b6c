"""A compressor of this program or of a library on one file, in a process of its own.

So its peak memory is its own, its crash or its time limit is a failed row, and nothing that one compressor has loaded
helps another.  The process reads a ``Task`` from stdin as JSON and writes a ``Row`` to stdout; it runs as
``python -P -m fscompress.bench.worker``, so that nothing is imported from the working folder.
"""

import dataclasses
import json
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

from fscompress.bench.children import Deadline, run
from fscompress.bench.compressors import LIBRARIES, Compressor, fscompress
from fscompress.bench.launch import KIB
from fscompress.bench.measure import CHANGED, Row, failed, measure
from fscompress.errors import BaselineError
from fscompress.settings import child_environment

STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Task:
    """What to measure: a ``library`` by name or, where that is empty, this program with a model and at a level.

    Args:
        label: of the row.
        model: path of the model's file; ``model_bytes`` its size.
    """

    label: str
    library: str = ""
    model: str = ""
    model_bytes: int = 0
    level: str = ""
    engine: str = "auto"
    threads: int = 1

    def compressor(self) -> Compressor:
        """The compressor, ready to run here."""
        if self.library:
            return next(library for library in LIBRARIES if library.name == self.library).make()
        from fscompress.codec import CodingOptions
        from fscompress.engine import load_model

        options = CodingOptions(self.engine, self.threads, self.level)
        return fscompress(load_model(Path(self.model)), self.model_bytes, options, self.label)


def measure_apart(task: Task, file: str, path: Path, n_bytes: int, runs: int | None, timeout: float) -> Row:
    """Measures the task on the file at ``path`` in a new process; whatever fails is a row, not an exception.

    Args:
        file: name of the row's file; n_bytes: its length, which is known though it may vanish meanwhile.
        runs: timed runs; None: as ``measure.repeated`` chooses.
        timeout: seconds for all of it, the start of the process included.
    """
    given = {"task": dataclasses.asdict(task), "file": file, "path": str(path), "runs": runs}
    command = [sys.executable, "-P", "-m", "fscompress.bench.worker"]
    try:
        said = run(command, Deadline(timeout), json.dumps(given).encode(), environment=child_environment())
    except (BaselineError, OSError) as error:
        return failed(task.label, file, n_bytes, str(error))
    row = Row(**json.loads(said))
    return row if row.n_plain == n_bytes else failed(task.label, file, n_bytes, CHANGED)


def peak_bytes() -> int:
    """The largest resident memory that this process has had so far."""
    # What getrusage says begins with the peak of the process that started this one; the kernel's own figure does not.
    if STATUS.exists():
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB


def main() -> None:
    """See the module's text."""
    given = json.load(sys.stdin)
    data = Path(given["path"]).read_bytes()
    row = measure(Task(**given["task"]).compressor(), given["file"], data, given["runs"])
    json.dump(dataclasses.asdict(dataclasses.replace(row, peak_bytes=peak_bytes())), sys.stdout)


if __name__ == "__main__":
    main()
