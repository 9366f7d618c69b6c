"""Options that several commands share, each letter with one meaning (docs/CLI.md)."""

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from fscompress import settings
from fscompress.cli.console import Console

Command = Callable[..., Any]

ENGINES = ("auto", "cpu", "cuda", "reference")  # fscompress.engine.ENGINES, repeated so that --help need not import it
MEASURED_LEVELS = ("fast", "light", "normal", "best")  # by benches that are not told which
LEVELS = (*MEASURED_LEVELS, "bulk")  # fscompress.levels.LEVELS, repeated likewise


class Finite(click.FloatRange):
    """A number of a range; not nan, which no comparison finds outside."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The float."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


POSITIVE = Finite(min=0, min_open=True)


def _only(context: click.Context, parameter: click.Parameter, names: tuple[str, ...]) -> str | None:
    """The one value that was given: without this the last of several would silently stand for all."""
    if len(names) > 1:
        raise click.UsageError(f"{context.info_name} takes one {parameter.opts[0]} (got {len(names)})", context)
    return names[0] if names else None


model_option = click.option(
    "--model", multiple=True, callback=_only, metavar="MODEL",
    help="Name, path or id of the model.  [default: default]",
)  # fmt: skip
known_model_option = click.option(
    "--model", multiple=True, callback=_only, metavar="MODEL",
    help="File of the model, if the one that the input names is not installed.",
)  # fmt: skip
models_option = click.option(
    "--model", "names", multiple=True, metavar="MODEL",
    help="Name, path or id of the model; several are mixed, but at levels fast and bulk.  [default: default]",
)  # fmt: skip
level_option = click.option(
    "--level", type=click.Choice(LEVELS), default="normal", show_default=True, help="fast, or small; see encode --help."
)
engine_option = click.option(
    "--engine", type=click.Choice(ENGINES), default="auto", show_default=True,
    help="All give the same bytes; cuda needs an NVIDIA GPU.",
)  # fmt: skip
threads_option = click.option(
    "-T",
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="Threads; the bytes do not depend on it.  [default: one a processor; 2 with cuda]",
)
memory_option = click.option(
    "--memory", metavar="SIZE", callback=lambda _context, _parameter, word: _size(word),
    help="Memory that decoding may take, such as 512M or 2G: threads wait, then it is refused.  [default: 4G]",
)  # fmt: skip
json_option = click.option("--json", "as_json", is_flag=True, help="For programs: JSON on stdout.")


def _size(word: str | None) -> int:
    """Bytes; the setting's where the option is not given."""
    if word is None:
        return settings.memory()
    size = settings.parse_size(word)
    if size is None:
        raise click.BadParameter(f"'{word}' is not a size such as 512M or 2G.")
    return size


def talks(command: Command) -> Command:
    """Adds -q, -v and --no-progress, handed to the command as ``console``, which then also reports its errors."""

    @click.option("-q", "--quiet", count=True, help="-q: no notices, no progress; -qq: no errors either.")
    @click.option("-v", "--verbose", count=True, help="-v: figures of each file; -vv: also the origin of errors.")
    @click.option("--no-progress", is_flag=True, help="No progress bar.")
    @click.pass_context
    @wraps(command)
    def with_console(
        context: click.Context, /, *args: Any, quiet: int, verbose: int, no_progress: bool, **kwargs: Any
    ) -> Any:
        console = context.ensure_object(Console)
        console.level, console.progress = verbose - quiet, not no_progress
        return command(*args, console=console, **kwargs)

    return with_console


def writes(command: Command) -> Command:
    """Adds the words FILE... and the options that say where output goes and what becomes of the input."""
    decorators = (
        click.argument("words", nargs=-1, metavar="[FILE]... | FILE OUTPUT"),
        click.option("-o", "--output", metavar="FILE", help="Write to FILE; - is stdout."),
        click.option("-c", "--stdout", "to_stdout", is_flag=True, help="Write to stdout, keep the input."),
        click.option("-f", "--force", is_flag=True, help="Overwrite; let a terminal have compressed data."),
        click.option(
            "--rm/--keep", " /-k", "remove", help="Delete the input once its output is verified.  [default: keep]"
        ),
    )
    for decorator in reversed(decorators):
        command = decorator(command)
    return command
