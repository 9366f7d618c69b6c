"""A cluster codes what one machine codes: in order, memory bounded, through the loss of workers, to the same bytes."""

import gc
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fscompress.cli.app import group
from fscompress.codec import CodingOptions, decode_stream, encode_stream
from fscompress.errors import ChecksumError, EngineError, ModelFileError, RefusedError
from fscompress.jit import kernel_sources_digest
from fscompress.parallel import Cancelled
from tests.conftest import child_environment, running, wait_until
from tests.helpers import OTHER, TINY, encode, find_either, find_tiny, noise, other, text, tiny

distributed = pytest.importorskip("distributed", reason="needs distributed: pip install '.[cluster]'")

from fscompress import cluster as cluster_module  # noqa: E402 (needs the library)
from fscompress.cluster import ClusterExecutor  # noqa: E402

FILES = {tiny().id: TINY, other().id: OTHER}
BLOCK = 1 << 10


def read_model(model: Any) -> bytes:
    return FILES[model.id].read_bytes()


def local_cluster(n_workers: int = 2, processes: bool = False, **others: Any) -> Any:
    given = {"n_workers": n_workers, "threads_per_worker": 1, "processes": processes, "dashboard_address": ":0"}
    return distributed.LocalCluster(**given, **others)


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """A cluster of two workers, threads of this process."""
    with local_cluster() as workers:
        yield workers.scheduler_address


@pytest.fixture
def cluster(scheduler: str) -> Iterator[ClusterExecutor]:
    with ClusterExecutor(scheduler, read_model) as executor:
        yield executor


def encode_on(executor: ClusterExecutor, plain: bytes, models: Any, level: str = "fast", **others: Any) -> bytes:
    target = io.BytesIO()
    encode_stream(io.BytesIO(plain), target, models, CodingOptions(level=level, **others), executor=executor)
    return target.getvalue()


@pytest.mark.parametrize(("level", "n_models"), [("fast", 1), ("light", 1), ("normal", 1), ("best", 2)])
def test_the_bytes_are_those_of_one_machine(cluster: ClusterExecutor, level: str, n_models: int) -> None:
    plain, models = text(3 * BLOCK) + noise(BLOCK) + text(BLOCK + 9, 300), [tiny(), other()][:n_models]
    expected = encode(plain, models, level, block_log2=10)
    assert encode_on(cluster, plain, models, level, block_log2=10) == expected
    target = io.BytesIO()
    decode_stream(io.BytesIO(expected), target, find_either, executor=cluster)
    assert target.getvalue() == plain


def test_streams_at_the_same_time_come_in_order(cluster: ClusterExecutor) -> None:
    plains = [text(2 * BLOCK + n, 700 * n) for n in range(9)]
    coded = list(cluster.map_streams(lambda plain: encode_on(cluster, plain, tiny(), block_log2=10), plains))
    assert coded == [encode(plain, block_log2=10) for plain in plains]


def test_progress_and_room(cluster: ClusterExecutor) -> None:
    """Two tasks for each of two threads are under way at most, so that memory is bounded."""
    seen: list[int] = []

    class Counting(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            assert self.tell() - sum(seen) <= 4 * BLOCK
            return super().read(size)

    encode_stream(Counting(text(20 * BLOCK)), io.BytesIO(), tiny(), options(), seen.append, cluster)
    assert seen == [BLOCK] * 20


def options() -> CodingOptions:
    return CodingOptions(level="fast", block_log2=10)


def test_what_a_worker_raises_is_raised_here(cluster: ClusterExecutor) -> None:
    data = bytearray(encode(text(5 * BLOCK), block_log2=10))
    data[len(data) // 2] ^= 4
    with pytest.raises(ChecksumError, match=r"\[R28\]$"):
        decode_stream(io.BytesIO(data), io.BytesIO(), find_tiny, executor=cluster)
    assert encode_on(cluster, text(900), tiny()) == encode(text(900))


def test_a_model_that_is_not_the_one_of_its_id(scheduler: str) -> None:
    with (
        distributed.Client(scheduler, set_as_default=False) as client,
        pytest.raises(ModelFileError, match="not those of their ids"),
    ):
        client.submit(cluster_module._run, *_task((bytes(32),)), TINY.read_bytes()).result()


def test_a_worker_of_another_version(scheduler: str) -> None:
    with (
        distributed.Client(scheduler, set_as_default=False) as client,
        pytest.raises(EngineError, match="runs another version"),
    ):
        client.submit(cluster_module._run, *_task((tiny().id,), "other sources"), TINY.read_bytes()).result()


def _task(ids: tuple[bytes, ...], sources: str = "") -> tuple[Any, ...]:
    return len, b"", "auto", ids, sources or kernel_sources_digest()


def test_stopping_cancels_what_is_under_way(cluster: ClusterExecutor) -> None:
    """The reference engine would take minutes: workers must be free again soon."""
    slow = CodingOptions(engine="reference", level="fast")
    began = time.monotonic()

    def work(plain: bytes) -> None:
        encode_stream(io.BytesIO(plain), io.BytesIO(), tiny(), slow, executor=cluster)

    threading.Timer(1, cluster.stop).start()
    with pytest.raises(Cancelled):
        list(cluster.map_streams(work, [text(1 << 18)] * 6))
    with pytest.raises(Cancelled):
        work(text(500))
    assert encode_on_another(cluster) == encode(text(500))
    assert time.monotonic() - began < 20


def encode_on_another(cluster: ClusterExecutor) -> bytes:
    with ClusterExecutor(cluster.address, read_model) as executor:
        return encode_on(executor, text(500), tiny())


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "127.0.0.1", "nothing://here:1"])
def test_no_scheduler(address: str) -> None:
    began = time.monotonic()
    with pytest.raises(RefusedError, match=f"^scheduler {address}: .*dask scheduler") as caught:
        ClusterExecutor(address, read_model)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - began < 10
    clients = [found for found in gc.get_objects() if type(found) is distributed.Client]
    assert all(client.status in ("closed", "newly-created") for client in clients)


def test_no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "WORKER_SECONDS", 0.3)
    with (
        local_cluster(n_workers=0) as workers,
        pytest.raises(RefusedError, match=r"has no workers; `dask worker inproc://.*` starts one$"),
    ):
        ClusterExecutor(workers.scheduler_address, read_model)


def test_workers_that_go_before_the_first_block(monkeypatch: pytest.MonkeyPatch) -> None:
    with local_cluster(n_workers=1) as workers, ClusterExecutor(workers.scheduler_address, read_model) as executor:
        workers.scale(0)
        wait_until(lambda: not workers.scheduler.workers)
        monkeypatch.setattr(cluster_module, "WORKER_SECONDS", 0.3)
        with pytest.raises(RefusedError, match="has lost all its workers"):
            encode_on(executor, text(2000), tiny())


@pytest.mark.usefixtures("installed")
def test_files_of_a_command(scheduler: str, here: Path) -> None:
    names = [f"{n}.txt" for n in range(5)]
    for n, name in enumerate(names):
        Path(name).write_bytes(text(1500 + n, 1000 * n) if n != 2 else noise(300))
    here.joinpath("3.txt.fsc").write_bytes(b"mine")
    result = run("encode", "-v", "--scheduler", scheduler, *names, "missing.txt")
    said = result.stderr.splitlines()
    assert (result.exit_code, [line.split(":")[0].split(" ")[0] for line in said]) == (
        1,
        ["0.txt", "1.txt", "2.txt", "fscompress", "4.txt", "fscompress"],
    )
    assert said[3] == "fscompress: 3.txt.fsc: exists already; -f overwrites it"
    for name in names:
        coded = Path(name + ".fsc").read_bytes()
        assert coded == (b"mine" if name == "3.txt" else run("encode", "-c", name).stdout_bytes)
    joined = run("encode", "-c", "--scheduler", scheduler, *names).stdout_bytes
    assert joined == run("encode", "-c", *names).stdout_bytes
    assert run("decode", "--scheduler", scheduler, "-c", "0.txt.fsc", "1.txt.fsc").stdout_bytes == b"".join(
        Path(name).read_bytes() for name in names[:2]
    )
    assert run("encode", "-f", "--rm", "--scheduler", scheduler, *names).exit_code == 0
    assert not any(Path(name).exists() for name in names)


@pytest.mark.usefixtures("installed", "here")
@pytest.mark.parametrize("words", [["--recover"], ["--range", "1000:2500"], ["--range", "-700:"]])
def test_a_part_of_a_file(scheduler: str, words: list[str]) -> None:
    """What is decoded, what is said, in which order, and the exit code are those of one machine."""
    names = [f"{n}.fsc" for n in range(4)]
    for n, name in enumerate(names):
        data = bytearray(encode(text(3 * BLOCK + n, 900 * n) + noise(BLOCK), block_log2=10))
        data[-80 if words[0] == "--range" else 300 * n] ^= 1
        Path(name).write_bytes(data)
    results = []
    for where in ([], ["--scheduler", scheduler]):
        found = run("decode", "-f", *words, *where, *names)
        joined = run("decode", "-c", *words, *where, *names)
        plain = [Path(name).with_suffix("").read_bytes() for name in names if Path(name).with_suffix("").exists()]
        results.append((found.exit_code, found.stderr, plain, joined.exit_code, joined.stdout_bytes, joined.stderr))
        assert len(plain) == (4 if words[0] == "--recover" or words[1] == "1000:2500" else 0)
    assert results[0] == results[1]


def run(*words: str) -> Result:
    return CliRunner().invoke(group, words)


@pytest.mark.usefixtures("installed", "here")
def test_an_interruption_leaves_no_trace() -> None:
    Path("a.txt").write_bytes(text(50_000))
    Path("b.txt").write_bytes(text(50_000))
    with local_cluster(protocol="tcp://") as workers:
        words = ["encode", "--engine", "reference", "--scheduler", workers.scheduler_address, "a.txt", "b.txt"]
        with running([sys.executable, "-m", "fscompress", *words], stderr=subprocess.PIPE) as child:
            wait_until(lambda: any(worker.state.executing for worker in workers.workers.values()), seconds=30)
            child.send_signal(signal.SIGINT)
            assert child.wait(timeout=20) == 130
            assert child.stderr is not None
            assert child.stderr.read() == b"fscompress: interrupted\n"
        wait_until(lambda: not any(worker.state.executing for worker in workers.workers.values()), seconds=30)
    assert sorted(path.name for path in Path().iterdir()) == ["a.txt", "b.txt"]


@pytest.mark.slow
def test_the_loss_of_workers_changes_no_byte() -> None:
    """First one of two processes, then the other: each time the scheduler has blocks and model to begin again with."""
    plain, done = text(20 << 13), []
    expected = encode(plain, level="normal", block_log2=13)
    with (
        local_cluster(processes=True) as workers,
        ClusterExecutor(workers.scheduler_address, read_model) as executor,
    ):

        def kill_at_3_and_10(n_bytes: int) -> None:
            done.append(n_bytes)
            if len(done) in (3, 10):
                os.kill(list(workers.workers.values())[len(done) == 10].pid, signal.SIGKILL)

        target, options = io.BytesIO(), CodingOptions(block_log2=13)
        encode_stream(io.BytesIO(plain), target, tiny(), options, kill_at_3_and_10, executor)
    assert target.getvalue() == expected


def test_without_the_library_it_is_one_line(here: Path) -> None:
    Path("a.txt").write_bytes(b"text")
    script = "import sys; sys.modules['dask'] = None; from fscompress.cli.app import main; main()"
    command = [sys.executable, "-c", script, "encode", "--scheduler", "tcp://127.0.0.1:9", "a.txt"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=child_environment())
    advice = "pip install 'fscompress[cluster]', or '.[cluster]' in a clone"
    assert result.returncode == 1
    assert result.stderr == f"fscompress: --scheduler: needs the library 'dask'; {advice}\n"
