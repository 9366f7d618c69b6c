"""The external programs that are measured where they are on PATH, and how each is told to encode and decode a file.

Words stand as the program documents them.  In them ``{plain}``, ``{coded}`` and ``{decoded}`` are paths of files,
``{threads}`` is the number of threads.
"""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from fscompress.bench.children import Deadline, ask
from fscompress.errors import BaselineError

VERSION_SECONDS = 5.0
NUMBERS = (r"\bv(?:ersion)?\s*(\d[\w.-]*)", r"(\d+\.[\w.]*\d)")  # of a version, in order of trust
# All that a program gets to know: no variable and no file of the user's has a say in what is measured.
ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath, "LRZIP": "NOCONFIG"}


@dataclass(frozen=True)
class Program:
    """A program and its words.

    Args:
        name: what ``--only`` and ``--skip`` call it.
        label: of its rows, with the options that matter.
        commands: names that it has on one system or another; the first that is found is run.
        coded: name of the coded file; archivers want the suffix to be theirs.
        decoded: name of the decoded file; an archive of 7z gives ``plain`` back, in another folder.
        about: words that make it tell its version.
        released: what stands for the version of a program that tells none.
        model: a file beside the program that a decoder must have too; the program runs in that folder, where it looks
            for it.
    """

    name: str
    label: str
    commands: tuple[str, ...]
    encode: tuple[str, ...]
    decode: tuple[str, ...]
    coded: str = "coded"
    decoded: str = "decoded"
    about: tuple[str, ...] = ()
    released: str = "unknown"
    model: str = ""

    def find(self) -> Path | None:
        """The program's file, or None."""
        paths = (shutil.which(command) for command in self.commands)
        return next((Path(path).resolve() for path in paths if path), None)

    def version(self) -> str | None:
        """The number in what it says about itself, ``released`` where it says none; None if it is not installed."""
        path = self.find()
        if path is None:
            return None
        try:
            said = ask([str(path), *self.about], Deadline(VERSION_SECONDS), ENVIRONMENT)
        except BaselineError:
            return self.released
        found = (re.search(number, said, re.IGNORECASE) for number in NUMBERS)
        return next((match[1] for match in found if match), self.released)


_TWO_FILES = ("{plain}", "{coded}"), ("{coded}", "{decoded}")


def _letters(encode: str, decode: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of a program that takes a letter, an input and an output."""
    return (encode, *_TWO_FILES[0]), (decode, *_TWO_FILES[1])


PROGRAMS = (
    Program(
        "zstd",
        "zstd --ultra -22",
        ("zstd",),
        ("--ultra", "-22", "-q", "-f", "-T{threads}", "{plain}", "-o", "{coded}"),
        ("-d", "-q", "-f", "{coded}", "-o", "{decoded}"),
        about=("--version",),
    ),
    Program(
        "brotli",
        "brotli -q 11 -w 24",
        ("brotli",),
        ("-q", "11", "-w", "24", "-f", "-o", "{coded}", "{plain}"),
        ("-d", "-f", "-o", "{decoded}", "{coded}"),
        about=("--version",),
    ),
    Program(
        "7z",
        "7z -m0=PPMd -mx=9",
        ("7zz", "7z", "7za"),
        ("a", "-bd", "-y", "-m0=PPMd", "-mx=9", "-mmt={threads}", "{coded}", "{plain}"),
        ("e", "-bd", "-y", "-odecoded", "{coded}"),
        coded="coded.7z",
        decoded="decoded/plain",
    ),
    Program(
        "bzip3",
        "bzip3 -b 64",
        ("bzip3",),
        ("-e", "-f", "-b", "64", *_TWO_FILES[0]),
        ("-d", "-f", *_TWO_FILES[1]),
        about=("--version",),
    ),
    Program(
        "lrzip",
        "lrzip -z -L 9",
        ("lrzip",),
        ("-z", "-L", "9", "-p", "{threads}", "-Q", "-f", "-o", "{coded}", "{plain}"),
        ("-d", "-p", "{threads}", "-Q", "-f", "-o", "{decoded}", "{coded}"),
        coded="coded.lrz",
        about=("--version",),
    ),
    Program(
        "zpaq",
        "zpaq -m5",
        ("zpaq",),
        ("a", "{coded}", "plain", "-m5", "-t{threads}"),
        ("x", "{coded}", "plain", "-to", "{decoded}", "-force", "-t{threads}"),
        coded="coded.zpaq",
    ),
    Program("lpaq1", "lpaq1 7", ("lpaq1",), *_letters("7", "d"), released="2007"),
    Program("paq8px", "paq8px -8", ("paq8px",), *_letters("-8", "-d")),
    Program("lstm-compress", "lstm-compress", ("lstm-compress",), *_letters("-c", "-d")),
    Program("cmix", "cmix", ("cmix",), *_letters("-c", "-d")),
    Program("nncp", "nncp", ("nncp",), *_letters("c", "d")),
    Program("ts_zip", "ts_zip", ("ts_zip",), *_letters("c", "d"), model="rwkv_169M.bin"),
)
