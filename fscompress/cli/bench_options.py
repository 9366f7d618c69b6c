"""Options of ``fscompress bench`` that say what is compared and how the result is written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fscompress import store
from fscompress.bench.inputs import NAMED, Input, opened
from fscompress.bench.suite import NAMES, Limits
from fscompress.cli.console import Console
from fscompress.cli.options import LEVELS, POSITIVE, json_option

if TYPE_CHECKING:
    from fscompress.engine import Engine, IntegerModel

Command = Callable[..., Any]


@dataclass(frozen=True)
class Choice:
    """What is compared: names of ``suite.NAMES``, levels (none: the default of what is measured) and models."""

    only: tuple[str, ...]
    skip: tuple[str, ...]
    data: Path | None
    limits: Limits

    def takes(self, name: str) -> bool:
        """Whether the compressor of that name is measured."""
        return (not self.only or name in self.only) and name not in self.skip


@dataclass(frozen=True)
class Form:
    """How the result is written: ``text``, ``json``, ``markdown`` or ``csv`` to stdout; a picture to ``plot``.

    ``into`` is the document, or document#NAME, that takes the Markdown too.
    """

    kind: str
    plot: str | None
    force: bool = False
    into: str | None = None


@dataclass(frozen=True)
class Request:
    """All that the command line asks; ``levels``, ``models`` and ``sizes`` are empty where none is chosen.

    Args:
        words: files, folders and names of corpora.
        preset, seconds: of --train.
    """

    words: tuple[str, ...]
    choice: Choice
    form: Form
    levels: tuple[str, ...]
    models: tuple[str, ...]
    sizes: tuple[int, ...]
    engine_name: str
    preset: str
    seconds: float
    console: Console

    @property
    def model(self) -> str:
        """The first model."""
        return self.models[0] if self.models else store.DEFAULT

    @property
    def runs(self) -> int:
        """Timed runs where one is enough."""
        return self.choice.limits.runs or 1

    def engine(self) -> "tuple[IntegerModel, Engine]":
        """The first model, and an engine of it."""
        from fscompress.engine import engine_factory

        model = store.load(self.model)
        return model, engine_factory(model, self.engine_name)()


def _names(_context: click.Context, _parameter: click.Parameter, words: str) -> tuple[str, ...]:
    names = tuple(word.strip() for word in words.split(",") if word.strip())
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise click.BadParameter(f"'{unknown[0]}' is not one of {', '.join(NAMES)}")
    return names


def existing(_context: click.Context, _parameter: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...]:
    """The words; BadParameter unless each is a path or the name of a corpus."""
    for word in words:
        if word not in NAMED and not Path(word).exists():
            raise click.BadParameter(f"'{word}' does not exist and is none of {', '.join(NAMED)}")
    return words


def _parse_sizes(_context: click.Context, _parameter: click.Parameter, words: str | None) -> tuple[int, ...]:
    sizes = [word.strip() for word in words.split(",")] if words else []
    if not all(size.isdecimal() and int(size) > 0 for size in sizes):
        raise click.BadParameter(f"'{words}' is not a list of positive numbers such as 10000,100000")
    return tuple(sorted({int(size) for size in sizes}))


@contextmanager
def open_inputs(request: Request) -> Iterator[list[Input]]:
    """The files that the request names, with a bar while one is downloaded."""
    with request.console.download_bar() as report, opened(request.words, request.choice.data, report) as inputs:
        yield inputs


def choice_options(command: Command) -> Command:
    """Adds the options of a ``Choice``, handed to the command as ``choice``."""

    @click.option("--only", metavar="NAME,NAME", default="", callback=_names, help=f"Of: {', '.join(NAMES)}.")
    @click.option("--skip", metavar="NAME,NAME", default="", callback=_names, help="All but these.")
    @click.option("--data", type=click.Path(path_type=Path), help="Folder with enwik8 or the PTB files.")
    @click.option(
        "--timeout", type=POSITIVE, default=3600.0, show_default=True,
        help="Seconds for one compressor on one file, all its runs together.",
    )  # fmt: skip
    @click.option(
        "--runs", type=click.IntRange(min=1),
        help="Timed runs; the median counts.  [default: 1; at least 3 of what takes less than a second]",
    )  # fmt: skip
    @click.option(
        "-T", "--threads", type=click.IntRange(min=1), default=1, show_default=True,
        help="Of each program that can use several, and of --lanes; FSCOMPRESS_THREADS does not count here.",
    )  # fmt: skip
    @wraps(command)
    def with_choice(
        only: tuple[str, ...], skip: tuple[str, ...], data: Path | None, timeout: float,
        runs: int | None, threads: int, **kwargs: Any,
    ) -> Any:  # fmt: skip
        return command(choice=Choice(only, skip, data, Limits(runs, timeout, threads)), **kwargs)

    return with_choice


def form_options(command: Command) -> Command:
    """Adds the options of a ``Form``, handed to the command as ``form``."""

    @json_option
    @click.option("--markdown", is_flag=True, help="Tables in Markdown.")
    @click.option("--csv", is_flag=True, help="For spreadsheets: a line for each row and each published record.")
    @click.option(
        "--plot",
        metavar="FILE",
        help="Also a picture, .svg or .png: bits per byte against speed; or the curves of --curve, --lanes, --scaling.",
    )
    @click.option(
        "--into",
        metavar="FILE[#NAME]",
        help="Also Markdown, into FILE between <!-- fscompress bench NAME --> and <!-- end -->, with the command.  "
        "[default NAME: the mode; without a mode results]",
    )
    @click.option("-f", "--force", is_flag=True, help="Let --plot overwrite.")
    @wraps(command)
    def with_form(
        as_json: bool, markdown: bool, csv: bool, plot: str | None, into: str | None, force: bool, **kwargs: Any
    ) -> Any:  # fmt: skip
        kinds = [kind for kind, chosen in (("json", as_json), ("markdown", markdown), ("csv", csv)) if chosen]
        if len(kinds) > 1:
            raise click.UsageError(f"{' and '.join(f'--{kind}' for kind in kinds)} exclude each other")
        return command(form=Form(kinds[0] if kinds else "text", plot, force, into), **kwargs)

    return with_form


sizes_option = click.option(
    "--sizes", metavar="N,N", callback=_parse_sizes,
    help="Of --lanes and --scaling: bytes from the beginning of each FILE; those that it has, else all of it.  "
    "[default: 10000,100000,1000000; of --scaling 4096 and each fourfold to 16777216]",
)  # fmt: skip
levels_option = click.option(
    "--level", "levels", multiple=True, type=click.Choice(LEVELS),
    callback=lambda _context, _parameter, names: tuple(dict.fromkeys(names)),
    help="Measure these; repeatable.  [default: all but bulk; --ablation, --lanes: normal; --parts: normal, best]",
)  # fmt: skip
measured_models_option = click.option(
    "--model", "models", metavar="MODEL", multiple=True,
    help="Name, path or id of a model; repeatable, each is measured.  [default: default]",
)  # fmt: skip
