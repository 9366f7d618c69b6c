"""What ``fscompress bench`` can measure instead of whole files: a flag for each, and what it runs."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from fscompress.bench.inputs import Input
from fscompress.bench.machine import this_machine
from fscompress.cli import bench_costs, bench_speeds
from fscompress.cli.bench_found import Found, check_form, deliver
from fscompress.cli.bench_options import Request, open_inputs
from fscompress.cli.options import MEASURED_LEVELS
from fscompress.errors import EXIT_REFUSED


@dataclass(frozen=True)
class Mode:
    """What a flag does; ``levels`` are measured where none is chosen, ``drawn`` says whether there is a picture."""

    help: str
    run: Callable[[Request, Sequence[Input]], Found]
    levels: tuple[str, ...] = ()
    drawn: bool = False
    takes_files: bool = True


MODES = {
    "train": Mode(
        "Measure the training loop instead: fused, plain, and torch.nn.LSTM.", bench_speeds.training, takes_files=False
    ),
    "ablation": Mode(
        "What each context, weight set and stage of a level saves, instead.", bench_costs.ablation, ("normal",)
    ),
    "curve": Mode("Ideal bits per byte along each FILE, instead.", bench_costs.curve, MEASURED_LEVELS, drawn=True),
    "lanes": Mode(
        "Size and speed of a level against the number of lanes, instead.", bench_speeds.lanes, ("normal",), drawn=True
    ),
    "scaling": Mode(
        "Size, speed and memory against the size of the text, instead.",
        bench_speeds.scaling,
        MEASURED_LEVELS,
        drawn=True,
    ),
    "parts": Mode(
        "Time of network, mixer and coder apart, instead; the best run counts.", bench_speeds.parts, ("normal", "best")
    ),
}


def mode_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds a flag for each of ``MODES``, handed to the command as ``mode``: the one that is set, or None."""

    @wraps(command)
    def with_mode(*args: Any, **kwargs: Any) -> Any:
        chosen = [mode for mode in MODES if kwargs.pop(f"mode_{mode}")]
        if len(chosen) > 1:
            raise click.UsageError(f"{' and '.join(f'--{mode}' for mode in chosen)} exclude each other")
        return command(*args, mode=chosen[0] if chosen else None, **kwargs)

    for name, mode in reversed(MODES.items()):
        with_mode = click.option(f"--{name}", f"mode_{name}", is_flag=True, help=mode.help)(with_mode)
    return with_mode


def run_mode(name: str, request: Request) -> None:
    """Measures and prints; exit code 1 if a round trip failed."""
    mode = MODES[name]
    if mode.takes_files and not request.words:
        raise click.UsageError(f"--{name} needs a FILE")
    if request.words and not mode.takes_files:
        raise click.UsageError(f"--{name} takes no FILE (got '{request.words[0]}')")
    if len(request.models) > 1:
        raise click.UsageError(f"one of {', '.join(f'--{each}' for each in MODES)} takes one --model")
    check_form(request.form, name, mode.drawn)
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
