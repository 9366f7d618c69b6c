"""The files that are measured: a sample that is always there, the corpora of the literature, files and folders.

A corpus is named as a whole or by its test split: ``enwik8`` is what compressors are compared on, ``enwik8-test`` and
``ptb-test`` are what language models are.  In the form that ``corpora`` gives it, a test split is a file here.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from fscompress.bench.published import N_PLAIN, PTB_TEST, TEST, WHOLE
from fscompress.bench.sample import sample_text
from fscompress.errors import CorpusError, RefusedError
from fscompress.files import files_below, printable
from fscompress.settings import cache_folder

SAMPLE = "sample"
NAMED = (SAMPLE, WHOLE, TEST, PTB_TEST)

Download = Callable[[str, int, int], None]  # (what, bytes done, bytes in all), while a corpus is downloaded


@dataclass(frozen=True)
class Input:
    """A file; ``corpus`` is its name in ``published.py`` if it is one that others have published figures for.

    ``name`` can be written anywhere; that of the file itself, which ``path`` has, may be no text.
    """

    name: str
    path: Path
    n_bytes: int
    sha256: str
    corpus: str = ""

    @property
    def heading(self) -> str:
        """Which bytes these are, for people."""
        return f"{self.name}: {self.n_bytes:,} bytes, sha256 {self.sha256}"


@contextmanager
def opened(words: Sequence[str], data: Path | None, report: Download) -> Iterator[list[Input]]:
    """The inputs that ``words`` name; temporary files among them last as long as the context.

    Args:
        words: of ``NAMED``, files, and folders with all their files, each once; none: the sample and corpora there are.
            A file or folder called like one of ``NAMED`` is taken as it is, unless ``data`` is given.
        data: folder in which corpora are looked for first.
        report: of a download, which only a word can bring about.
    Raises:
        RefusedError: an empty file, or none at all.  CorpusError: a corpus cannot be had.
    """
    with TemporaryDirectory(prefix="fscompress-bench-") as name:
        folder = Path(name)
        if words:
            yield list(dict.fromkeys(each for word in words for each in _named(word, data, folder, report)))
        else:
            yield list(_present(data, folder, report))


def _present(data: Path | None, folder: Path, report: Download) -> Iterator[Input]:
    """The sample and what can be had without a download."""
    yield _corpus(SAMPLE, data, folder, report)
    places = [cache_folder() / WHOLE, *([data, data / WHOLE] if data else [])]
    if any(place.is_file() for place in places):
        yield _corpus(WHOLE, data, folder, report)
    with suppress(CorpusError):
        yield _corpus(PTB_TEST, data, folder, report)


def _named(word: str, data: Path | None, folder: Path, report: Download) -> Iterator[Input]:
    path = Path(word)
    if word in NAMED and (data or not path.exists()):
        yield _corpus(word, data, folder, report)
    elif path.is_dir():
        files = [file for file in files_below(path) if file.stat().st_size]
        if not files:
            raise RefusedError(f"{word}: has no file that is not empty; there is nothing to measure")
        yield from (_file(str(file), file) for file in files)
    elif path.is_file():
        yield _file(word, path)
    elif path.exists():
        raise RefusedError(f"{word}: is no file but a pipe or a device, which cannot be read several times")
    else:
        raise RefusedError(f"{word}: no such file (known by name: {', '.join(NAMED)})")


def _corpus(name: str, data: Path | None, folder: Path, report: Download) -> Input:
    """The text of one of ``NAMED``."""
    if name == SAMPLE:
        return _written(name, sample_text(), folder)
    if name == WHOLE:
        from fscompress.corpora import enwik8

        return _file(name, enwik8.locate(data, report))
    from fscompress.corpora import named_corpus, ptb

    (source,) = named_corpus(name.removesuffix("-test"), data, report).test
    text = source.read().tobytes()
    return _written(name, text, folder, name if name == TEST or ptb.is_test(text) else "")


def _written(name: str, text: bytes, folder: Path, corpus: str = "") -> Input:
    path = folder / name
    path.write_bytes(text)
    return _file(name, path, corpus)


def _file(name: str, path: Path, corpus: str = "") -> Input:
    n_bytes = path.stat().st_size
    if not n_bytes:
        raise RefusedError(f"{name}: is empty; there is nothing to measure")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Input(printable(name), path, n_bytes, digest, corpus or _whole_corpus(path, n_bytes))


def _whole_corpus(path: Path, n_bytes: int) -> str:
    if n_bytes != N_PLAIN:
        return ""
    from fscompress.corpora import enwik8

    with suppress(CorpusError):
        enwik8.verify(path)
        return WHOLE
    return ""
