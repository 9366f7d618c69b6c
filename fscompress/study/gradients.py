"""Figure 3: the long-term effect of the cell states on the loss."""

from fscompress.study.outcome import Curve, Outcome, Picture, order_remark
from fscompress.study.runs import Runs
from fscompress.study.states import as_cells, cell_names, first_cells, gradient_norms

SPAN, TARGETS = 32, 16


def gradients(runs: Runs) -> Outcome:
    """Norms of the gradient over k steps back, for the first cell of every state."""
    curves: list[Curve] = []
    for trained in runs.compared():
        model = as_cells(trained.model)
        norms, names = gradient_norms(model, runs.text(), SPAN, TARGETS), cell_names(model)
        curves += [Curve(names[i], list(range(SPAN)), norms[:, i].tolist()) for i in first_cells(model)]
    rows = [[str(k), *(f"{curve.y[k]:.3e}" for curve in curves)] for k in range(SPAN)]
    last = {curve.label: curve.y[-1] for curve in curves}
    slow = last.pop("Slow")
    remarks = [
        order_remark(f"at k = {SPAN - 1} the Slow cell's gradient is the largest", [max(last.values()), slow]),
        order_remark("there Fast-1 is below Slow", [last["Fast-1"], slow]),
        order_remark("there Sequential-1 is below all Stacked", [last["Sequential-1"], _least_stacked(last)]),
    ]
    picture = Picture("Figure 3", "k, steps back", "norm of the gradient of the loss", curves, log_y=True)
    return Outcome(("k", *(curve.label for curve in curves)), rows, remarks, picture)


def _least_stacked(last: dict[str, float]) -> float:
    return min(value for name, value in last.items() if name.startswith("Stacked"))
