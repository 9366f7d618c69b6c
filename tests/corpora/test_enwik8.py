"""enwik8: found in --data or the cache, verified, downloaded otherwise; offline one line says which file goes where."""

import hashlib
import http.client
import io
import zipfile

import pytest

from fscompress.corpora import enwik8, open_corpus
from fscompress.errors import CorpusError

CONTENT = b"<mediawiki> a small stand-in " * 100


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A cache folder and an 'enwik8' of 2,900 bytes with a matching size and md5."""
    monkeypatch.setenv("FSCOMPRESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(enwik8, "N_BYTES", len(CONTENT))
    monkeypatch.setattr(enwik8, "MD5", hashlib.md5(CONTENT).hexdigest())
    return tmp_path


class Reply(io.BytesIO):
    def __init__(self, data, url=enwik8.URL):
        super().__init__(data)
        self.url = url
        self.headers = {"Content-Length": str(len(data))}


def zipped(content):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("enwik8", content)
    return packed.getvalue()


def damaged(content, at):
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


class Torn(Reply):
    """A connection that ends early."""

    def read(self, size=-1):
        raise http.client.IncompleteRead(b"")


def test_taken_from_data_and_split_90_5_5(stand_in):
    (stand_in / "enwik8").write_bytes(CONTENT)
    corpus = open_corpus("enwik8", data=stand_in)
    assert corpus.n_train == len(CONTENT) * 9 // 10
    assert [sum(map(len, part)) for part in (corpus.valid, corpus.test)] == [145, 145]


def test_wrong_bytes_are_refused(stand_in):
    (stand_in / "enwik8").write_bytes(CONTENT[::-1])
    with pytest.raises(CorpusError, match="md5"):
        open_corpus("enwik8", data=stand_in)
    (stand_in / "enwik8").write_bytes(CONTENT[:-1])
    with pytest.raises(CorpusError, match="got 2,899 bytes, expected 2,900"):
        open_corpus("enwik8", data=stand_in)


def test_downloaded_into_the_cache_once(stand_in, monkeypatch):
    asked, told = [], []

    def urlopen(url, timeout):
        asked.append(url)
        return Reply(zipped(CONTENT))

    monkeypatch.setattr(enwik8.urllib.request, "urlopen", urlopen)
    for _ in range(2):
        corpus = open_corpus("enwik8", report=lambda *what: told.append(what))
    assert corpus.n_train == 2610
    assert asked == [enwik8.URL]
    assert told[-1][1] == told[-1][2]
    assert [path.name for path in (stand_in / "cache").iterdir()] == ["enwik8"]


def test_offline_says_which_file_goes_where(stand_in, monkeypatch):
    def urlopen(url, timeout):
        raise OSError("no route to host")

    monkeypatch.setattr(enwik8.urllib.request, "urlopen", urlopen)
    with pytest.raises(CorpusError, match=f"put the file of 10\\^8 bytes at {stand_in / 'cache' / 'enwik8'}"):
        open_corpus("enwik8")
    assert list((stand_in / "cache").iterdir()) == []


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (lambda: Reply(zipped(CONTENT), "http://mirror.example/enwik8.zip"), "not https"),
        (lambda: Reply(zipped(CONTENT[::-1])), "md5"),
        (lambda: Reply(zipped(CONTENT + b"x")), "bytes, expected"),
        (lambda: Reply(zipped(CONTENT)[:-30]), "cannot be downloaded"),
        (lambda: Reply(damaged(zipped(CONTENT), 40)), "cannot be downloaded"),
        (lambda: Reply(damaged(zipped(CONTENT), zipped(CONTENT).index(b"PK\1\2") + 10)), "cannot be downloaded"),
        (lambda: Torn(zipped(CONTENT)), "cannot be downloaded"),
    ],
)
def test_what_is_not_enwik8_is_not_kept(stand_in, monkeypatch, reply, message):
    monkeypatch.setattr(enwik8.urllib.request, "urlopen", lambda url, timeout: reply())
    with pytest.raises(CorpusError, match=message):
        open_corpus("enwik8")
    assert list((stand_in / "cache").iterdir()) == []


def test_no_path_of_an_archive_is_used(stand_in, monkeypatch):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../outside", b"x")
        archive.writestr("/absolute", b"x")
        archive.writestr("enwik8", CONTENT)
    monkeypatch.setattr(enwik8.urllib.request, "urlopen", lambda url, timeout: Reply(packed.getvalue()))
    before = set(stand_in.parent.rglob("*"))
    open_corpus("enwik8")
    assert set(stand_in.parent.rglob("*")) - before == {stand_in / "cache", stand_in / "cache" / "enwik8"}
