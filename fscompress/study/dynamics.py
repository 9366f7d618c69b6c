"""Figure 4: how fast the cell states change from one step to the next."""

from fscompress.study.outcome import Curve, Outcome, Picture, order_remark
from fscompress.study.runs import Runs
from fscompress.study.states import as_cells, cell_names, change_rates

STEPS = 500


def dynamics(runs: Runs) -> Outcome:
    """Mean squared change of the cell state, cell by cell."""
    rates: dict[str, float] = {}
    for trained in runs.compared():
        model = as_cells(trained.model)
        rates |= dict(zip(cell_names(model), change_rates(model, runs.text(), STEPS), strict=True))
    others = [rate for name, rate in rates.items() if name != "Slow"]
    remarks = [
        order_remark("the Slow cell changes least of all", [rates["Slow"], min(others)]),
        order_remark(
            "Slow, then Fast-1, then Sequential-1", [rates[name] for name in ("Slow", "Fast-1", "Sequential-1")]
        ),
    ]
    bars = Curve("change", list(range(len(rates))), list(rates.values()))
    picture = Picture("Figure 4", "cell", "mean squared change of c per step", [bars], log_y=True, names=list(rates))
    return Outcome(("cell", "change"), [[name, f"{rate:.4e}"] for name, rate in rates.items()], remarks, picture)
