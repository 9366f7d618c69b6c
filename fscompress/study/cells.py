"""One FS-RNN for each type of cell; of FastRNN and FastGRNN the scalars that were learnt (table 11 of that paper)."""

from fscompress.model.cells.fast import FastGRNNCell, FastRNNCell
from fscompress.study.outcome import Curve, Outcome, Picture
from fscompress.study.runs import Runs, Trained
from fscompress.study.states import as_cells, cell_names


def scalars(trained: Trained) -> dict[str, dict[str, float]]:
    """By the name of the place, the scalars of its cell; empty for cells that have none."""
    model = as_cells(trained.model)
    cells = {name: model.cell(i) for i, name in enumerate(cell_names(model))}
    return {name: cell.scalars() for name, cell in cells.items() if isinstance(cell, FastRNNCell | FastGRNNCell)}


def cells(runs: Runs) -> Outcome:
    """Weights, validation result and learnt scalars of each type of cell, all of one size."""
    models = [runs.trained(f"cell {cell}", preset) for cell, preset in runs.setting.cells.items()]
    rows, remarks = [], []
    for cell, trained in zip(runs.setting.cells, models, strict=True):
        learnt = scalars(trained)
        told = "; ".join(
            f"{place} " + " ".join(f"{name} {value:.4f}" for name, value in values.items())
            for place, values in learnt.items()
        )
        rows.append([cell, f"{trained.model.n_weights():,}", f"{trained.bpc:.4f}", told])
        remarks += [_ratio(place, values) for place, values in learnt.items() if "alpha" in values]
    bars = Curve("bpc", list(range(len(models))), [trained.bpc for trained in models])
    names = list(runs.setting.cells)
    picture = Picture("FS-RNN of one size", "cell", "validation bits per byte", [bars], names=names)
    return Outcome(("cell", "weights", "valid bpc", "learnt scalars"), rows, remarks, picture)


def _ratio(place: str, values: dict[str, float]) -> str:
    """The authors report alpha / beta near 0.07 and beta within 1 to 3 % of 1 - alpha."""
    alpha, beta = values["alpha"], values["beta"]
    return f"fast-rnn {place}: alpha / beta = {alpha / beta:.3f}, beta / (1 - alpha) = {beta / (1 - alpha):.3f}"
