"""One process of a small run, for the tests of several: started as torchrun starts them.

Run: ``python -m tests.training.world_run CORPUS OUT STEPS STOP_AT [RATE]``, with RANK, WORLD_SIZE, MASTER_ADDR and
MASTER_PORT in the environment.  The last rank asks to stop at step STOP_AT; a run that is there is resumed.  Rank 0
prints its reports as JSON.  No rank may keep a thread of the group, which could abort the process at its exit.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from fscompress.corpora import Corpus, open_corpus
from fscompress.model.config import ModelConfig
from fscompress.training.config import Preset, TrainConfig
from fscompress.training.distributed import ALONE, World, joined_world
from fscompress.training.metrics import Report
from fscompress.training.schedule import Budget
from fscompress.training.trainer import LAST, RunOptions, Trainer
from tests.conftest import ROOT, child_environment, running, wait_until

MODEL = ModelConfig(12, 16, 2, 8, dropout=0.1, zoneout_cell=0.1, zoneout_hidden=0.05)
PRESET = Preset(MODEL, TrainConfig(batch=4, window=8, rate=0.01, sparsity=0.5))


def train(
    corpus: Corpus, out: Path, steps: int, stop_at: int, world: World = ALONE, preset: Preset = PRESET
) -> tuple[Trainer, list[Report]]:
    """Trains on from the step that the folder holds to ``stop_at`` or the end."""
    options = RunOptions(out, device="cpu", precision="fp32", compiled=False, eval_every=10, save_seconds=0.01)
    trainer = Trainer(preset, corpus, Budget(steps), options, (out / LAST).exists(), world)
    reports: list[Report] = []
    trainer.fit(reports.append, lambda: world.rank == world.size - 1 and trainer.state.step == stop_at)
    return trainer, reports


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextmanager
def started(*words: object, size: int) -> Iterator[list[subprocess.Popen[str]]]:
    """``python WORDS...`` as ``size`` processes of one world on this machine."""
    shared = child_environment() | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    command = [sys.executable, *map(str, words)]
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with ExitStack() as stack:
        environments = [shared | {"RANK": str(rank), "WORLD_SIZE": str(size)} for rank in range(size)]
        yield [stack.enter_context(running(command, cwd=ROOT, env=env, **piped)) for env in environments]


def finish(processes: list[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    """(exit code, stdout, stderr) of each rank."""
    return [(process.returncode, out, err) for process in processes for out, err in [process.communicate(timeout=60)]]


def group_has_ended() -> bool:
    """Whether no thread of gloo's is left, as Linux tells; one that has just ended may be there for a moment."""
    for task in Path("/proc/self/task").glob("*"):
        with suppress(OSError):
            if "gloo" in (task / "comm").read_text():
                return False
    return True


def main() -> None:
    corpus, out, steps, stop_at, *rate = sys.argv[1:]
    preset = replace(PRESET, training=replace(PRESET.training, rate=float(rate[0]))) if rate else PRESET
    try:
        with joined_world(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), "cpu") as world:
            trainer, reports = train(open_corpus(corpus), Path(out), int(steps), int(stop_at), world, preset)
            if world.leads:
                sys.stdout.write(json.dumps([vars(report) for report in reports]))
            else:
                assert not reports
            assert trainer.hidden[0][0].shape[0] == PRESET.training.batch // world.size
    finally:
        wait_until(group_has_ended)


if __name__ == "__main__":
    main()
