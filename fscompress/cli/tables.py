"""Tables for people, plain or in Markdown: columns of text, numbers to the right."""

from collections.abc import Collection, Sequence

import click

from fscompress.files import printable


def table(titles: Sequence[str], rows: Sequence[Sequence[str]], left: Collection[int] = ()) -> str:
    """Lines of aligned columns; the columns in ``left`` are flush left, all others flush right."""
    lines = [[_shown(cell) for cell in line] for line in (titles, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]

    def aligned(line: Sequence[str]) -> str:
        cells = (
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    return "\n".join(aligned(line) for line in lines)


def markdown_table(titles: Sequence[str], rows: Sequence[Sequence[str]], left: Collection[int] = ()) -> str:
    """The same table in GitHub's Markdown."""
    rule = ["---" if column in left else "---:" for column in range(len(titles))]
    lines = [[_shown(cell).replace("|", "\\|") for cell in line] for line in (titles, rule, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(cell: str) -> str:
    """A cell may be the name of a file: what would not print, or is no text, is shown in another form."""
    return printable(click.format_filename(cell))
