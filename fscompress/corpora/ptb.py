"""Penn Treebank as Mikolov prepared it: three text files, brought into one form and kept memory-mapped in the cache.

Two forms are in use.  The word file has a line for each sentence with blanks at both ends; the character file has a
blank between any two characters and ``_`` for a blank.  Either gives the same text, in which a character is a byte:
the 5.0M, 393k and 442k characters of the literature.
"""

import hashlib
from pathlib import Path

from fscompress.errors import CorpusError
from fscompress.files import replacing
from fscompress.settings import cache_folder
from fscompress.streams import naming

PARTS = ("train", "valid", "test")
NAMES = ("ptb.{}.txt", "ptb.char.{}.txt")  # word form, character form
SAMPLE = 4096  # bytes from the beginning of a file that tell its form
TEST_MD5 = "8b80168b89c18661a38ef683c0dc3721"  # of the word file of the test part, ptb.test.txt
FORM = "text form: lines stripped and joined by newlines, no blanks between characters, no _ for a blank"


def locate(data: Path | None) -> tuple[Path, Path, Path]:
    """Paths of the training, validation and test text, in the form that ``FORM`` describes.

    Looked for in ``data`` and its sub-folder ``ptb``, under either name of ``NAMES``; written to the cache folder.

    Raises:
        CorpusError: no such files; the message names them.
    """
    for folder in (data, data and data / "ptb"):
        for name in NAMES:
            paths = [folder / name.format(part) for part in PARTS] if folder else []
            if paths and all(path.is_file() for path in paths):
                train, valid, test = map(_converted, paths)
                return train, valid, test
    files = ", ".join(NAMES[0].format(part) for part in PARTS)
    raise CorpusError(f"ptb: not found; put {files} in a folder and name it with --data")


def plain_text(content: bytes) -> bytes:
    """The text of a file of either form: every line stripped, lines joined by newlines."""
    lines = [line.strip() for line in content.split(b"\n")]
    if all(len(word) == 1 for word in content[:SAMPLE].split()):
        lines = [b"".join(line.split()).replace(b"_", b" ") for line in lines]
    return b"\n".join(lines)


def is_test(text: bytes) -> bool:
    """Whether ``text``, in the form that ``FORM`` describes, is the test part that the literature measures on."""
    words = b"".join(b" %b \n" % line for line in text.removesuffix(b"\n").split(b"\n"))
    return hashlib.md5(words).hexdigest() == TEST_MD5


def _converted(path: Path) -> Path:
    """The file with the text of ``path``; several processes may ask for it at once."""
    try:
        text = plain_text(path.read_bytes())
        digest = hashlib.sha256(text).hexdigest()[:16]  # a run's file stays what it was, whatever another run reads
        target = cache_folder() / "ptb" / f"{path.stem}.{digest}.txt"
        if target.is_file() and target.stat().st_size == len(text):
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        with naming(str(target)), replacing(target) as temporary:
            temporary.write_bytes(text)
    except OSError as error:
        raise CorpusError(f"{error.filename or path}: cannot be read or written ({error.strerror})") from error
    return target
