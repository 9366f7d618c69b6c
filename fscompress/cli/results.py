"""What commands print on stdout: tables and JSON.  What is said beside them is in ``console.py``."""

import click

from fscompress.streams import naming


def show(text: str) -> None:
    """Prints a result; raises OSError that names stdout."""
    with naming("stdout"):
        click.echo(text)
