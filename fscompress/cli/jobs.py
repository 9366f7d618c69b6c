"""From the words of a command line to pairs of input and output; the words alone decide.

One word is an input.  Of exactly two, the second is the OUTPUT if the names say so (see ``encode_jobs`` and
``decode_jobs``), whatever exists on disk, so that the same line always means the same.  All other words are inputs.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from fscompress.errors import RefusedError
from fscompress.files import STANDARD

SUFFIX = ".fsc"


@dataclass(frozen=True)
class Destination:
    """-o FILE (None without) and -c."""

    output: str | None = None
    to_stdout: bool = False


@dataclass(frozen=True)
class Job:
    """Names of input and output, ``-`` for stdin and stdout.

    ``target`` is None where ``trouble`` says why there is none.  ``guessed``: the output was named without -o, by
    the second of two words, and is not the name that the first alone gives; -f does not overwrite such a file, since
    ``encode -f *`` may have meant it as an input.
    """

    source: str
    target: str | None
    guessed: bool = False
    trouble: str = ""

    def output(self) -> str:
        """``target``; raises RefusedError if there is none or if it must not be overwritten."""
        if self.target is None:
            raise RefusedError(self.trouble)
        if self.guessed and self.target != STANDARD and os.path.lexists(self.target):
            raise RefusedError(f"{self.target}: exists already; -f -o {self.target} overwrites it")
        return self.target


def encode_jobs(words: tuple[str, ...], to: Destination) -> list[Job]:
    """FILE... or FILE OUTPUT, where OUTPUT ends in .fsc and FILE does not."""
    named = len(words) == 2 and words[1].endswith(SUFFIX) and not words[0].endswith(SUFFIX)
    return _jobs(words, to, named, _encoded_name)


def decode_jobs(words: tuple[str, ...], to: Destination) -> list[Job]:
    """FILE... or FILE OUTPUT, where FILE ends in .fsc (or is ``-``) and OUTPUT does not."""
    named = len(words) == 2 and (words[0].endswith(SUFFIX) or words[0] == STANDARD) and not words[1].endswith(SUFFIX)
    return _jobs(words, to, named, _decoded_name)


def _jobs(words: tuple[str, ...], to: Destination, named: bool, rename: Callable[[str], Job]) -> list[Job]:
    if to.output is not None and to.to_stdout:
        raise click.UsageError("-o and -c exclude each other")
    inputs = words[:1] if named else words or (STANDARD,)
    if named:
        if to.output is not None or to.to_stdout:
            raise click.UsageError(f"two outputs: '{words[1]}' and {'-c' if to.to_stdout else '-o'}")
        return [Job(words[0], words[1], guessed=rename(words[0]).target != words[1])]
    if STANDARD in inputs and len(inputs) > 1:
        raise click.UsageError("'-' (stdin) does not go together with other inputs; -c writes to stdout")
    if to.output is not None:
        if len(inputs) > 1:
            raise click.UsageError(f"-o takes one input (got {len(inputs)})")
        return [Job(inputs[0], to.output)]
    return [Job(word, STANDARD) if to.to_stdout or word == STANDARD else rename(word) for word in inputs]


def _encoded_name(source: str) -> Job:
    if source.endswith(SUFFIX):
        return Job(source, None, trouble=f"{source}: ends in {SUFFIX} already; -o FILE encodes it once more")
    return Job(source, source + SUFFIX)


def _decoded_name(source: str) -> Job:
    target = source.removesuffix(SUFFIX)
    if target == source or target.endswith(("/", "\\")) or not target:
        what = f"is {SUFFIX} alone" if Path(source).name == SUFFIX else f"does not end in {SUFFIX}"
        return Job(source, None, trouble=f"{source}: {what}; -o FILE says where to write")
    return Job(source, target if target != STANDARD else f"{os.curdir}{os.sep}{target}")
