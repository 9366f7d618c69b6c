"""``fscompress export``: a training checkpoint in, an integer model file out, and what the rounding costs."""

import os
import sys
from pathlib import Path

import click

from fscompress import parts
from fscompress.cli.console import Console
from fscompress.cli.options import talks
from fscompress.cli.results import show
from fscompress.container.layout import NAME as NAME_PATTERN
from fscompress.errors import RefusedError
from fscompress.files import check_output, open_output, require_file, require_stdout

READABLE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("checkpoint", metavar="CKPT", type=READABLE)
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--name", help="Recorded in every file that the model encodes.  [default: OUT without its suffix]")
@click.option("--description", default="", help="What the model is and what it was trained on, in a sentence.")
@click.option("--primer", type=READABLE, help="Text that every lane has read before its first byte.  [default: prose]")
@click.option("--valid", type=READABLE, help="Measure on this file what the rounding costs, and record the result.")
@click.option("--master", type=click.Path(path_type=Path), help="Also write the float weights, as float16.")
@click.option(
    "--part-bytes",
    type=click.IntRange(min=0),
    metavar="N",
    default=parts.PART_BYTES,
    show_default=True,
    help="Split what is larger into OUT.00, OUT.01, ... of at most N bytes; 0: never.",
)
@click.option("-f", "--force", is_flag=True, help="Overwrite OUT and the file of --master.")
@talks
def export(
    checkpoint: Path,
    out: Path,
    name: str | None,
    description: str,
    primer: Path | None,
    valid: Path | None,
    master: Path | None,
    part_bytes: int,
    force: bool,
    console: Console,
) -> None:
    """Turn the checkpoint CKPT into the integer model OUT, certified and ready to encode with.

    With --valid, bits per byte of the float and of the integer model on that file are printed, and their difference.
    OUT.sha256 lists the parts of a large model; --model OUT reads them like one file.
    """
    name = out.name.removesuffix(".safetensors") if name is None else name
    if not NAME_PATTERN.fullmatch(os.fsencode(name)):
        raise click.BadParameter(f"must match {NAME_PATTERN.pattern.decode()} (got '{name}')", param_hint="--name")
    if master and os.path.realpath(master) == os.path.realpath(out):
        raise RefusedError(f"{master}: OUT and --master are the same file; give another one")
    if not description.isprintable():  # what is no UTF-8 is not, either
        raise click.BadParameter("must be one line of text", param_hint="--description")
    part_bytes = part_bytes or sys.maxsize
    for target in filter(None, (out, master)):
        require_file(target)
        check_output(str(target), str(checkpoint), force, binary=False)
        parts.check_absent(target, force)
    from fscompress.export.checkpoint import DEFAULT_PRIMER, export_checkpoint, master_bytes
    from fscompress.export.export import ExportSettings

    settings = ExportSettings(name, description, primer.read_bytes() if primer else DEFAULT_PRIMER)
    model = export_checkpoint(checkpoint, settings)
    if valid:
        bpc = _compare(checkpoint, model, settings.primer, valid, console)
        measured = {"bpc": f"{bpc:.4f}", "bpc_measured_on": f"{valid.name}, {valid.stat().st_size} bytes"}
        model = export_checkpoint(checkpoint, ExportSettings(name, description, settings.primer, measured))
    files = {out: model}
    if master:
        files[master] = master_bytes(checkpoint)
    for target, data in files.items():
        parts.check_number(target, len(data), part_bytes)
    for target, data in files.items():
        with open_output(str(target), force=force) as output:
            output.write(data)
        n_parts = parts.split_file(target, part_bytes)
        in_parts = f" in {n_parts} parts" if n_parts > 1 else ""
        console.notice(f"{target}: {len(data):,} bytes{in_parts}")


def _compare(checkpoint: Path, model: bytes, primer: bytes, valid: Path, console: Console) -> float:
    """Prints both results and their difference; returns that of the integer model."""
    require_stdout()
    import numpy as np

    from fscompress.engine.evaluation import integer_bits_per_byte
    from fscompress.engine.model_file import parse_model
    from fscompress.export.checkpoint import load_float_model
    from fscompress.training.evaluation import WINDOW, float_bits_per_byte

    data = valid.read_bytes()
    if len(data) < WINDOW:
        raise RefusedError(f"{valid}: too short to measure on (got {len(data)} bytes, expected at least {WINDOW})")
    console.detail(f"{valid}: {len(data):,} bytes, measured twice")
    network = load_float_model(checkpoint)
    exact = float_bits_per_byte([network], np.frombuffer(data, np.uint8), primer=primer)
    rounded = integer_bits_per_byte(parse_model(model), data)
    show(f"float    {exact:.4f} bpc\ninteger  {rounded:.4f} bpc\ncost    {rounded - exact:+.4f} bpc")
    return rounded
