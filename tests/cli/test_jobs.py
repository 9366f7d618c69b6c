"""Which words are inputs and which is the output: decided by the words alone, and never at the cost of a file."""

from pathlib import Path

import click
import pytest

from fscompress.cli.jobs import Destination, Job, decode_jobs, encode_jobs
from fscompress.errors import RefusedError

NOWHERE = Destination()


def pairs(jobs: list[Job]) -> list[tuple[str, str | None]]:
    return [(job.source, job.target) for job in jobs]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), [("-", "-")]),
        (("-",), [("-", "-")]),
        (("a",), [("a", "a.fsc")]),
        (("a", "b.fsc"), [("a", "b.fsc")]),
        (("-", "b.fsc"), [("-", "b.fsc")]),
        (("a", "b"), [("a", "a.fsc"), ("b", "b.fsc")]),
        (("a", "b", "c.fsc"), [("a", "a.fsc"), ("b", "b.fsc"), ("c.fsc", None)]),
        (("a.fsc", "b.fsc"), [("a.fsc", None), ("b.fsc", None)]),
    ],
)
def test_encode(words: tuple[str, ...], expected: list[tuple[str, str | None]]) -> None:
    assert pairs(encode_jobs(words, NOWHERE)) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), [("-", "-")]),
        (("a.fsc",), [("a.fsc", "a")]),
        (("a.txt.fsc", "b.fsc"), [("a.txt.fsc", "a.txt"), ("b.fsc", "b")]),
        (("a.fsc", "b"), [("a.fsc", "b")]),
        (("a.fsc", "-"), [("a.fsc", "-")]),
        (("-", "b"), [("-", "b")]),
        (("a", "b"), [("a", None), ("b", None)]),
        (("folder/.fsc",), [("folder/.fsc", None)]),
        ((".fsc",), [(".fsc", None)]),
    ],
)
def test_decode(words: tuple[str, ...], expected: list[tuple[str, str | None]]) -> None:
    assert pairs(decode_jobs(words, NOWHERE)) == expected


def test_options_name_the_output() -> None:
    assert pairs(encode_jobs(("a",), Destination("b"))) == [("a", "b")]
    assert pairs(encode_jobs(("a.fsc",), Destination("b"))) == [("a.fsc", "b")]
    assert pairs(decode_jobs(("a",), Destination("b"))) == [("a", "b")]
    assert pairs(decode_jobs(("a", "b.fsc"), Destination(to_stdout=True))) == [("a", "-"), ("b.fsc", "-")]


@pytest.mark.parametrize(
    ("words", "to", "message"),
    [
        (("a", "b"), Destination("c"), "-o takes one input"),
        (("a", "b.fsc"), Destination("c"), "two outputs"),
        (("a", "b.fsc"), Destination(to_stdout=True), "two outputs"),
        (("a",), Destination("c", to_stdout=True), "exclude"),
        (("a", "-"), NOWHERE, "stdin"),
        (("a", "b", "-"), NOWHERE, "stdin"),
    ],
)
def test_contradictions(words: tuple[str, ...], to: Destination, message: str) -> None:
    with pytest.raises(click.UsageError, match=message):
        encode_jobs(words, to)


def test_job_without_output_says_why() -> None:
    with pytest.raises(RefusedError, match=r"a\.fsc: ends in \.fsc already"):
        encode_jobs(("a.fsc",), NOWHERE)[0].output()
    with pytest.raises(RefusedError, match=r"a: does not end in \.fsc"):
        decode_jobs(("a",), NOWHERE)[0].output()


def test_second_word_is_never_overwritten(here: Path) -> None:
    """``encode -f *`` in a folder of notes.txt and old.fsc must not lose old.fsc."""
    for name in ("old.fsc", "notes.txt.fsc"):
        (here / name).touch()
    with pytest.raises(RefusedError, match=r"-f -o old\.fsc overwrites"):
        encode_jobs(("notes.txt", "old.fsc"), NOWHERE)[0].output()
    assert encode_jobs(("notes.txt", "notes.txt.fsc"), NOWHERE)[0].output() == "notes.txt.fsc"
    assert encode_jobs(("notes.txt", "new.fsc"), NOWHERE)[0].output() == "new.fsc"


def test_a_name_that_would_be_stdout_is_a_file() -> None:
    assert pairs(decode_jobs(("-.fsc",), Destination())) == [("-.fsc", "./-")]
    with pytest.raises(RefusedError, match=r"\.fsc: is \.fsc alone; -o FILE says where to write"):
        decode_jobs((".fsc",), Destination())[0].output()
