"""The command group: imports only the command that is called; makes every error one line and an exit code."""

import gc
import importlib
import os
import sys
from typing import Any, NoReturn

import click

from fscompress.cli.console import NAME, Console
from fscompress.cli.signals import handle_signals
from fscompress.errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_REFUSED, FscompressError

# command: (module:attribute, its line in the overview), in the order of the overview
COMMANDS = {
    "encode": ("encode:encode", "Encode files."),
    "decode": ("decode:decode", "Decode files."),
    "test": ("test:test", "Decode without writing, to see whether files are intact."),
    "list": ("list:list_files", "Show what is in .fsc files, without decoding."),
    "models": ("models:models", "Show the installed models."),
    "eval": ("eval:evaluate", "Bits per byte of a model on files."),
    "explain": ("explain:explain", "Show where the bits of a text go, as an HTML page."),
    "bench": ("bench:bench", "Measure against other compressors, with published records beside."),
    "warmup": ("warmup:warmup", "Compile what encode and decode need, before the first file."),
    "train": ("train:train", "Train a model on text."),
    "study": ("study:study", "Repeat an experiment of the papers."),
    "export": ("export:export", "Turn a training checkpoint into an integer model."),
}

# New objects before a search for garbage.  Importing libraries makes a hundred thousand that all stay; Python's own
# threshold of 700 has them searched again and again.
_GC_THRESHOLD = 50_000


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, so that the overview is instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported, or None."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(f"fscompress.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the overview from the table instead of importing every command for its first line."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; errors that no command has dealt with end here."""
        console = ctx.ensure_object(Console)
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # whoever read our stdout has enough
            _drop_stdout()
            code = EXIT_REFUSED
        except KeyboardInterrupt:
            console.notice(f"{NAME}: interrupted")
            code = EXIT_INTERRUPTED
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except (FscompressError, OSError, MemoryError) as error:
            code = console.error(error)
        except Exception as error:  # noqa: BLE001 (a fault of ours is reported in one line too; -vv shows where)
            code = console.error(error)
        raise click.exceptions.Exit(code)


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from fscompress import __version__
    from fscompress.container import VERSION

    click.echo(f"{NAME} {__version__} (writes format {VERSION}, reads format {VERSION})")
    ctx.exit()


@click.group(NAME, cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-V", "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
              help="Version of the program and of the formats it reads and writes.")  # fmt: skip
def group() -> None:
    """Compress text with a neural network in exact integers: decode gives back the very bytes on any machine.

    Exit codes: 0 done; 1 input/output error or refusal; 2 wrong usage; 3 damaged or foreign file; 4 valid file that
    cannot be decoded here (format version, model); 129 hung up; 130 interrupted; 143 terminated.
    """


def _drop_stdout() -> None:
    # Python flushes stdout once more at exit and would complain about the closed pipe.
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)


def _flushed(code: int) -> int:
    """The exit code, once stdout has taken all: Python would flush it later, and complain in its own way."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        _drop_stdout()
        if code == EXIT_OK:
            return EXIT_REFUSED if isinstance(error, BrokenPipeError) else Console().error(error, "stdout")
    return code


def main() -> NoReturn:
    """Entry point of the ``fscompress`` program."""
    handle_signals()
    gc.set_threshold(_GC_THRESHOLD)
    code: Any = EXIT_OK
    try:
        group.main(prog_name=NAME)
    except SystemExit as end:
        code = end.code
    except KeyboardInterrupt:  # while starting or leaving
        code = EXIT_INTERRUPTED
    except OSError as error:  # of a help text, which is written before there is a command
        code = Console().error(error, "stdout")
    finally:
        gc.freeze()  # else the interpreter searches all of numba for garbage before it ends
    raise SystemExit(_flushed(code))
