"""Writes docs/CLI.md from the commands themselves, so that the two cannot drift apart.

Run: ``python -m fscompress.cli.reference FILE``; with ``--check`` the file is compared and not written.
"""

import difflib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from fscompress.cli.app import COMMANDS, group
from fscompress.cli.console import NAME

HEAD = """\
# The command line

Written by `make docs` from the commands; do not edit.

stdout carries data only: compressed or decoded bytes, tables, JSON.  Everything else goes to stderr.  Nothing is ever
asked: what would need an answer is refused, with the option that would allow it.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | input/output error or refusal |
| 2 | wrong usage |
| 3 | damaged or foreign file |
| 4 | valid file that cannot be decoded here: format version or model |
| 129 | hung up: the terminal was closed (SIGHUP) |
| 130 | interrupted; once training has begun, `train` and `study` save, and end so after any of the three signals |
| 143 | terminated (SIGTERM) |

Of several inputs all are tried, and the highest code counts.  A file appears under its name when it is complete and
checked; after a failure or an interruption there is no trace of it.

| variable | sets the default of |
|---|---|
| `FSCOMPRESS_CACHE` | the folder of compiled kernels and downloaded corpora |
| `FSCOMPRESS_MODELS` | a folder searched for models before those that ship with the program |
| `FSCOMPRESS_THREADS` | `-T` |
| `FSCOMPRESS_MEMORY` | `--memory` |

No variable and none of `-T`, `--engine` and `--scheduler` changes a byte that is written.

## Input and output

| words | input | output |
|---|---|---|
| `encode notes.txt` | notes.txt | notes.txt.fsc |
| `encode notes.txt old.fsc` | notes.txt | old.fsc: of exactly two words, the second ends in .fsc, the first does not |
| `encode a.txt b.txt c.txt` | each | a.txt.fsc, b.txt.fsc, c.txt.fsc |
| `encode notes.txt -o FILE` | notes.txt | FILE, whatever it is called |
| `encode -c notes.txt`, `encode < notes.txt` | notes.txt | stdout |
| `decode notes.txt.fsc` | notes.txt.fsc | notes.txt |
| `decode old.fsc new.txt` | old.fsc | new.txt: of exactly two words, the first ends in .fsc, the second does not |
| `decode a.fsc b.fsc` | each | a, b |
| `decode -c old.fsc`, `decode < old.fsc` | old.fsc | stdout |

The words alone decide, never what exists on disk.  `-f` overwrites the name that follows from the input and what `-o`
names, but no other OUTPUT: `encode -f *` in a folder of two files must not overwrite the second with the first.
"""


def reference() -> str:
    """The whole document."""
    context = click.Context(group, info_name=NAME, **group.context_settings)
    parts = [HEAD.rstrip(), "\n".join(_section(group, context))]
    for name in COMMANDS:
        command = group.get_command(context, name)
        assert command is not None
        with click.Context(command, info_name=name, parent=context) as sub:
            parts.append("\n".join(_section(command, sub)))
    return "\n\n".join(parts) + "\n"


def _section(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"## {context.info_name}"
    yield ""
    yield f"`{' '.join([context.command_path, *command.collect_usage_pieces(context)])}`"
    yield ""
    yield inspect.cleandoc(command.help or "").split("\n\nExit codes:")[0]  # a table above says it better
    yield ""
    yield "| option | meaning |"
    yield "|---|---|"
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
        if record:
            left, right = (re.sub(r"\s+", " ", text).replace("|", "\\|") for text in record)
            yield f"| `{left}` | {right} |"


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Compare instead of writing; fail if it differs.")
def main(file: Path, check: bool) -> None:
    """Writes the reference to FILE."""
    text = reference()
    if not check:
        file.write_text(text, encoding="utf-8")
        return
    old = file.read_text(encoding="utf-8") if file.exists() else ""
    if old != text:
        lines = difflib.unified_diff(old.splitlines(), text.splitlines(), str(file), "the commands", lineterm="", n=0)
        click.echo("\n".join(lines), err=True)
        raise click.ClickException(f"{file} is not what the commands say; make docs")


if __name__ == "__main__":
    main()
