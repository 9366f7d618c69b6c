"""What ``fscompress bench`` prints: tables with lines around them, in the form that was asked for."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fscompress.bench import plot
from fscompress.cli.bench_into import write_into
from fscompress.cli.bench_options import Form
from fscompress.cli.results import show
from fscompress.cli.tables import markdown_table, table
from fscompress.files import STANDARD, check_output, open_output, require_stdout

Draw = Callable[[str], bytes]  # from a suffix of plot.SUFFIXES to the file's bytes


@dataclass(frozen=True)
class Section:
    """A table with a line above and lines below; the columns in ``left`` are flush left."""

    heading: str
    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: frozenset[int]
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Found:
    """What a mode has measured.

    Args:
        sections: for people.
        records: for spreadsheets, each with the same keys.
        document: for programs, anything that JSON has; None: the records.
        draw: the picture; None where there is none.
        failed: whether the exit code is to say that a round trip failed.
        interrupted: whether Ctrl-C ended it; what is done is here all the same.
    """

    sections: Sequence[Section]
    records: Sequence[Mapping[str, Any]]
    document: Any = None
    draw: Draw | None = None
    failed: bool = False
    interrupted: bool = False

    def forms(self, head: Sequence[str]) -> dict[str, Callable[[], str]]:
        """What makes each form, with the lines of ``head`` above where people read it."""
        return {
            "text": lambda: as_text(head, self.sections),
            "markdown": lambda: as_markdown(head, self.sections),
            "json": lambda: json.dumps(self.records if self.document is None else self.document, indent=2),
            "csv": lambda: as_csv(self.records),
        }


def as_text(head: Sequence[str], sections: Sequence[Section]) -> str:
    """For a terminal."""
    parts = ["\n".join(head)] if head else []
    for section in sections:
        body = table(section.titles, section.rows, section.left)
        parts.append("\n".join([section.heading, body, *section.notes]))
    return "\n\n".join(parts)


def as_markdown(head: Sequence[str], sections: Sequence[Section]) -> str:
    """For a page."""
    parts = ["\n".join(f"- {line}" for line in head)] if head else []
    for section in sections:
        parts += [f"### {section.heading}", markdown_table(section.titles, section.rows, section.left)]
        parts += ["\n".join(f"- {note}" for note in section.notes)] if section.notes else []
    return "\n\n".join(parts)


def as_csv(records: Sequence[Mapping[str, Any]]) -> str:
    """A line for each record, with their keys above."""
    text = io.StringIO()
    lines = csv.DictWriter(text, [*records[0]] if records else [], lineterminator="\n")
    lines.writeheader()
    lines.writerows(records)
    return text.getvalue()


def check_form(form: Form, name: str) -> None:
    """Raises RefusedError for what ``deliver`` could not write: before hours of measuring, not after."""
    require_stdout()
    if form.plot:
        plot.check(form.plot)
        check_output(form.plot, STANDARD, form.force, binary=False)
    if form.into:
        write_into(form.into, name, None)


def deliver(form: Form, name: str, forms: Mapping[str, Callable[[], str]], draw: Draw | None, whole: bool) -> None:
    """Prints the chosen form; writes the picture and, of a ``whole`` run alone, Markdown into the document."""
    show(forms[form.kind]().rstrip("\n"))
    if form.plot and draw:
        with open_output(form.plot, force=form.force) as output:
            output.write(draw(Path(form.plot).suffix))
    if form.into and whole:
        write_into(form.into, name, forms["markdown"]())
