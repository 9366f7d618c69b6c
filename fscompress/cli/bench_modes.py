"""What ``fscompress bench`` can measure instead of whole files: a flag for each, what it runs and what it reads."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click
from click.core import ParameterSource

from fscompress.bench.inputs import Input
from fscompress.bench.machine import this_machine
from fscompress.cli import bench_costs, bench_speeds
from fscompress.cli.bench_found import Found, check_form, deliver
from fscompress.cli.bench_options import Request, open_inputs
from fscompress.cli.options import MEASURED_LEVELS
from fscompress.errors import EXIT_REFUSED

# Names of parameters, as click has them: those that only some modes read.  All others, which say how the result is
# written and what is told meanwhile, go with every mode.
FILES = frozenset({"words", "data"})
CODING = FILES | {"levels", "models", "engine"}
COMPARISON = CODING | {"only", "skip", "timeout", "runs", "threads", "plot"}  # what bench without a mode reads


@dataclass(frozen=True)
class Mode:
    """What a flag does; ``levels`` are measured where none is chosen, ``reads`` are its parameters."""

    help: str
    run: Callable[[Request, Sequence[Input]], Found]
    reads: frozenset[str]
    levels: tuple[str, ...] = ()

    @property
    def takes_files(self) -> bool:
        """Whether it measures files."""
        return "words" in self.reads


MODES = {
    "train": Mode(
        "Measure the training loop instead: fused, plain, and torch.nn.LSTM.",
        bench_speeds.training,
        frozenset({"preset", "seconds"}),
    ),
    "ablation": Mode(
        "What each context, weight set and stage of a level saves, instead.", bench_costs.ablation, CODING, ("normal",)
    ),
    "curve": Mode(
        "Ideal bits per byte along each FILE, instead.", bench_costs.curve, CODING | {"plot"}, MEASURED_LEVELS
    ),
    "lanes": Mode(
        "Size and speed of a level against the number of lanes, instead.",
        bench_speeds.lanes,
        CODING | {"sizes", "runs", "threads", "plot"},
        ("normal",),
    ),
    "scaling": Mode(
        "Size, speed and memory against the size of the text, instead.",
        bench_speeds.scaling,
        CODING | {"sizes", "timeout", "runs", "threads", "plot"},
        MEASURED_LEVELS,
    ),
    "parts": Mode(
        "Time of network, mixer and coder apart, instead; the best run counts.",
        bench_speeds.parts,
        CODING | {"runs"},
        ("normal", "best"),
    ),
}
PUBLISHED = "published"  # measures nothing, and reads nothing
READS: dict[str | None, frozenset[str]] = {None: COMPARISON, PUBLISHED: frozenset()}
READS |= {name: mode.reads for name, mode in MODES.items()}


def mode_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds a flag for each of ``MODES`` and for ``PUBLISHED``, handed to the command as ``mode``: the one that is set.

    None where none is.  What was given and is not of ``READS`` of the mode is wrong usage: it would be ignored.
    """
    helps = {PUBLISHED: "Print all published records, and measure nothing."}
    helps |= {name: mode.help for name, mode in MODES.items()}

    @wraps(command)
    def with_mode(*args: Any, **kwargs: Any) -> Any:
        chosen = [mode for mode in helps if kwargs.pop(f"mode_{mode}")]
        if len(chosen) > 1:
            raise click.UsageError(f"{' and '.join(f'--{mode}' for mode in chosen)} exclude each other")
        mode = chosen[0] if chosen else None
        _refuse_unread(click.get_current_context(), mode)
        return command(*args, mode=mode, **kwargs)

    for name, line in reversed(helps.items()):
        with_mode = click.option(f"--{name}", f"mode_{name}", is_flag=True, help=line)(with_mode)
    return with_mode


def _refuse_unread(context: click.Context, chosen: str | None) -> None:
    """Raises UsageError for a parameter that was given and that other modes read."""
    for parameter in context.command.params:
        name = parameter.name or ""
        readers = [mode for mode, reads in READS.items() if name in reads]
        given = context.get_parameter_source(name) not in (None, ParameterSource.DEFAULT)
        if given and readers and chosen not in readers:
            shown = parameter.opts[-1] if parameter.param_type_name == "option" else "FILE"
            named = ", ".join(f"--{mode}" for mode in readers if mode) if None not in readers else ""
            title = f"--{chosen}" if chosen else "bench without a mode"
            raise click.UsageError(f"{title} takes no {shown}{f', which is of {named}' if named else ''}")


def run_mode(name: str, request: Request) -> None:
    """Measures and prints; exit code 1 if a round trip failed."""
    mode = MODES[name]
    if mode.takes_files and not request.words:
        raise click.UsageError(f"--{name} needs a FILE")
    if len(request.models) > 1:
        raise click.UsageError(f"one of {', '.join(f'--{each}' for each in MODES)} takes one --model")
    check_form(request.form, name)
    request, machine = dataclasses.replace(request, levels=request.levels or mode.levels), this_machine()
    if mode.takes_files:
        with open_inputs(request) as inputs:
            found = mode.run(request, inputs)
            files = [each.heading for each in inputs]
    else:
        found, files = mode.run(request, ()), []
    deliver(request.form, name, found.forms([*machine.lines(), *files]), found.draw, not found.interrupted)
    if found.interrupted:
        raise KeyboardInterrupt
    if found.failed:
        raise click.exceptions.Exit(EXIT_REFUSED)
