"""What commands print on stdout: tables and JSON.  What is said beside them is in ``console.py``.

A command that prints calls ``files.require_stdout`` before its work: what goes to a closed stdout is lost in silence.
"""

import click

from fscompress.streams import naming


def show(text: str) -> None:
    """Prints a result; raises OSError that names stdout."""
    with naming("stdout"):
        click.echo(text)
