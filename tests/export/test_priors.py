"""The stored priors from a folder and a model: the same file each time, and one that every mixer can start from."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from fscompress.export.priors import network_p1, slices
from fscompress.mixer import BEST, NORMAL, Mixer, MixerSettings, settings_for, stored_priors
from fscompress.mixer.priors import STORED, blank_priors
from fscompress.mixer.priors_training import _after, train_priors
from fscompress.mixer.settings import ALL_CONTEXTS, ALL_SETS, SET_MATCH
from fscompress.predictor import NetworkPredictor
from tests.helpers import cpu, noise, text, tiny


def folder(path: Path) -> Path:
    for part, data in (("a", text(3000)), ("b", text(2500, 5000)), ("b/short", text(100)), ("noise", noise(2000))):
        (path / part).mkdir(parents=True)
        (path / part / "file").write_bytes(data)
    return path


def test_slices_are_those_of_the_seed(tmp_path: Path) -> None:
    found = slices(folder(tmp_path), 2, 600)
    assert found.shape == (6, 600)
    assert np.array_equal(found, slices(tmp_path, 2, 600))
    whole = [path.read_bytes() for path in sorted(tmp_path.rglob("file"))]
    for row in found:
        assert sum(row.tobytes() in data for data in whole) == 1


def test_network_p1_are_those_of_each_text_alone() -> None:
    texts = np.stack([np.frombuffer(data, np.uint8) for data in (text(90), noise(90), text(90, 7000))])
    together = network_p1(cpu(tiny()), texts)
    for row, mine in zip(texts, together, strict=True):
        alone = NetworkPredictor(cpu(tiny()), len(row), 1)
        assert np.array_equal(mine, alone.network_p1(row[:, None])[:, :, 0, 0])


def test_trained_priors_are_a_file_like_the_stored_one(tmp_path: Path) -> None:
    texts = slices(folder(tmp_path / "texts"), 1, 500)
    p1 = network_p1(cpu(tiny()), texts)
    chosen = settings_for(BEST, 500, 1)
    every = MixerSettings(chosen.rate, 1, 1, 6, 8, ALL_CONTEXTS, ALL_SETS)
    made = train_priors(every, [(row, mine[:, :, None]) for row, mine in zip(texts, p1, strict=True)])
    shipped = load_file(STORED)
    assert {name: (a.dtype, a.shape) for name, a in made.items()} == {
        name: (a.dtype, a.shape) for name, a in shipped.items()
    }
    save_file(made, tmp_path / "priors")
    for level in (NORMAL, BEST):
        settings = settings_for(level, 500, 1)
        assert (
            int(
                Mixer(settings, 500, stored_priors(settings, tmp_path / "priors"))
                .run_steps(texts[0][:, None], p1[0][:, :, None, None])
                .min()
            )
            >= 1
        )


def test_maps_are_the_means_over_the_last_pass_which_learns_at_a_lower_rate(tmp_path: Path) -> None:
    texts = slices(folder(tmp_path), 1, 300)
    parts = [(row, mine[:, :, None]) for row, mine in zip(texts, network_p1(cpu(tiny()), texts), strict=True)]
    settings = MixerSettings(settings_for(BEST, 300, 1).rate, 1, 1, 6, 8, ALL_CONTEXTS, ALL_SETS)
    made = train_priors(settings, parts)
    priors, maps, rows = blank_priors(settings), [], []
    for number in range(2):
        for part in parts:
            priors, _ = _after(settings, part, priors)
            if number:
                maps.append(priors.context_maps >> 16)
                rows.append(priors.set_rows[SET_MATCH])
        settings, priors = replace(settings, rate=22), replace(priors, rate_start=0)
    np.testing.assert_allclose(made["context_maps"], np.mean(maps, axis=0), atol=1)
    learnt = np.mean(rows, axis=0)
    touched = (learnt != blank_priors(settings).set_rows[SET_MATCH]).any(axis=1)
    assert touched.any()
    np.testing.assert_allclose(made[f"set{SET_MATCH}"][touched], learnt[touched] / 256, atol=1)


def test_what_makes_no_priors_is_one_clear_error(tmp_path: Path) -> None:
    for words, message in (
        ([], "priors: expected FOLDER MODEL OUT (got '')"),
        ([str(tmp_path), "m", "o"], "has no sub-folder with a file of 16,384 bytes or more"),
        ([str(tmp_path / "none"), "m", "o"], "No such file or directory"),
    ):
        command = [sys.executable, "-m", "fscompress.export.priors", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
        assert message in done.stderr
