"""What a level's parts save and take: rows that are there, add up and come from the very mixer that codes."""

import csv
import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner, Result

from fscompress.bench.ablation import Loss, ablate, variants
from fscompress.bench.curve import measure_curve, places
from fscompress.bench.lanes import lanes_to_try, measure_lanes, prefixes
from fscompress.bench.measure import Row, failed
from fscompress.bench.parts import measure_parts
from fscompress.bench.scaling import Scale, _scale
from fscompress.bench.worker import Task
from fscompress.cli.app import group
from fscompress.code_lengths import cost, decisions, mixed_cost, mixed_p1, network_cost
from fscompress.errors import EngineError, RefusedError
from fscompress.levels import LEVELS, Level, plan
from fscompress.mixer import BEST, Mixer, MixerSettings, priors_of, settings_for
from fscompress.mixer.names import CONTEXTS, SETS
from fscompress.mixer.settings import MATCH_BIT, N_CONTEXTS, SET_ROWS
from fscompress.planned import blocks, encode
from tests.helpers import cpu, text, tiny

NORMAL = LEVELS["normal"]
SMALL_BLOCKS = Level("normal", 9, NORMAL.coding)


def invoke(*words: str) -> Result:
    return CliRunner().invoke(group, ["bench", *words])


def by_name(losses: list[Loss]) -> dict[str, Loss]:
    return {f"{loss.group} {loss.name}".strip(): loss for loss in losses}


def test_names_are_as_many_as_the_mixer_has() -> None:
    assert len(set(CONTEXTS)) == N_CONTEXTS == 31
    assert len(set(SETS)) == len(SET_ROWS)


def test_everything_on_is_the_mixer_itself() -> None:
    plain = text(1500)
    settings = settings_for(NORMAL.mixing or 0, len(plain), 1)
    (part,) = decisions(plain, settings.lanes, cpu(tiny()))
    p1 = Mixer(settings, len(plain), priors_of(settings)).run_steps(part.data, part.network)
    assert np.array_equal(p1, mixed_p1(settings, [part])[0])
    losses = ablate([plain], NORMAL, cpu(tiny()))
    assert losses[0].n_bytes == (cost(part, p1),)
    assert (losses[0].percents, losses[0].percent, losses[0].name) == ((0.0,), 0.0, "everything on")
    assert by_name(losses)["stage mixer: network alone"].total == pytest.approx(network_cost([part]))


def test_every_part_is_switched_off_once() -> None:
    files = [text(1500), text(700, 5000)]
    losses = ablate(files, NORMAL, cpu(tiny()))
    settings = settings_for(NORMAL.mixing or 0, 1500, 1)
    assert len(losses) == len(by_name(losses)) == 1 + len(settings.context_ids) + len(settings.set_ids) + 6 + 2
    assert sum(loss.n_bytes == losses[0].n_bytes for loss in losses) == 1
    for loss in losses:
        assert loss.total == pytest.approx(sum(loss.n_bytes))
        assert loss.percent == pytest.approx(100 * (loss.total / losses[0].total - 1))
    for one, following in pairwise(losses):
        assert one.group != following.group or one.percent >= following.percent
    assert by_name(losses)["stage mixer: network alone"].percent > 0


def test_variants_switch_off_what_they_say() -> None:
    settings = settings_for(BEST, 1000, 1)
    changed = {f"{one.group} {one.name}": replace(settings, **one.changes or {}) for one in variants(settings)}
    for i, name in enumerate(CONTEXTS):
        assert {*settings.context_ids} - {*changed[f"context {name}"].context_ids} == {i}
    for i, name in enumerate(SETS):
        assert {*settings.set_ids} - {*changed[f"weight set {name}"].set_ids} == {i}
    assert settings.match
    assert changed["stage match model"].contexts == settings.contexts - (1 << MATCH_BIT)
    assert changed["stage SSE stages"].sse_log2 == changed["stage network"].n_networks == 0
    assert changed["stage stored priors"].priors == 0
    assert changed["stage second layer: one weight set, by match"].set_ids == (0,)
    lpaq = changed["lpaq class orders 1 to 6, word and match alone"]
    assert (lpaq.context_ids, lpaq.match) == ((0, 1, 2, 3, 4, 5, 6), True)


def test_a_long_file_is_measured_block_by_block() -> None:
    plain, engine = text(1100), cpu(tiny())
    assert [len(block) for block in blocks(plain, SMALL_BLOCKS)] == [512, 512, 76]
    whole = ablate([plain], SMALL_BLOCKS, engine)[0].total
    apart = sum(ablate([block], SMALL_BLOCKS, engine)[0].total for block in blocks(plain, SMALL_BLOCKS))
    assert whole == pytest.approx(apart)
    assert {row.lanes for row in measure_lanes("a", plain, SMALL_BLOCKS, tiny(), engine)} == {1}


def test_a_level_without_mixer_has_no_ablation() -> None:
    with pytest.raises(RefusedError, match="level 'fast' has no mixer"):
        ablate([text(10)], LEVELS["fast"], cpu(tiny()))


@pytest.mark.parametrize("name", ["fast", "normal"])
def test_lanes_are_measured_on_real_blocks(name: str) -> None:
    plain, chosen = text(4100), LEVELS[name]
    rows = list(measure_lanes("a", plain, chosen, tiny(), cpu(tiny()), runs=2))
    assert [row.lanes for row in rows] == lanes_to_try(chosen, len(plain)) == [1, 2, 4, 8]
    planned = plan(chosen, len(plain), 1)
    (own,) = (row for row in rows if row.chosen)
    assert (own.lanes, own.n_plain, own.level) == (planned.lanes, len(plain), name)
    assert own.n_coded == len(encode(plain, planned, [cpu(tiny())]).coded)
    assert all(min(row.encode_speed, row.decode_speed, row.network, row.products) > 0 for row in rows)


def test_lanes_that_do_not_come_back_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fscompress.bench.lanes.decode", lambda *_: b"")
    with pytest.raises(EngineError, match="level 'normal', 1 lanes: decoding did not give the input back"):
        next(measure_lanes("a", text(600), NORMAL, tiny(), cpu(tiny())))


def test_lanes_with_two_threads_are_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the second one is really asked for."""
    used, engine, plain = [], cpu(tiny()), text(1500)
    second_thread = engine.second_thread
    monkeypatch.setattr(engine, "second_thread", lambda: used.append(1) or second_thread())
    one, two = (
        [row.n_coded for row in measure_lanes("a", plain, LEVELS["fast"], tiny(), engine, threads=n)] for n in (1, 2)
    )
    assert one == two
    assert used


@pytest.mark.parametrize("n_bytes", [1, 600, 40_000, 100_000, 10_000_000])
@pytest.mark.parametrize("chosen", LEVELS.values(), ids=LEVELS)
def test_the_levels_own_lanes_are_tried(chosen: Level, n_bytes: int) -> None:
    tried = lanes_to_try(chosen, n_bytes)
    assert tried[0] == 1
    assert plan(chosen, n_bytes, 1).lanes in tried


def test_prefixes() -> None:
    assert prefixes(b"abcdef", (2, 4, 9)) == [b"ab", b"abcd"]
    assert prefixes(b"abcdef", (9,)) == [b"abcdef"]


def test_places_of_a_curve() -> None:
    assert places(1) == [1]
    assert places(1024) == [1024]
    assert places(5000) == [1024, 2048, 4096, 5000]


@pytest.mark.parametrize("name", LEVELS)
def test_a_curve_ends_at_the_cost_of_the_file(name: str) -> None:
    plain, chosen = text(2500), LEVELS[name]
    rows = list(measure_curve("a", plain, chosen, cpu(tiny())))
    planned = plan(chosen, len(plain), 1)
    parts = decisions(plain, planned.lanes, cpu(tiny()))
    whole = (
        network_cost(parts) if chosen.mixing is None else mixed_cost(MixerSettings.unpack(planned.parameters), parts)
    )
    assert [row.n_plain for row in rows] == [1024, 2048, 2500]
    assert rows[-1].so_far == pytest.approx(8 * whole / len(plain))
    lengths = [1024, 1024, 452]
    assert sum(row.here * n for row, n in zip(rows, lengths, strict=True)) == pytest.approx(8 * whole)


def scale(name: str, n_bytes: int, **figures: Any) -> Scale:
    task = Task(name, "", "", 0, name)
    row = Row(name, "a", n_bytes, 100, encode_seconds=1, decode_seconds=1, peak_bytes=50_000_000, runs=1)
    return _scale(task, n_bytes, replace(row, **figures))


def test_a_scale_knows_its_block_and_table() -> None:
    fast, best = scale("fast", 5_000_000), scale("best", 5_000_000)
    assert (fast.block_bytes, fast.lanes, fast.table_bytes) == (1 << 19, 32, 0)
    assert (best.block_bytes, best.lanes, best.table_bytes) == (5_000_000, 1, 64 << 22)


def test_scaling(installed: Path, here: Path) -> None:
    Path("a.txt").write_bytes(text(900))
    result = invoke("--scaling", "--level", "fast", "--sizes", "400,5000", "a.txt", "--json")
    assert result.exit_code == 0, result.stderr
    (row,) = json.loads(result.stdout)
    assert (row["file"], row["level"], row["n_plain"], row["block_bytes"], row["lanes"]) == (
        "a.txt",
        "fast",
        400,
        400,
        1,
    )
    assert row["bits_per_byte"] == 8 * row["n_coded"] / 400
    assert row["verified"]
    assert row["peak_bytes"] > 20e6


def test_scaling_that_fails_is_exit_1(installed: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "fscompress.bench.scaling.measure_apart", lambda task, file, path, *_: failed(task.label, file, 3, "no")
    )
    Path("a.txt").write_bytes(b"abc")
    result = invoke("--scaling", "a.txt")
    assert result.exit_code == 1
    assert "FAILED: level best, 3 bytes: no" in result.stdout


def test_scaling_prints_what_is_done_at_ctrl_c(installed: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def once(task: Task, file: str, *_: Any) -> Row:
        if task.level == "best":
            raise KeyboardInterrupt
        return scale(task.level, 3).row

    monkeypatch.setattr("fscompress.bench.scaling.measure_apart", once)
    Path("a.txt").write_bytes(b"abc")
    Path("a.md").write_text("<!-- fscompress bench scaling -->\n<!-- end -->\n")
    result = invoke("--scaling", "a.txt", "--into", "a.md")
    assert result.exit_code == 130
    assert Path("a.md").read_text() == "<!-- fscompress bench scaling -->\n<!-- end -->\n"
    assert [line.split()[0] for line in result.stdout.splitlines()[-3:]] == ["fast", "light", "normal"]


@pytest.mark.parametrize("mode", ["curve", "lanes"])
def test_pictures_of_modes(installed: Path, here: Path, mode: str) -> None:
    pytest.importorskip("matplotlib")
    for name in ("a.txt", "b.txt"):
        Path(name).write_bytes(text(1200))
    words = [f"--{mode}", "--level", "normal", "a.txt", "b.txt", "--plot", "a.svg"]
    assert invoke(*words).exit_code == 0
    assert ElementTree.fromstring(Path("a.svg").read_bytes()).tag.endswith("svg")
    again = invoke(*words)
    assert (again.exit_code, again.stdout) == (1, "")
    assert "a.svg: exists already" in again.stderr


@pytest.mark.parametrize("name", LEVELS)
def test_parts_are_all_timed(name: str) -> None:
    row = measure_parts("a", text(700), LEVELS[name], tiny(), cpu(tiny()), runs=2)
    assert (row.file, row.level, row.n_plain) == ("a", name, 700)
    assert min(row.network, row.products, row.coder, row.encode, row.decode) > 0
    assert row.mixer > 0 or name == "fast"


def check_ablation(report: Any) -> None:
    assert report["files"] == {"a.txt": 600}
    assert [*report["levels"]] == ["normal"]
    first, *others = report["levels"]["normal"]
    assert first["total"] == first["n_bytes"][0] > 0
    assert {"context", "weight set", "stage", "lpaq class"} == {row["group"] for row in others}


def check_curve(report: Any) -> None:
    levels = ["fast", "light", "normal", "best"]
    assert [(row["level"], row["n_plain"]) for row in report] == [(name, 600) for name in levels]
    assert all(row["so_far"] == row["here"] > 0 for row in report)


def check_lanes(report: Any) -> None:
    assert [(row["level"], row["n_plain"], row["lanes"]) for row in report] == [
        ("normal", 300, 1),
        ("normal", 600, 1),
    ]
    assert min(report[0][name] for name in ("encode_speed", "decode_speed", "network", "products")) > 0


def check_parts(report: Any) -> None:
    assert [row["level"] for row in report] == ["normal", "best"]
    assert report[0]["n_plain"] == 600


MODES = pytest.mark.parametrize(
    ("mode", "titles", "check"),
    [
        ("ablation", ["group", "without", "a.txt", "all"], check_ablation),
        ("curve", ["level", "bytes", "bpc", "so", "far"], check_curve),
        ("lanes", ["level", "bytes", "lanes", "coded", "bpc"], check_lanes),
        ("parts", ["level", "bytes", "lanes", "network", "(products)", "mixer", "coder"], check_parts),
    ],
)


@MODES
def test_command(installed: Path, here: Path, mode: str, titles: list[str], check: Callable[[Any], None]) -> None:
    Path("a.txt").write_bytes(text(600))
    words = [f"--{mode}", "a.txt", *(["--sizes", "600,300"] if mode == "lanes" else [])]
    result = invoke(*words, "--json")
    assert result.exit_code == 0, result.stderr
    check(json.loads(result.stdout))
    printed = invoke(*words).stdout.splitlines()
    assert any(line.split()[: len(titles)] == titles for line in printed)
    digest = hashlib.sha256(text(600)).hexdigest()
    assert f"a.txt: 600 bytes, sha256 {digest}" in printed
    assert f"- a.txt: 600 bytes, sha256 {digest}" in invoke(*words, "--markdown").stdout
    records = list(csv.DictReader(io.StringIO(invoke(*words, "--csv").stdout)))
    assert {record["file"] for record in records} == {"a.txt"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--ablation", "--lanes", "a.txt"], "--ablation and --lanes exclude each other"),
        (["--train", "--parts", "a.txt"], "--train and --parts exclude each other"),
        (["--parts"], "--parts needs a FILE"),
        (["--parts", "--plot", "a.svg", "a.txt"], "--parts takes no --plot"),
        (["--ablation", "--level", "fast", "a.txt"], "level fast has not"),
        (["--lanes", "--sizes", "10,x", "a.txt"], "'10,x' is not a list of positive numbers"),
        (["--lanes", "--sizes", "0", "a.txt"], "'0' is not a list of positive numbers"),
    ],
)
def test_wrong_usage(here: Path, words: list[str], message: str) -> None:
    Path("a.txt").write_bytes(text(600))
    result = invoke(*words)
    assert result.exit_code == 2
    assert message in result.stderr


def test_an_empty_file_is_refused(installed: Path, here: Path) -> None:
    Path("a.txt").write_bytes(b"")
    result = invoke("--parts", "a.txt")
    assert result.exit_code == 1
    assert "a.txt: is empty" in result.stderr
