"""Real processes do together what one does alone: the same losses, one checkpoint, no rank left over."""

import json
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from click.testing import CliRunner

from fscompress.cli.app import group
from fscompress.corpora import open_corpus
from fscompress.errors import RefusedError
from fscompress.model.fs_rnn import FSRNN
from fscompress.training.checkpoint import read_checkpoint
from fscompress.training.device import pick_device
from fscompress.training.distributed import ALONE, World, joined_world, slice_masks
from fscompress.training.metrics import METRICS
from fscompress.training.trainer import BEST, LAST
from tests.conftest import child_environment, running, wait_until
from tests.training.world_run import MODEL, finish, started, train

NEVER = 99


@pytest.fixture
def folder(tmp_path):
    """Short documents, so that lanes draw new ones all the time."""
    (tmp_path / "text").mkdir()
    for i in range(40):
        words = [f"{word} {i} " for word in ("the", "quick", "brown", "fox", "jumps", "over")]
        (tmp_path / "text" / f"{i}").write_text("".join(words[i % 6 :] * (1 + i % 5) * 3))
    return tmp_path / "text"


def world_run(*words, size=2):
    with started("-m", "tests.training.world_run", *words, size=size) as processes:
        results = finish(processes)
    assert [code for code, _, _ in results] == [0] * size, results
    assert all(out == "" for _, out, _ in results[1:])
    return json.loads(results[0][1])


def assert_same_run(reports, expected):
    assert [report["step"] for report in reports] == [report.step for report in expected]
    for got, wanted in zip(reports, expected, strict=True):
        assert got["bpc"] == pytest.approx(wanted.bpc, abs=1e-4)
        assert got["valid_bpc"] == (wanted.valid_bpc and pytest.approx(wanted.valid_bpc, abs=1e-4))


def test_two_processes_have_the_losses_of_one(folder, tmp_path):
    _, expected = train(open_corpus(str(folder)), tmp_path / "one", 20, NEVER)
    assert_same_run(world_run(folder, tmp_path / "two", 20, NEVER), expected)
    one, two = (read_checkpoint(tmp_path / name / LAST) for name in ("one", "two"))
    assert one.tensors.keys() == two.tensors.keys()
    for name, tensor in one.tensors.items():
        torch.testing.assert_close(two.tensors[name], tensor, atol=1e-4, rtol=1e-3, msg=name)
    assert (tmp_path / "two" / BEST).exists()
    assert len((tmp_path / "two" / METRICS).read_text().splitlines()) == 1


def test_resumed_with_more_and_with_fewer_processes(folder, tmp_path):
    """One process up to step 7, two up to 13, where rank 1 is told to stop and all do, one to the end."""
    corpus = open_corpus(str(folder))
    _, expected = train(corpus, tmp_path / "whole", 20, NEVER)
    _, first = train(corpus, tmp_path / "parts", 20, 7)
    second = world_run(folder, tmp_path / "parts", 20, 13)
    _, third = train(corpus, tmp_path / "parts", 20, NEVER)
    assert_same_run([*map(vars, first), *second, *map(vars, third)], expected)


def test_processes_that_diverge_end_in_the_error(folder, tmp_path):
    with started("-m", "tests.training.world_run", folder, tmp_path / "run", 20, NEVER, 1e30, size=2) as processes:
        results = finish(processes)
    for code, _, err in results:
        assert code == 1
        assert "has diverged at step" in err.splitlines()[-1]


def command(text, out, *more):
    settings = ["--batch", "2", "--epochs", "4", "--no-compile", "--precision", "fp32", "--device", "cpu"]
    return ["train", str(text), "--out", str(out), *settings, *more]


@pytest.fixture
def text(tmp_path):
    (tmp_path / "text.txt").write_bytes(b"it was the best of times, it was the worst of times. " * 200)
    return tmp_path / "text.txt"


def trains(process, folder):
    """Whether the run has begun; fails where its process has ended."""
    assert process.poll() is None
    return (folder / METRICS).exists()


def test_torchrun_ends_in_one_checkpoint_after_sigterm(text, tmp_path):
    out = tmp_path / "run"
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "fscompress"]
    launched = [sys.executable, *words, *command(text, out)]
    environment = child_environment()
    with running(launched, stderr=subprocess.PIPE, text=True, env=environment) as torchrun:
        wait_until(lambda: trains(torchrun, out))
        torchrun.send_signal(signal.SIGTERM)
        said = torchrun.communicate(timeout=60)[1]
    assert said.count("interrupted at step") == 1
    assert said.count("training bytes") == 1
    stopped = read_checkpoint(out / LAST)
    assert stopped.tensors["state.0.0"].shape == (2, 256)
    minutes = (stopped.progress["seconds"] + 0.2) / 60
    again = CliRunner().invoke(group, command(text, out, "--resume", "--minutes", str(minutes)))
    assert again.exit_code == 0, again.stderr
    assert "test" in again.stderr
    assert stopped.progress["step"] < read_checkpoint(out / LAST).progress["step"] < 298


def test_a_lost_process_ends_the_others(text, tmp_path):
    with started("-m", "fscompress", *command(text, tmp_path / "run"), size=2) as processes:
        leader, other = processes
        wait_until(lambda: trains(leader, tmp_path / "run"))
        other.kill()
        code, _, said = finish(processes)[0]
    assert code == 1
    assert said.splitlines()[-1] == "fscompress: process 0 of 2 has lost the others; go on with --resume"


def test_batch_that_cannot_be_divided_is_refused_once(text, tmp_path):
    with started("-m", "fscompress", *command(text, tmp_path / "run", "--batch", "3"), size=2) as processes:
        results = finish(processes)
    said = "fscompress: a batch of 3 lanes cannot be divided among 2 processes; choose another --batch\n"
    assert [(code, err) for code, _, err in results] == [(1, said), (1, "")]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("rank", "size"), [(2, 2), (-1, 2), (0, 0)])
def test_impossible_ranks_are_refused(rank, size):
    with pytest.raises(RefusedError, match="RANK must be below WORLD_SIZE"):
        World(rank, size)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_missing_gpu_is_refused():
    assert pick_device("auto", local_rank=3) == torch.device("cpu")
    with pytest.raises(RefusedError, match="no CUDA device"):
        pick_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_each_process_has_its_own_gpu():
    n_gpus = torch.cuda.device_count()
    assert [pick_device("auto", rank).index for rank in range(n_gpus)] == list(range(n_gpus))
    with pytest.raises(RefusedError, match="start one process a device"):
        pick_device("auto", n_gpus)


def test_nobody_to_meet_is_one_line(monkeypatch):
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(RefusedError, match="MASTER_ADDR") as caught, joined_world(0, 2, "cpu"):
        pass
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("training", [True, False])
def test_sliced_masks_make_up_the_joint_ones(training):
    model = FSRNN(replace(MODEL, n_fast=4)).train(training)
    whole = model.draw_masks(5, 6, torch.Generator().manual_seed(0))
    parts = [slice_masks(whole, World(rank, 3).lanes(6)) for rank in range(3)]
    for index in range(len(model.cells)):
        for step in range(5):
            for member, mask in enumerate(whole.keep_at(index, step)):
                shares = [part.keep_at(index, step)[member] for part in parts]
                assert torch.equal(torch.cat(shares) if training else shares[0], mask)
    if training:
        assert torch.equal(torch.cat([part.output for part in parts], 1), whole.output)
        assert torch.equal(torch.cat([part.embedded for part in parts], 1), whole.embedded)
        assert all(torch.equal(torch.cat([p.inputs[i] for p in parts], 1), whole.inputs[i]) for i in whole.inputs)


def test_alone_gives_back_what_it_is_given():
    assert ALONE.agree(True, 1.5) == (True, 1.5)
    assert ALONE.mean(0.1) == 0.1
    assert ALONE.lanes(5) == slice(0, 5)
