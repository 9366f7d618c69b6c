"""``decode --recover`` and ``decode --range``: a part of what was encoded."""

import re
import tempfile
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from fscompress import store
from fscompress.cli.transfer import Convert, Progress
from fscompress.errors import DamagedError
from fscompress.streams import CHUNK, read_up_to

if TYPE_CHECKING:
    from fscompress.codec import CodingStats
    from fscompress.executor import Executor
    from fscompress.recovery import Loss

recover_option = click.option(
    "--recover", is_flag=True, help="Of a damaged input write every intact block, and zeros for the others."
)


class _Bounds(click.ParamType[slice]):
    """START:END, of which either may be missing or negative."""

    name = "START:END"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> slice:
        found = re.fullmatch(r"(-?[0-9]{1,18})?:(-?[0-9]{1,18})?", value)
        if not found:
            self.fail(f"expected START:END, in bytes (got '{value}')", param, ctx)
        start, stop = (int(number) if number else None for number in found.groups())
        return slice(start, stop)


range_option = click.option(
    "--range", "bounds", type=_Bounds(), metavar="START:END",
    help="Write these bytes of the text alone, as a Python slice counts; other blocks are not decoded.",
)  # fmt: skip


def refuse_contradictions(recover: bool, bounds: slice | None, remove: bool) -> None:
    """Raises UsageError where both options are given, or --rm with one of them."""
    if recover and bounds is not None:
        raise click.UsageError("--recover and --range exclude each other")
    if remove and (recover or bounds is not None):
        raise click.UsageError("--rm would delete what is not in the output; not with --recover or --range")


def range_decoder(
    model: str | None, engine: str, threads: int, memory: int, bounds: slice, executor: "Executor | None" = None
) -> Convert:
    """The conversion of ``--range``."""
    find_model = store.finder(model)

    def convert(source: BinaryIO, target: BinaryIO, progress: Progress) -> "CodingStats":
        from fscompress.codec import CodingOptions
        from fscompress.ranges import decode_range

        options = CodingOptions(engine, threads, memory=memory)
        return decode_range(source, target, find_model, bounds, options, progress, executor)

    return convert


def recoverer(model: str | None, engine: str, threads: int, memory: int, executor: "Executor | None" = None) -> Convert:
    """The conversion of ``--recover``, whose statistics are a ``Recovery``.

    Recovery seeks from the beginning of a file: a pipe, or an input of which some has been read, is copied first.
    """
    find_model = store.finder(model)

    def convert(source: BinaryIO, target: BinaryIO, progress: Progress) -> "CodingStats":
        from fscompress.codec import CodingOptions
        from fscompress.recovery import recover_stream

        options = CodingOptions(engine, threads, memory=memory)
        if source.seekable() and source.tell() == 0:
            return recover_stream(source, target, find_model, options, progress, executor)
        with tempfile.TemporaryFile() as copy:
            while piece := read_up_to(source, CHUNK):
                copy.write(piece)
            return recover_stream(copy, target, find_model, options, progress, executor)

    return convert


def judge(found: "CodingStats", name: str) -> None:
    """Raises DamagedError unless ``--recover`` has certainly written the whole; its notes tell each loss."""
    from fscompress.recovery import Recovery

    assert isinstance(found, Recovery)
    if found.whole:
        return
    n, n_losses = found.n_plain - found.n_lost, len(found.losses)
    details = ["1 range is lost" if n_losses == 1 else f"{n_losses:,} ranges are lost"] if n_losses else []
    details += ["there may have been more: an end record is lost, or does not fit"] if found.ends_lost else []
    least = "at least " if found.ends_lost else ""
    error = DamagedError(f"{name}: recovered {n:,} of {least}{found.n_plain:,} bytes; {'; '.join(details)}")
    for loss in found.losses:
        error.add_note(f"{name}: {_told(loss)}")
    raise error


def _told(loss: "Loss") -> str:
    (start, stop), (begin, end) = loss.plain, loss.coded
    filled = "zeros in their place" if stop > start else "nothing in their place"
    sure = "" if loss.exact else "; how many they were is not known, and later ones may have moved"
    return f"lost bytes {start}:{stop} (of the input {begin}:{end}); {filled}{sure}"
