"""``--scheduler``: whether blocks are coded here or by the workers of a cluster."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from fscompress.errors import RefusedError

if TYPE_CHECKING:
    from fscompress.cluster import ClusterExecutor
    from fscompress.engine import IntegerModel

scheduler_option = click.option(
    "--scheduler", metavar="ADDRESS",
    help="Code on the workers of this dask scheduler (tcp://HOST:PORT); the bytes do not depend on it.",
)  # fmt: skip


@contextmanager
def cluster(address: str | None, read_model: "Callable[[IntegerModel], bytes]") -> "Iterator[ClusterExecutor | None]":
    """The executor at that address, None without one.

    Raises RefusedError if its scheduler cannot be reached or its library is not installed.
    """
    if address is None:
        yield None
        return
    try:
        from fscompress.cluster import ClusterExecutor
    except ModuleNotFoundError as error:
        advice = "pip install 'fscompress[cluster]', or '.[cluster]' in a clone"
        raise RefusedError(f"--scheduler: needs the library '{error.name}'; {advice}") from error
    with ClusterExecutor(address, read_model) as executor:
        yield executor
