"""Batches: every byte of a lane follows the one before, the order is the seed's, skipping equals reading.

And what they hold in memory does not depend on how much text there is.
"""

import hashlib
import itertools
import resource
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fscompress.corpora import Batches, Corpus, Group, open_corpus
from fscompress.corpora import batches as module
from fscompress.corpora.source import Source, beginnings, file_source, joined
from fscompress.errors import CorpusError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SEGMENT_BYTES", 100)
    rng = np.random.default_rng(0)
    for name, size in (("a/one", 1000), ("a/two", 130), ("b/three", 900)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(rng.integers(0, 256, size).astype(np.uint8).tobytes())
    return tmp_path


def take(batches, n):
    return [rows.copy() for rows in itertools.islice(batches, n)]


def test_lanes_of_a_part_of_a_file_begin_where_it_does(tmp_path):
    (tmp_path / "text").write_bytes(bytes(range(200)))
    part, rest = Source(tmp_path / "text", 100, 190), Source(tmp_path / "text", 190, 200)
    (rows,) = take(Batches(Corpus("part", (Group("part", 1.0, (part,)),), (rest,)), batch=2, window=3, seed=0), 1)
    assert rows.T.tolist() == [[100, 101, 102, 103], [145, 146, 147, 148]]


def test_a_file_is_read_in_contiguous_lanes(tmp_path):
    (tmp_path / "text").write_bytes(bytes(range(256)) * 40)
    corpus = open_corpus(str(tmp_path / "text"))
    rows = take(Batches(corpus, batch=4, window=16, seed=0), 20)
    lanes = np.concatenate([rows[0][:1]] + [row[1:] for row in rows])
    text = np.frombuffer((tmp_path / "text").read_bytes()[:9216], np.uint8)
    for lane in range(4):
        assert lanes[:, lane].tolist() == text[lane * 2304 :][: len(lanes)].tolist()


def test_skip_equals_reading(folder):
    corpus = open_corpus(str(folder))
    whole = take(Batches(corpus, 3, 8, seed=5), 60)
    for steps in (0, 1, 17, 40):
        late = Batches(corpus, 3, 8, seed=5)
        late.skip(steps)
        for expected, got in zip(whole[steps : steps + 5], late, strict=False):
            assert np.array_equal(expected, got)


def test_order_depends_on_the_seed_alone(folder):
    corpus = open_corpus(str(folder))
    first, again, other = (take(Batches(corpus, 3, 8, seed), 20) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_order_is_the_one_that_runs_were_begun_with(folder):
    """A digest of the rows: a run resumed after an upgrade must see the text that it would have seen."""
    rows = take(Batches(open_corpus(str(folder)), 3, 8, seed=5), 60)
    digest = hashlib.sha256(np.stack(rows).astype(np.uint8).tobytes()).hexdigest()
    assert digest[:16] == "0128ba93521555b3"


@pytest.mark.parametrize("size", [1, 2, 3])
def test_lanes_read_apart_are_those_of_the_whole(folder, size):
    corpus = open_corpus(str(folder))
    whole = take(Batches(corpus, 6, 8, seed=5), 40)
    parts = [Batches(corpus, 6, 8, 5, slice(start, start + 6 // size)) for start in range(0, 6, 6 // size)]
    for part in parts:
        part.skip(7)
    for expected in whole[7:]:
        assert np.array_equal(np.concatenate([next(part) for part in parts], axis=1), expected)


def test_windows_are_gathered_into_one_array(folder):
    batches = Batches(open_corpus(str(folder)), 3, 8, seed=5)
    assert next(batches) is next(batches)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(1, 9))
def test_segments_are_consecutive_and_leave_less_than_half_of_one(sizes, length):
    sources = tuple(Source(str(i), 100 * i, 100 * i + size) for i, size in enumerate(sizes))
    segments = module._Segments(Group("", 1.0, sources), length)
    found = [segments[i] for i in range(len(segments))] if any(size > 1 for size in sizes) else []
    for source in sources:
        own = [segment for segment in found if segment.path == source.path]
        assert bool(own) == (len(source) > 1)
        if own:
            assert own[0].start == source.start
            assert all(a.stop == b.start for a, b in itertools.pairwise(own))
            assert 0 <= source.stop - own[-1].stop <= length // 2
            assert all(len(segment) == length for segment in own[:-1])


@pytest.mark.parametrize("n_files", [1, 3])
def test_memory_does_not_grow_with_the_text(tmp_path, n_files):
    """Files with holes stand for long texts: 3 MB and 3 GB in ``n_files`` files."""
    peaks = []
    for size in (3_000_000, 3_000_000_000):
        sources = []
        for name in range(n_files):
            path = tmp_path / f"{size}-{name}"
            with path.open("wb") as file:
                file.truncate(size // n_files)
            sources.append(file_source(path))
        corpus = Corpus("", (Group("", 1.0, tuple(sources)),), (sources[0],))
        tracemalloc.start()
        batches = Batches(corpus, batch=8, window=64, seed=0)
        batches.skip(50)
        joined(corpus.valid, stop=1000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    index = 8 * 3_000_000_000 / module.SEGMENT_BYTES
    assert peaks[1] < peaks[0] + 2 * index + 100_000


def test_parts_are_mapped_and_not_read(folder):
    one, two = file_source(folder / "a/one"), file_source(folder / "b/three")
    assert isinstance(one.read(), np.memmap)
    assert isinstance(joined((one, two), 200, 1000), np.memmap)
    text = (folder / "a/one").read_bytes() + (folder / "b/three").read_bytes()
    for start, stop in ((0, None), (990, 1010), (1000, 1001), (5, 5), (1899, 9999), (1900, None)):
        assert joined((one, two), start, stop).tobytes() == text[start:stop]


def test_weights_decide_the_share(folder):
    (folder / "b/three").write_bytes(b"b" * 900)
    for name in ("a/one", "a/two"):
        (folder / name).write_bytes(b"a" * 500)
    corpus = open_corpus(str(folder), weights={"a": 1, "b": 3})
    seen = np.stack(take(Batches(corpus, 4, 50, seed=0), 200))[:, 1:]
    assert 0.70 < (seen == ord("b")).mean() < 0.80


@pytest.mark.parametrize("weights", [{}, {"documents": 1, "book": 1}])
def test_shares_are_of_bytes_and_not_of_documents(tmp_path, weights):
    (tmp_path / "documents").mkdir()
    (tmp_path / "book").mkdir()
    for name in range(200):
        (tmp_path / f"documents/{name}").write_bytes(b"d" * 1000)
    (tmp_path / "book/one").write_bytes(b"b" * 200_000)
    corpus = open_corpus(str(tmp_path), weights=weights)
    seen = np.stack(take(Batches(corpus, 8, 1000, seed=0), 1000))[:, 1:]
    assert 0.45 < (seen == ord("b")).mean() < 0.55


def test_no_weight_at_all_is_refused_as_such(folder):
    with pytest.raises(CorpusError, match="every folder has the weight 0"):
        open_corpus(str(folder), weights={"a": 0, "b": 0})


def test_folders_that_are_not_named_weigh_one(folder):
    corpus = open_corpus(str(folder), weights={"b": 3})
    assert [(group.name, group.weight) for group in corpus.train] == [("a", 1.0), ("b", 3.0)]
    corpus = open_corpus(str(folder), weights={"a": 0})
    assert [group.name for group in corpus.train] == ["b"]
    assert {source.path.parent.name for source in corpus.valid + corpus.test} == {"b"}
    with pytest.raises(CorpusError, match="weights are for the sub-folders of a folder"):
        open_corpus(str(folder / "b/three"), weights={"b": 1})


def test_hidden_folders_are_no_text(folder):
    before = open_corpus(str(folder))
    (folder / ".git/objects").mkdir(parents=True)
    (folder / ".git/objects/aa").write_bytes(b"x" * 1000)
    assert open_corpus(str(folder)) == before


def test_a_folder_called_ptb_is_not_mixed_from_its_parts(folder, monkeypatch):
    monkeypatch.setenv("FSCOMPRESS_CACHE", str(folder / "cache"))
    monkeypatch.chdir(folder)
    (folder / "ptb").mkdir()
    for part in ("train", "valid", "test"):
        (folder / f"ptb/ptb.{part}.txt").write_text(f" the {part} <unk> \n" * 20)
    for data in (None, folder, folder / "ptb"):
        corpus = open_corpus("ptb", data)
        assert b"valid" not in joined(corpus.train[0].sources).tobytes()
        assert b"test" not in joined(corpus.train[0].sources).tobytes()
        assert corpus.form.startswith("text form")
    assert len(open_corpus("./ptb").train[0].sources) == 3
    with pytest.raises(CorpusError, match="ptb: weights are for the sub-folders of a folder"):
        open_corpus("ptb", weights={"": 1})


def test_more_files_than_may_be_open(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    files, one = tmp_path / "files", tmp_path / "one"
    files.mkdir()
    for name in range(200):
        (files / str(name)).write_bytes(bytes(300))
    one.write_bytes(bytes(5000))
    few = len(list(Path("/dev/fd").iterdir())) + 60
    resource.setrlimit(resource.RLIMIT_NOFILE, (few if limits[0] < 0 else min(limits[0], few), limits[1]))
    try:
        corpus = open_corpus(str(files), valid=one)
        assert len(beginnings(open_corpus(str(files)).valid, 10_000)) > 1000
        for batches in (Batches(corpus, 150, 10, seed=0), Batches(open_corpus(str(one)), 150, 10, seed=0)):
            take(batches, 50)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_validation_sees_the_same_share_of_all_files(folder):
    valid = open_corpus(str(folder)).valid
    whole = beginnings(valid, 10_000)
    assert whole.tobytes() == b"".join(source.read().tobytes() for source in valid)
    share = 0.3
    some = [source.read()[: int(len(source) * share)].tobytes() for source in valid]
    assert beginnings(valid, len(whole) * share).tobytes() == b"".join(some)


@pytest.mark.parametrize(
    ("size", "n", "expected"),
    [(6, 1000, 167 * 6), (100, 1000, 63 * 16), (1000, 20_000, 2000 * 10), (6, 20_000, 2000 * 6)],
)
def test_validation_of_very_many_files_sees_something_of_some(tmp_path, size, n, expected):
    (tmp_path / "file").write_bytes(bytes(size))
    assert len(beginnings((Source(tmp_path / "file", 0, size),) * 2000, n)) == expected


def test_parts_do_not_overlap(folder):
    corpus = open_corpus(str(folder))
    spans = [s for g in corpus.train for s in g.sources] + [*corpus.valid, *corpus.test]
    for path in {span.path for span in spans}:
        ends = sorted((s.start, s.stop) for s in spans if s.path == path)
        assert ends[0][0] == 0
        assert ends[-1][1] == path.stat().st_size
        assert all(a[1] == b[0] for a, b in itertools.pairwise(ends))


def test_valid_file_holds_nothing_out(folder):
    (folder / "../held").write_bytes(b"held out" * 20)
    corpus = open_corpus(str(folder), valid=folder / "../held")
    assert corpus.n_train == 2030
    assert sum(len(s) for s in corpus.valid) == 160


def test_what_is_trained_on_does_not_validate(folder):
    """Whatever it is called; of a folder that the weights leave out, nothing is trained on."""
    part, link = folder / "b" / "three", folder / "../link"
    link.unlink(missing_ok=True)
    link.symlink_to(part)
    for name, valid in ((folder, part), (folder, link), (part, link)):
        with pytest.raises(CorpusError, match="is among what is trained on, so it cannot validate; give another one"):
            open_corpus(str(name), valid=valid)
    open_corpus(str(folder), valid=link, weights={"b": 0})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "/no/such/path"}, "give enwik8, ptb, or the path"),
        ({"name": "ptb"}, "ptb.train.txt"),
        ({"name": ".", "weights": {"zzz": 1}}, "no folder 'zzz'"),
    ],
)
def test_what_cannot_be_had_is_said_in_one_line(folder, monkeypatch, arguments, message):
    monkeypatch.chdir(folder)
    with pytest.raises(CorpusError, match=message) as caught:
        open_corpus(**arguments)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_gone_or_cut_since_is_one_line(tmp_path):
    source = Source(tmp_path / "a.txt", 0, 9)
    with pytest.raises(CorpusError, match=r"a.txt: cannot be read \(No such file or directory\)$"):
        source.read()
    source.path.write_bytes(b"short")
    with pytest.raises(CorpusError, match=r"a.txt: cannot be read \(.+\)$"):
        source.read()


def test_too_small_a_text_is_refused(tmp_path):
    (tmp_path / "text").write_bytes(b"tiny")
    with pytest.raises(CorpusError, match="too small"):
        open_corpus(str(tmp_path / "text"))
    (tmp_path / "text").write_bytes(b"short" * 50)
    with pytest.raises(CorpusError, match="less than one window"):
        Batches(open_corpus(str(tmp_path / "text")), 32, 64, 0)
    (tmp_path / "one-byte").write_bytes(b"x")
    sources = (file_source(tmp_path / "one-byte"),) * 3
    with pytest.raises(CorpusError, match="no file of two bytes"):
        Batches(Corpus("c", (Group("g", 1.0, sources),), sources), 2, 8, 0)
