"""``fscompress explain``: an HTML page that shows where the bits of a text go."""

import click

from fscompress import store
from fscompress.cli.console import Console
from fscompress.cli.options import engine_option, level_option, model_option, talks
from fscompress.cli.transfer import shown
from fscompress.container import MODEL_ID_BYTES
from fscompress.errors import RefusedError
from fscompress.files import STANDARD, check_output, open_input, open_output
from fscompress.streams import read_up_to

SUFFIX = ".html"
DEFAULT_BYTES, MOST_BYTES = 100_000, 1_000_000  # a browser is slow with a longer page


@click.command()
@click.argument("file", metavar="FILE")
@click.option("-o", "--output", metavar="FILE", help="Write to FILE; - is stdout.  [default: FILE.html; of -, stdout]")
@click.option("-f", "--force", is_flag=True, help="Overwrite.")
@click.option(
    "--bytes", "n_bytes", type=click.IntRange(1, MOST_BYTES), default=DEFAULT_BYTES, show_default=True,
    help="Of FILE's beginning, as if it were all.",
)  # fmt: skip
@level_option
@model_option
@engine_option
@talks
def explain(
    file: str,
    output: str | None,
    force: bool,
    n_bytes: int,
    level: str,
    model: str | None,
    engine: str,
    console: Console,
) -> None:
    """Write FILE.html: the text of FILE (- is stdin) with each character coloured by the bits that it costs.

    The page also tells of each byte what the network expected and which inputs of the mixer spoke most for it, and
    sums the cost by kind of byte, place in the word and input. It fetches nothing and needs no other file. Costs are
    ideal code lengths of the blocks that encode makes at that level.
    """
    target = output or (STANDARD if file == STANDARD else file + SUFFIX)
    check_output(target, file, force, binary=False)
    with open_input(file) as source:
        data = read_up_to(source, n_bytes + 1)
    if not data:
        raise RefusedError(f"{shown(file)}: is empty; there is nothing to explain")
    if len(data) > n_bytes:
        console.notice(f"{shown(file)}: the first {n_bytes:,} bytes; --bytes takes another number")
    text = _page(data[:n_bytes], file, level, model or store.DEFAULT, engine, console)
    with open_output(target, force=force) as out:
        out.write(text.encode())


def _page(data: bytes, file: str, level_name: str, model_name: str, engine: str, console: Console) -> str:
    from fscompress.engine import engine_factory
    from fscompress.explain.page import Subject, page
    from fscompress.explain.trace import trace
    from fscompress.levels import level

    model, chosen = store.load(model_name), level(level_name)
    with console.bar(len(data), shown(file)) as progress:
        found = trace(data, chosen, engine_factory(model, engine)(), progress)
    name, shown_id = click.format_filename(shown(file)), model.id.hex()[: 2 * MODEL_ID_BYTES]
    return page(found, Subject(name, level_name, model.name, shown_id, chosen.mixing is not None))
