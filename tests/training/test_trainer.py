"""The loop: it learns, resumes bit for bit, keeps the best checkpoint, and refuses what does not fit."""

import dataclasses
import itertools
import json
import os

import pytest
import torch

from fscompress.corpora import open_corpus
from fscompress.corpora.source import file_source
from fscompress.errors import CheckpointError, CorpusError, RefusedError
from fscompress.model.build import build_model
from fscompress.model.config import ModelConfig
from fscompress.temporary import _sweep
from fscompress.training import distributed
from fscompress.training.checkpoint import read_checkpoint, read_shape, write_checkpoint
from fscompress.training.config import OPTIMISERS, PRESETS, Preset, TrainConfig, preset
from fscompress.training.metrics import METRICS
from fscompress.training.schedule import EARLY_STOP_EPOCHS, Budget, Plateau, learning_rate
from fscompress.training.state import RunState
from fscompress.training.trainer import BEST, LAST, RunOptions, Trainer

MODEL = ModelConfig(12, 16, 2, 8, dropout=0.1, zoneout_cell=0.1, zoneout_hidden=0.05)
SMALL = Preset(MODEL, TrainConfig(batch=4, window=8, rate=0.01))


def make(corpus, out, steps, resume=False, chosen=SMALL):
    options = RunOptions(out, device="cpu", precision="fp32", compiled=False, eval_every=10)
    return Trainer(chosen, corpus, Budget(steps=steps), options, resume)


def fit(trainer, stop_at=None):
    losses = []
    trainer.fit(lambda report: losses.append(report.bpc), lambda: trainer.state.step == stop_at)
    return losses


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_resumed_run_has_the_losses_of_an_uninterrupted_one(corpus, tmp_path, optimiser):
    chosen = Preset(MODEL, dataclasses.replace(SMALL.training, optimiser=optimiser))
    whole = fit(make(corpus, tmp_path / "a", 30, chosen=chosen))
    first = fit(make(corpus, tmp_path / "b", 30, chosen=chosen), stop_at=13)
    second = fit(make(corpus, tmp_path / "b", 30, resume=True, chosen=chosen))
    assert first + second == whole
    finals = [read_checkpoint(tmp_path / name / LAST) for name in "ab"]
    assert finals[0].tensors.keys() == finals[1].tensors.keys()
    for name, tensor in finals[0].tensors.items():
        assert torch.equal(tensor, finals[1].tensors[name]), name


def test_learns_and_keeps_the_best(corpus, tmp_path):
    trainer = make(corpus, tmp_path, 120)
    losses = fit(trainer)
    assert losses[-1] < 0.6 * losses[0]
    best = read_checkpoint(tmp_path / BEST)
    assert best.progress["best"] == trainer.state.best
    assert set(best.weights()) == {name for name, _ in trainer.model.named_parameters()}
    lines = [json.loads(line) for line in (tmp_path / METRICS).read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 50, 100]


def test_resume_refuses_other_settings_and_other_data(corpus, tmp_path):
    fit(make(corpus, tmp_path / "run", 5))
    other = Preset(MODEL, dataclasses.replace(SMALL.training, rate=0.02))
    with pytest.raises(CheckpointError, match="other settings"):
        make(corpus, tmp_path / "run", 5, resume=True, chosen=other)
    (tmp_path / "more").write_bytes(b"another text, longer than that " * 500)
    with pytest.raises(CheckpointError, match="another corpus"):
        make(open_corpus(str(tmp_path / "more")), tmp_path / "run", 5, resume=True)


def test_resume_refuses_other_weights(tmp_path):
    for name in ("a", "b"):
        (tmp_path / "texts" / name).mkdir(parents=True)
        (tmp_path / "texts" / name / "text").write_bytes(b"the quick brown fox jumps over the lazy dog. " * 100)
    corpus = open_corpus(str(tmp_path / "texts"), weights={"a": 2})
    fit(make(corpus, tmp_path / "run", 5))
    make(corpus, tmp_path / "run", 5, resume=True)
    with pytest.raises(CheckpointError, match="saw the corpus with other weights"):
        make(open_corpus(str(tmp_path / "texts")), tmp_path / "run", 5, resume=True)


def test_resume_refuses_other_bytes_to_validate_on(corpus, tmp_path):
    (tmp_path / "valid").write_bytes(b"the slow brown fox jumps under the lazy dog. " * 20)
    fit(make(corpus, tmp_path / "run", 5))
    other = dataclasses.replace(corpus, valid=(file_source(tmp_path / "valid"),))
    with pytest.raises(CheckpointError, match="was validated on other bytes"):
        make(other, tmp_path / "run", 9, resume=True)


def test_resume_refuses_the_order_of_an_older_version_where_it_was_another(corpus, tmp_path):
    for name in ("a", "b"):
        (tmp_path / "texts" / name).mkdir(parents=True)
        (tmp_path / "texts" / name / "text").write_bytes(b"the quick brown fox jumps over the lazy dog. " * 100)
    for run, text in (("file", corpus), ("folder", open_corpus(str(tmp_path / "texts")))):
        fit(make(text, tmp_path / run, 5))
        saved = read_checkpoint(tmp_path / run / LAST)
        progress = {key: value for key, value in saved.progress.items() if key not in ("order", "valid")}
        write_checkpoint(tmp_path / run / LAST, dataclasses.replace(saved, progress=progress))
        if run == "file":
            make(text, tmp_path / run, 9, resume=True)
        else:
            with pytest.raises(CheckpointError, match="an older version saw other batches; go on with --init"):
                make(text, tmp_path / run, 9, resume=True)


def test_a_resumed_run_keeps_its_precision_unless_another_is_asked_for(corpus, tmp_path):
    fit(make(corpus, tmp_path, 5))
    saved = read_checkpoint(tmp_path / LAST)
    before = dataclasses.replace(saved, progress=saved.progress | {"precision": "torch.bfloat16"})
    write_checkpoint(tmp_path / LAST, before)
    for asked, dtype in (("auto", torch.bfloat16), ("fp32", torch.float32)):
        options = RunOptions(tmp_path, device="cpu", precision=asked, compiled=False)
        assert Trainer(SMALL, corpus, Budget(steps=9), options, resume=True).run.dtype == dtype


def test_the_best_is_never_replaced_by_worse_after_a_kill(corpus, tmp_path):
    """Killed between two saves: what goes on knows the best that was written after the last of them."""
    trainer = make(corpus, tmp_path, 60)
    killed = RuntimeError("killed")

    def kill(report):
        if report.step == 45:
            raise killed

    with pytest.raises(RuntimeError, match="killed"):
        trainer.fit(kill, lambda: False)
    best = read_checkpoint(tmp_path / BEST).progress
    resumed = make(corpus, tmp_path, 60, resume=True)
    assert resumed.state.best == best["best"]
    assert resumed.state.step == best["step"]


@pytest.mark.parametrize("own", [0.1, 0.9])
def test_only_the_clock_of_rank_0_decides_when_to_save(corpus, tmp_path, monkeypatch, own):
    """Saving is one exchange of all ranks, whatever seconds their ``own`` clocks say that a step took."""

    class World(distributed.World):
        def agree(self, stop, seconds):
            return stop, float(trainer.state.step)  # a second a step

    monkeypatch.setattr("fscompress.training.trainer.time.monotonic", itertools.count(0, own).__next__)
    options = RunOptions(tmp_path, "cpu", "fp32", compiled=False, eval_every=10, save_seconds=2.5)
    trainer = Trainer(SMALL, corpus, Budget(steps=20), options, world=World())
    saved = []
    monkeypatch.setattr(trainer, "save", lambda: saved.append(trainer.state.step))
    fit(trainer)
    assert saved == [3, 6, 9, 10, 12, 15, 18, 20, 20]


def test_a_run_at_a_place_whose_name_is_no_text(corpus, tmp_path):
    out = tmp_path / os.fsdecode(b"\xff")
    fit(make(corpus, out, 5))
    assert make(corpus, out, 9, resume=True).state.step == 5


def test_a_run_goes_on_from_another_kind_of_device(corpus, tmp_path):
    dropping = Preset(dataclasses.replace(MODEL, dropout=0.2), SMALL.training)
    fit(make(corpus, tmp_path, 5, chosen=dropping))
    saved = read_checkpoint(tmp_path / LAST)
    write_checkpoint(
        tmp_path / LAST, dataclasses.replace(saved, tensors=saved.tensors | {"rng": torch.zeros(16).byte()})
    )
    trainer = make(corpus, tmp_path, 9, resume=True, chosen=dropping)
    assert len(fit(trainer)) == 4


def test_too_little_to_validate_on_is_refused_before_the_training(tmp_path):
    for name, size in (("text", 5000), ("valid", 63)):
        (tmp_path / name).write_bytes(bytes(size))
    corpus = open_corpus(str(tmp_path / "text"), valid=tmp_path / "valid")
    with pytest.raises(CorpusError, match=r"validation needs at least 64 bytes \(got 63\)"):
        make(corpus, tmp_path / "run", 5)


def test_a_run_that_diverges_says_so_and_keeps_what_was_saved(corpus, tmp_path):
    fit(make(corpus, tmp_path, 3))
    before = (tmp_path / LAST).read_bytes()
    trainer = make(corpus, tmp_path, 9, resume=True)
    with torch.no_grad():
        trainer.model.output.weight[0, 0] = torch.nan
    with pytest.raises(RefusedError, match="has diverged at step 4; give a lower --rate"):
        fit(trainer)
    assert (tmp_path / LAST).read_bytes() == before


def test_weights_of_no_use_are_never_saved(corpus, tmp_path):
    trainer = make(corpus, tmp_path, 3)
    fit(trainer)
    before = (tmp_path / LAST).read_bytes()
    with torch.no_grad():
        trainer.model.output.weight[0, 0] = torch.inf
    with pytest.raises(RefusedError, match="has diverged at step 3"):
        trainer.save()
    assert (tmp_path / LAST).read_bytes() == before


def test_torn_lines_of_metrics_are_left_out(corpus, tmp_path):
    fit(make(corpus, tmp_path, 60), stop_at=55)
    told = (tmp_path / METRICS).read_text()
    (tmp_path / METRICS).write_bytes(b'{"step": 5' + told.encode() + b"\xff\n[]\n{}\n" + told.encode() + b'{"step": 1')
    fit(make(corpus, tmp_path, 60, resume=True))
    assert (tmp_path / METRICS).read_text() == "".join(told.splitlines(keepends=True)[1:]) + told


def test_metrics_are_those_of_one_course(corpus, tmp_path):
    def steps():
        return [json.loads(line)["step"] for line in (tmp_path / METRICS).read_text().splitlines()]

    fit(make(corpus, tmp_path, 60))
    saved = (tmp_path / LAST).read_bytes()
    fit(make(corpus, tmp_path, 110, resume=True))
    assert steps() == [1, 50, 100]
    (tmp_path / LAST).write_bytes(saved)
    with (tmp_path / METRICS).open("a") as file:
        file.write('{"step": 1')
    fit(make(corpus, tmp_path, 70, resume=True))
    assert steps() == [1, 50]
    fit(make(corpus, tmp_path, 5))
    assert steps() == [1]


def test_a_checkpoint_being_written_is_locked(corpus, tmp_path, monkeypatch):
    trainer, kept = make(corpus, tmp_path, 3), []
    renamed = os.replace

    def sweep_first(source, target):
        _sweep.__wrapped__(tmp_path)
        kept.append(source.exists())
        renamed(source, target)

    monkeypatch.setattr(os, "replace", sweep_first)
    trainer.save()
    assert kept == [True]
    assert {path.name for path in tmp_path.iterdir()} == {"text", LAST}


def test_damaged_checkpoint_is_one_clear_error(corpus, tmp_path):
    fit(make(corpus, tmp_path, 3))
    path = tmp_path / LAST
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_checkpoint(path)
    with pytest.raises(CheckpointError, match="cannot be written"):
        write_checkpoint(tmp_path / LAST / "below-a-file", read_checkpoint(tmp_path / BEST))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"adam.exp_avg.output.weight": torch.zeros(3, 3)}, r"has shape \[3, 3\], expected \[256, 12\]"),
        ({"state.0.1": torch.zeros(2, 12)}, r"has shape \[2, 12\], expected \[4, 12\]"),
        ({"average.output.bias": torch.zeros(1)}, r"has shape \[1\], expected \[256\]"),
        ({"model.output.bias": torch.zeros(1)}, "Error"),
        ({"rng": torch.zeros(torch.Generator().get_state().shape)}, "ByteTensor"),
        ({"state.1.1": None}, "KeyError: 'state.1.1'"),
        ({"rng": None}, "holds weights alone; start from it with --init"),
    ],
)
def test_a_checkpoint_that_does_not_fit_its_own_run_is_one_clear_error(corpus, tmp_path, changes, message):
    trainer = make(corpus, tmp_path, 3)
    trainer.save()
    saved = read_checkpoint(tmp_path / LAST)
    tensors = {name: tensor for name, tensor in (saved.tensors | changes).items() if tensor is not None}
    write_checkpoint(tmp_path / LAST, dataclasses.replace(saved, tensors=tensors))
    with pytest.raises(CheckpointError, match=message) as caught:
        make(corpus, tmp_path, 9, resume=True)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_a_network_that_is_not_known_is_named(corpus, tmp_path, monkeypatch):
    make(corpus, tmp_path, 3).save()
    monkeypatch.setattr("fscompress.model.config.ARCHITECTURES", ("stacked",))
    for read in (read_checkpoint, read_shape):
        with pytest.raises(CheckpointError, match=r"last.safetensors: model: unknown architecture 'fs-rnn'"):
            read(tmp_path / LAST)


def test_schedules():
    cosine = TrainConfig(rate=1.0)
    rates = [learning_rate(cosine, 10_000, p, Plateau()) for p in (0.0, 0.5, 1.0)]
    assert rates == [1.0, pytest.approx(0.5), pytest.approx(0.0)]
    assert learning_rate(cosine, 0, 0.0, Plateau()) == 1 / 200
    tenth = TrainConfig(rate=1.0, schedule="final-tenth")
    assert [learning_rate(tenth, 9, p, Plateau()) for p in (0.89, 0.9)] == [1.0, 0.1]
    plateau = Plateau()
    for bpc in (2.0, 1.9, 1.95, 1.91, 1.8):
        plateau.update(bpc)
    assert plateau.divisions == 1
    assert learning_rate(TrainConfig(rate=1.0, schedule="plateau"), 9, 0.5, plateau) == 0.1


def test_early_stopping_waits_for_the_smaller_rate():
    plateau, seen = Plateau(), []
    for bpc in (2.0, 2.1, 2.2, 1.9, 1.9, 1.9, 1.9, 1.9):
        plateau.update(bpc)
        seen.append((plateau.divisions, plateau.exhausted))
    assert seen == [(0, False)] * 2 + [(1, False)] * 3 + [(2, False)] * 2 + [(3, True)]


@pytest.mark.parametrize("eval_every", [None, 7])
def test_plateau_run_stops_early_and_stays_stopped(tmp_path, eval_every):
    """At a rate of next to nothing no epoch betters the first; validated once an epoch, on the whole part."""
    (tmp_path / "text").write_bytes(b"the quick brown fox jumps over the lazy dog. " * 30)
    corpus = open_corpus(str(tmp_path / "text"))
    chosen = Preset(MODEL, dataclasses.replace(SMALL.training, schedule="plateau", rate=1e-30))
    options = RunOptions(tmp_path / "run", "cpu", "fp32", compiled=False, eval_every=eval_every)
    trainer = Trainer(chosen, corpus, Budget(steps=10_000), options)
    losses = fit(trainer)
    epoch = corpus.n_train // chosen.training.bytes_per_step
    assert len(losses) == (1 + EARLY_STOP_EPOCHS) * epoch
    assert trainer.stopped_early
    assert trainer.state.plateau.divisions == 2
    again = Trainer(chosen, corpus, Budget(steps=10_000), options, resume=True)
    assert fit(again) == []
    assert again.state == trainer.state


def test_paper_schedules_validate_on_the_whole_part(corpus, tmp_path):
    (tmp_path / "long").write_bytes(b"0123456789" * 50_000)
    long = dataclasses.replace(corpus, valid=open_corpus(str(tmp_path / "long")).train[0].sources)
    for schedule, n in (("cosine", 350_000), ("plateau", 450_000), ("final-tenth", 450_000)):
        chosen = Preset(MODEL, dataclasses.replace(SMALL.training, schedule=schedule))
        assert len(make(long, tmp_path / "run", 5, chosen=chosen).valid) == n


def test_checkpoint_of_before_early_stopping_is_read():
    old = {"step": 7, "seconds": 1.5, "valid_bpc": None, "best": None, "corpus": "c", "precision": "torch.float32",
           "plateau": {"best": None, "since": 0, "divisions": 0}}  # fmt: skip
    state = RunState.from_json(old)
    assert state == RunState(step=7, seconds=1.5)
    assert RunState.from_json(state.to_json()) == state
    later = RunState(9, 2.5, 1.9, 1.8, 8, Plateau(1.8, 1, 2, 3))
    assert RunState.from_json(json.loads(json.dumps(later.to_json()))) == later


def test_budget_by_time_and_by_steps():
    assert Budget(steps=10).progress(5, 1e9) == 0.5
    assert Budget(seconds=60).progress(5, 30) == 0.5
    assert Budget(steps=10, seconds=60).progress(9, 30) == 0.9
    assert Budget(steps=10).progress(11, 0) == 1.0


def test_presets_are_the_papers_columns():
    """Parameter counts of the paper's table: 7.2M, 6.5M, 27M, 27M, 47M; ours counts 256 byte values."""
    paper = {
        "ptb-fs-lstm-2": 7.2,
        "ptb-fs-lstm-4": 6.5,
        "enwik8-fs-lstm-2": 27,
        "enwik8-fs-lstm-4": 27,
        "enwik8-large-fs-lstm-4": 47,
    }
    counts = {name: n_weights(chosen.model) for name, chosen in PRESETS.items()}
    assert set(paper) < set(counts)
    for name, millions in paper.items():
        assert abs(counts[name] / 1e6 - millions) < 0.02 * millions + 0.6, name
    assert counts["small"] <= 1_500_000
    assert abs(counts["torch-lstm"] / counts["small"] - 1) < 0.1
    with pytest.raises(RefusedError, match="known: small"):
        preset("smal")


def n_weights(model):
    with torch.device("meta"):  # shapes without memory
        return build_model(model).n_weights()


@pytest.mark.parametrize(("setting", "spread"), [("enwik8-compared", 0.21), ("small-compared", 0.03)])
def test_compared_architectures_have_about_as_many_weights(setting, spread):
    chosen = [PRESETS[f"{setting}-{name}"] for name in ("fs-lstm-4", "stacked-lstm", "sequential-lstm")]
    counts = [n_weights(preset.model) for preset in chosen]
    assert max(counts) < (1 + spread) * min(counts)
    assert len({preset.training for preset in chosen}) == 1
    assert not any(p.model.dropout or p.model.zoneout_cell or p.model.zoneout_hidden for p in chosen)


def test_a_run_of_recorded_steps_resumes_too(corpus, tmp_path, monkeypatch):
    """As on CUDA, where the loss that is told is that of the step before."""
    monkeypatch.setattr("fscompress.training.step.RECORDING", {"cpu"})
    whole = fit(make(corpus, tmp_path / "a", 30))
    first = fit(make(corpus, tmp_path / "b", 30), stop_at=13)
    second = fit(make(corpus, tmp_path / "b", 30, resume=True))
    assert first + second[1:] == whole[:13] + whole[14:]
    finals = [read_checkpoint(tmp_path / name / LAST) for name in "ab"]
    for name, tensor in finals[0].tensors.items():
        assert torch.equal(tensor, finals[1].tensors[name]), name
