"""Batches: every byte of a lane follows the one before, the order is the seed's, skipping equals reading."""

import itertools

import numpy as np
import pytest

from fscompress.corpora import Batches, open_corpus
from fscompress.corpora import batches as module
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
    return list(itertools.islice(batches, n))


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


def test_weights_decide_the_share(folder):
    (folder / "b/three").write_bytes(b"b" * 900)
    for name in ("a/one", "a/two"):
        (folder / name).write_bytes(b"a" * 500)
    corpus = open_corpus(str(folder), weights={"a": 1, "b": 3})
    seen = np.stack(take(Batches(corpus, 4, 50, seed=0), 200))[:, 1:]
    assert 0.70 < (seen == ord("b")).mean() < 0.80


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


def test_too_small_a_text_is_refused(tmp_path):
    (tmp_path / "text").write_bytes(b"tiny")
    with pytest.raises(CorpusError, match="too small"):
        open_corpus(str(tmp_path / "text"))
    (tmp_path / "text").write_bytes(b"short" * 50)
    with pytest.raises(CorpusError, match="less than one window"):
        Batches(open_corpus(str(tmp_path / "text")), 32, 64, 0)
