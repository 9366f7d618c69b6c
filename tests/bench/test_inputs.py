"""Which files are measured, and which of them are a corpus that others have published figures for."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from fscompress.bench.inputs import Input, opened
from fscompress.bench.report import records_on
from fscompress.errors import CorpusError, RefusedError


def inputs(words: Sequence[str], data: Path | None = None) -> list[Input]:
    with opened(words, data, lambda what, done, total: None) as found:
        assert all(each.path.stat().st_size == each.n_bytes for each in found)
        return found


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FSCOMPRESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def ptb(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for part in ("train", "valid", "test"):
        (folder / f"ptb.{part}.txt").write_text(f" the {part} <unk> \n of it \n")
    return folder


def test_files_and_folders(here: Path) -> None:
    for name in ("b.txt", "a.txt", ".hidden", "deep/c.txt"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(name)
    Path("deep/empty").touch()
    assert [each.name for each in inputs(["b.txt"])] == ["b.txt"]
    assert [each.name for each in inputs(["b.txt", "."])] == ["b.txt", "a.txt", "deep/c.txt"]
    assert inputs(["a.txt"])[0].sha256 == hashlib.sha256(b"a.txt").hexdigest()
    assert not records_on(inputs(["."]))


def test_without_words_the_sample(here: Path) -> None:
    (sample,) = inputs([])
    assert (sample.name, sample.corpus) == ("sample", "")
    assert sample.n_bytes > 200_000


def test_corpora_that_are_there(here: Path, ptb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    word_file = (ptb / "ptb.test.txt").read_bytes()
    monkeypatch.setattr("fscompress.corpora.ptb.TEST_MD5", hashlib.md5(word_file).hexdigest())
    sample, test = inputs([], ptb)
    assert (sample.name, test.name, test.corpus) == ("sample", "ptb-test", "ptb-test")
    assert inputs(["ptb-test"], ptb)[0].sha256 == test.sha256
    assert records_on([sample, test]).keys() == {"ptb-test"}
    for file in ptb.iterdir():  # the character form of the same text
        file.rename(ptb / file.name.replace("ptb.", "ptb.char."))
    (ptb / "ptb.char.test.txt").write_bytes(b" t h e _ t e s t _ < u n k > \n o f _ i t \n")
    assert inputs(["ptb-test"], ptb)[0].corpus == "ptb-test"


def test_records_are_not_of_another_text(here: Path, ptb: Path) -> None:
    (test,) = inputs(["ptb-test"], ptb)
    assert (test.name, test.corpus) == ("ptb-test", "")
    assert not records_on([test])


def test_what_is_not_there(here: Path) -> None:
    with pytest.raises(CorpusError, match="ptb: not found"):
        inputs(["ptb-test"])
    with pytest.raises(RefusedError, match=r"none\.txt: no such file \(known by name: sample, enwik8"):
        inputs(["none.txt"])
    Path("empty").touch()
    with pytest.raises(RefusedError, match="empty: is empty; there is nothing to measure"):
        inputs(["empty"])
    with pytest.raises(RefusedError, match=r"\.: has no file that is not empty"):
        inputs(["."])


def test_a_folder_of_a_corpus_name_is_not_the_corpus(here: Path, ptb: Path) -> None:
    ptb.rename("ptb")
    (source,) = inputs(["ptb-test"], Path("ptb"))
    assert source.n_bytes == len("the test <unk>\nof it\n")


def test_a_path_of_that_name_or_the_corpus(here: Path, ptb: Path) -> None:
    Path("ptb-test").mkdir()
    Path("ptb-test/a.txt").write_bytes(b"mine")
    Path("sample").write_bytes(b"mine too")
    assert [each.name for each in inputs(["ptb-test", "sample"])] == ["ptb-test/a.txt", "sample"]
    assert [each.n_bytes for each in inputs(["ptb-test", "sample"])] == [4, 8]
    test, sample = inputs(["ptb-test", "sample"], ptb)
    assert test.n_bytes == len("the test <unk>\nof it\n")
    assert sample.n_bytes > 200_000


def test_what_is_no_file(here: Path) -> None:
    os.mkfifo("pipe")
    for word in ("pipe", os.devnull):
        with pytest.raises(RefusedError, match=f"^{word}: is no file but a pipe or a device"):
            inputs([word])


def test_a_file_is_no_corpus_by_its_name(here: Path, cache: Path) -> None:
    Path("enwik8").write_bytes(b"not it")
    assert inputs(["enwik8"])[0].corpus == ""
    cache.mkdir()
    (cache / "enwik8").write_bytes(b"not it")
    with pytest.raises(CorpusError, match="is not enwik8"):
        inputs([])
