"""Options that change the shape of a preset's network."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from fscompress.cli.options import Finite
from fscompress.model.config import ARCHITECTURES, CELL_NAMES, FS_RNN, GATE_NAMES

Command = Callable[..., Any]
SIZE = click.IntRange(min=1)


def shape_options(command: Command) -> Command:
    """Adds the options, handed to the command as ``shape``: the fields of ``ModelConfig`` that they change."""

    @click.option(
        "--architecture", type=click.Choice(ARCHITECTURES), help="How cells are connected.  [default: the preset's]"
    )
    @click.option("--cell", type=click.Choice(CELL_NAMES), help="Cell of all places.  [default: the preset's]")
    @click.option("--fast", "fast_size", type=SIZE, help="Units of a fast cell or layer, instead of the preset's.")
    @click.option("--slow", "slow_size", type=SIZE, help="Units of the slow cell, instead of the preset's.")
    @click.option("--slow-levels", "n_slow", type=SIZE, help="Slow cells above each other.  [default: 1]")
    @click.option("--k", "n_fast", type=SIZE, help="Fast cells, or layers, instead of the preset's.")
    @click.option("--embedding", "embedding_size", type=SIZE, help="Of a byte, instead of the preset's.")
    @click.option("--rank", "matrix_rank", type=SIZE, help="Each cell's matrix is a product of factors of this rank.")
    @click.option("--dropout", type=Finite(0, 1, max_open=True), help="Instead of the preset's.")
    @click.option("--gates", type=click.Choice(GATE_NAMES), help="piecewise: linear between clips.  [default: smooth]")
    @wraps(command)
    def with_shape(
        architecture: str | None, cell: str | None, fast_size: int | None, slow_size: int | None, n_slow: int | None,
        n_fast: int | None, embedding_size: int | None, matrix_rank: int | None, dropout: float | None,
        gates: str | None, **kwargs: Any,
    ) -> Any:  # fmt: skip
        if architecture not in (None, FS_RNN) and slow_size is None:
            slow_size = 0  # the preset's slow cell is not in such a network
        values = {
            "architecture": architecture, "cell": cell, "fast_size": fast_size, "slow_size": slow_size,
            "n_slow": n_slow, "n_fast": n_fast, "embedding_size": embedding_size, "rank": matrix_rank,
            "dropout": dropout, "gates": gates,
        }  # fmt: skip
        return command(shape={name: value for name, value in values.items() if value is not None}, **kwargs)

    return with_shape
