"""The way to a small model of Kusupati et al. 2018: LSTM, FastRNN, FastGRNN, -LR and -LSQ on equal data and steps."""

from fscompress.study.outcome import Curve, Outcome, Picture
from fscompress.study.runs import Runs
from fscompress.study.size import stored_bytes

PAPER = "the paper, words of PTB: 52.6 times, perplexity 116.11 against 117.41"


def fastgrnn(runs: Runs) -> Outcome:
    """Weights, non-zeros, bytes and validation result; the bytes of all five are counted alike, none is exported."""
    models = [runs.trained(f"fastgrnn {name}", preset) for name, preset in runs.setting.fastgrnn.items()]
    names, sizes = list(runs.setting.fastgrnn), [stored_bytes(trained.model) for trained in models]
    rows = [
        [name, f"{m.model.n_weights():,}", f"{m.model.n_nonzeros():,}", f"{n_bytes / 1000:.1f}", f"{m.bpc:.4f}"]
        for name, m, n_bytes in zip(names, models, sizes, strict=True)
    ]
    smaller, costs = sizes[0] / sizes[-1], models[-1].bpc - models[0].bpc
    remark = f"{names[-1]}: {smaller:.1f} times smaller than {names[0]}, {costs:+.4f} bpc ({PAPER})"
    curves = [Curve(name, [n], [m.bpc]) for name, m, n in zip(names, models, sizes, strict=True)]
    picture = Picture("FastGRNN", "bytes of the model", "validation bits per byte", curves, log_x=True)
    return Outcome(("model", "weights", "non-zeros", "kB", "valid bpc"), rows, [remark], picture)
