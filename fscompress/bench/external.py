"""An external program on one file: run in a private folder, its output decoded by it again and compared."""

import filecmp
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fscompress.bench.children import Deadline, run
from fscompress.bench.measure import CHANGED, NOT_BACK, Row, failed, measured, repeated
from fscompress.bench.programs import ENVIRONMENT, Program
from fscompress.errors import BaselineError

LAUNCHER = Path(__file__).with_name("launch.py")
WARM_UP_BYTES = 1 << 10  # what is read from disk at the first start is read before the clock runs


def measure_program(
    program: Program, file: str, path: Path, n_bytes: int, threads: int, runs: int | None, timeout: float
) -> Row:
    """Measures the program on the file at ``path``; whatever fails is a row, not an exception.

    Args:
        file: name of the row's file; n_bytes: its length, which is known though it may vanish meanwhile.
        runs: timed runs; None: as ``repeated`` chooses.
        timeout: seconds for all that the program does here.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="fscompress-bench-") as name:
            bench = _Bench(program, _installed(program), Path(name), threads, Deadline(timeout))
            bench.warm_up(path)
            if shutil.copyfile(path, bench.path("plain")).stat().st_size != n_bytes:
                raise BaselineError(CHANGED)
            encodes = repeated(bench.encode, runs)
            decodes = repeated(bench.decode, runs)
    except BaselineError as error:
        return failed(program.label, file, n_bytes, str(error))
    except OSError as error:
        where = "the file" if error.filename == str(path) else "the temporary folder"
        return failed(program.label, file, n_bytes, f"{where}: {error.strerror}")
    peak = max(peak for peak, _ in encodes + decodes)
    times = [seconds for _, seconds in encodes], [seconds for _, seconds in decodes]
    return measured(program.label, file, n_bytes, bench.n_coded, bench.model_bytes, *times, peak)


def _installed(program: Program) -> Path:
    found = program.find()
    if found is None:
        raise BaselineError("not installed")
    return found


@dataclass
class _Bench:
    """A folder with the files ``plain``, ``coded`` and ``decoded`` of one program."""

    program: Program
    executable: Path
    folder: Path
    threads: int
    deadline: Deadline
    n_coded: int = 0

    @property
    def model_bytes(self) -> int:
        """Size of the file that a decoder must have beside the program."""
        model = self.executable.parent / self.program.model
        return model.stat().st_size if self.program.model and model.is_file() else 0

    def path(self, which: str) -> Path:
        """Of the file that the program's words call so."""
        return self.folder / {"coded": self.program.coded, "decoded": self.program.decoded}.get(which, which)

    def warm_up(self, path: Path) -> None:
        """A round trip of the file's beginning, of which nothing counts."""
        with path.open("rb") as file:
            self.path("plain").write_bytes(file.read(WARM_UP_BYTES))
        self.encode()
        self.decode()

    def encode(self) -> tuple[int, float]:
        """Peak memory in bytes and seconds; sets ``n_coded``.  Raises BaselineError."""
        figures = self._run(self.program.encode, "coded")
        self.n_coded = self.path("coded").stat().st_size
        return figures

    def decode(self) -> tuple[int, float]:
        """Peak memory in bytes and seconds.  Raises BaselineError also if it does not give ``plain`` back."""
        figures = self._run(self.program.decode, "decoded")
        filecmp.clear_cache()  # it goes by time and size, which an archiver gives back
        if not filecmp.cmp(self.path("plain"), self.path("decoded"), shallow=False):
            raise BaselineError(NOT_BACK)
        return figures

    def _run(self, words: tuple[str, ...], output: str) -> tuple[int, float]:
        target = self.path(output)
        target.unlink(missing_ok=True)
        files = {which: str(self.path(which)) for which in ("plain", "coded", "decoded")}
        command = [word.format(**files, threads=self.threads) for word in words]
        launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(self.executable)]
        home = self.executable.parent if self.program.model else self.folder
        environment = ENVIRONMENT | {"HOME": str(self.folder), "TMPDIR": str(self.folder)}
        said = run([*launcher, *command], self.deadline, folder=home, environment=environment)
        seconds, peak = said.split()
        if not target.is_file():
            raise BaselineError(f"wrote no {output} file")
        return int(peak), float(seconds)
