"""Penn Treebank: either form of the files gives the same text, mapped from the cache folder."""

import resource

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fscompress.corpora import open_corpus, ptb
from fscompress.corpora.source import joined
from fscompress.errors import CorpusError

SENTENCES = ["no it was n't black monday", "<unk> fell N points", "a b c"] * 40
TEXT = "".join(f"{sentence}\n" for sentence in SENTENCES).encode()


def word_form(sentences):
    return "".join(f" {sentence} \n" for sentence in sentences).encode()


def character_form(sentences):
    return "".join(" ".join(sentence.replace(" ", "_")) + "\n" for sentence in sentences).encode()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FSCOMPRESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(("name", "form"), [("ptb.{}.txt", word_form), ("ptb.char.{}.txt", character_form)])
@pytest.mark.parametrize("folder", [".", "ptb"])
def test_both_forms_give_the_same_text(tmp_path, cache, name, form, folder):
    (tmp_path / folder).mkdir(exist_ok=True)
    for part in ptb.PARTS:
        (tmp_path / folder / name.format(part)).write_bytes(form(SENTENCES))
    for _ in range(2):
        corpus = open_corpus("ptb", data=tmp_path)
        assert corpus.form.startswith("text form")
        for sources in (corpus.train[0].sources, corpus.valid, corpus.test):
            assert isinstance(joined(sources), np.memmap)
            assert joined(sources).tobytes() == TEXT
    assert len(list((cache / "ptb").iterdir())) == 3


@given(st.lists(st.text("abcN<>' ", min_size=1).map(lambda s: " ".join(s.split())), min_size=1, max_size=20))
def test_forms_carry_the_same_text(sentences):
    sentences = ["longer words come first", *sentences]
    assert ptb.plain_text(character_form(sentences)) == ptb.plain_text(word_form(sentences))


def test_missing_files_are_named_in_one_line(tmp_path):
    with pytest.raises(CorpusError, match=r"put ptb.train.txt, ptb.valid.txt, ptb.test.txt in a folder"):
        open_corpus("ptb", data=tmp_path)


def test_cache_that_cannot_be_written_is_one_line(tmp_path, cache):
    for part in ptb.PARTS:
        (tmp_path / f"ptb.{part}.txt").write_bytes(word_form(SENTENCES))
    cache.write_bytes(b"a file where the folder should be")
    with pytest.raises(CorpusError, match="cannot be read or written"):
        open_corpus("ptb", data=tmp_path)


def test_a_full_disk_leaves_nothing_and_names_the_file_in_the_cache(tmp_path, cache):
    texts = {part: tmp_path / f"ptb.{part}.txt" for part in ptb.PARTS}
    for path in texts.values():
        path.write_bytes(word_form(SENTENCES))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, limits[1]))
    try:
        with pytest.raises(CorpusError) as caught:
            open_corpus("ptb", data=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(caught.value).startswith(f"{cache / 'ptb' / 'ptb.train.'}")
    assert "cannot be read or written (File too large)" in str(caught.value)
    assert list((cache / "ptb").iterdir()) == []
