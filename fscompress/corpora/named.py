"""From the word on the command line to a corpus: ``enwik8``, ``ptb``, a file, or a folder."""

from collections.abc import Callable, Mapping
from pathlib import Path

from fscompress.corpora import enwik8, ptb
from fscompress.corpora.source import Corpus, Group, Source, file_source
from fscompress.errors import CorpusError

Report = Callable[[str, int, int], None]  # (what, bytes done, bytes in all)

HELD_OUT = (0.90, 0.95, 1.0)  # ends of the training, validation and test parts


def _silent(_what: str, _done: int, _total: int) -> None:
    """Reports no progress."""


def _split(source: Source) -> tuple[Source, Source, Source]:
    train, valid, test = HELD_OUT
    return source.part(0.0, train), source.part(train, valid), source.part(valid, test)


def _ptb(data: Path | None) -> Corpus:
    train, valid, test = map(file_source, ptb.locate(data))
    return Corpus("ptb", (Group("ptb", 1.0, (train,)),), (valid,), (test,), ptb.FORM)


def _enwik8(data: Path | None, report: Report) -> Corpus:
    train, valid, test = _split(file_source(enwik8.locate(data, report)))
    return Corpus("enwik8", (Group("enwik8", 1.0, (train,)),), (valid,), (test,))


def _file(path: Path) -> Corpus:
    train, valid, test = _split(file_source(path))
    return Corpus(path.name, (Group(path.name, 1.0, (train,)),), (valid,), (test,))


def _folder(path: Path, weights: Mapping[str, float]) -> Corpus:
    """One group for each sub-folder and one for the files beside them; every file is split on its own."""
    files = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    parts: dict[str, list[tuple[Source, Source, Source]]] = {}
    for file in files:
        relative = file.relative_to(path)
        parts.setdefault(relative.parts[0] if len(relative.parts) > 1 else "", []).append(_split(file_source(file)))
    unknown = sorted(set(weights) - set(parts))
    if unknown:
        raise CorpusError(f"{path}: no folder '{unknown[0]}' (it has: {', '.join(sorted(parts))})")
    groups = tuple(
        Group(name, float(weights.get(name, sum(len(split[0]) for split in splits))), tuple(s[0] for s in splits))
        for name, splits in sorted(parts.items())
        if weights.get(name, 1.0) > 0
    )
    splits = [split for group in parts.values() for split in group]
    return Corpus(path.name, groups, tuple(s[1] for s in splits), tuple(s[2] for s in splits))


def open_corpus(
    name: str,
    data: Path | None = None,
    weights: Mapping[str, float] | None = None,
    valid: Path | None = None,
    report: Report = _silent,
) -> Corpus:
    """The corpus of that name or path.

    Args:
        name: ``enwik8``, ``ptb``, or the path of a file or folder (a path wins where both exist).
        data: folder in which the named corpora are looked for first.
        weights: for a folder, the weight of each sub-folder; the default is its size.
        valid: file whose bytes validate instead of the held-out part; nothing is then held out of ``name``.
        report: called while a corpus is downloaded.
    Raises:
        CorpusError: nothing of that name can be had; the message says where to put it.
    """
    path = Path(name)
    if path.is_dir():
        corpus = _folder(path, weights or {})
    elif path.is_file():
        corpus = _file(path)
    elif name == "enwik8":
        corpus = _enwik8(data, report)
    elif name == "ptb":
        corpus = _ptb(data)
    else:
        raise CorpusError(f"no corpus '{name}'; give enwik8, ptb, or the path of a file or folder")
    if valid is None:
        return corpus
    whole = {source.path: file_source(source.path) for group in corpus.train for source in group.sources}
    train = tuple(Group(g.name, g.weight, tuple(whole[s.path] for s in g.sources)) for g in corpus.train)
    return Corpus(corpus.name, train, (file_source(valid),), form=corpus.form)
