"""From the word on the command line to a corpus: ``enwik8``, ``ptb``, a file, or a folder."""

from collections.abc import Callable, Mapping
from pathlib import Path

from fscompress.corpora import enwik8, ptb
from fscompress.corpora.source import Corpus, Group, Source, file_source
from fscompress.errors import CorpusError
from fscompress.files import files_below

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
    parts: dict[str, list[tuple[Source, Source, Source]]] = {}
    for file in files_below(path):
        relative = file.relative_to(path)
        parts.setdefault(relative.parts[0] if len(relative.parts) > 1 else "", []).append(_split(file_source(file)))
    unknown = sorted(set(weights) - set(parts))
    if unknown:
        raise CorpusError(f"{path}: no folder '{unknown[0]}' (it has: {', '.join(sorted(parts))})")
    sizes = {name: float(sum(len(split[0]) for split in splits)) for name, splits in parts.items()}
    shares = {name: weights.get(name, 1.0) if weights else size for name, size in sizes.items()}
    read = {name: splits for name, splits in sorted(parts.items()) if shares[name] > 0}
    if any(sizes.values()) and not read:
        raise CorpusError(f"{path}: every folder has the weight 0, so nothing would be read")
    groups = tuple(Group(name, shares[name], tuple(s[0] for s in splits)) for name, splits in read.items())
    splits = [split for group in read.values() for split in group]
    return Corpus(path.name, groups, tuple(s[1] for s in splits), tuple(s[2] for s in splits))


def named_corpus(name: str, data: Path | None = None, report: Report = _silent) -> Corpus:
    """``enwik8`` or ``ptb``, whatever paths of these names there are; arguments and errors as of ``open_corpus``."""
    return _enwik8(data, report) if name == "enwik8" else _ptb(data or Path())


def open_corpus(
    name: str,
    data: Path | None = None,
    weights: Mapping[str, float] | None = None,
    valid: Path | None = None,
    report: Report = _silent,
) -> Corpus:
    """The corpus of that name or path.

    Args:
        name: ``enwik8``, ``ptb``, or the path of a file or folder.  A file or folder called enwik8 is taken as it is,
            unless ``data`` is given; one called ptb has to be written ./ptb, for its parts must not be mixed.
        data: folder in which the named corpora are looked for first; ptb's default is the working folder.
        weights: for a folder, the weight of each sub-folder, 1 of those that are not named; without any, their sizes.
        valid: file whose bytes validate instead of the held-out part; nothing is then held out of ``name``, of which
            it must be no part.
        report: called while a corpus is downloaded.
    Raises:
        CorpusError: nothing of that name can be had, and the message says where to put it; or what is trained on would
            validate.
    """
    path = Path(name)
    named = name == "ptb" or (name == "enwik8" and (data or not path.exists()))
    if weights and (named or not path.is_dir()):
        raise CorpusError(f"{name}: weights are for the sub-folders of a folder, and this is none")
    if named:
        corpus = named_corpus(name, data, report)
    elif path.is_dir():
        corpus = _folder(path, weights or {})
    elif path.is_file():
        corpus = _file(path)
    else:
        raise CorpusError(f"no corpus '{name}'; give enwik8, ptb, or the path of a file or folder")
    if valid is None:
        return corpus
    whole = {source.path: file_source(source.path) for group in corpus.train for source in group.sources}
    if valid.exists() and any(valid.samefile(path) for path in whole):
        raise CorpusError(f"{valid}: is among what is trained on, so it cannot validate; give another one")
    train = tuple(Group(g.name, g.weight, tuple(whole[s.path] for s in g.sources)) for g in corpus.train)
    return Corpus(corpus.name, train, (file_source(valid),), form=corpus.form)
