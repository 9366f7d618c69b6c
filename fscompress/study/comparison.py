"""Section 4.2: FS-LSTM against a stacked and a sequential LSTM of about as many weights, on equal data and steps."""

from fscompress.study.outcome import Curve, Outcome, Picture, order_remark
from fscompress.study.runs import Runs

PAPER_BPC = {"fs-lstm-4": 1.49, "stacked-lstm": 1.61, "sequential-lstm": 1.58}  # enwik8, 20 epochs
PAPER_ORDER = sorted(PAPER_BPC, key=lambda name: PAPER_BPC[name])


def comparison(runs: Runs) -> Outcome:
    """Validation results of the three, and their training curves."""
    models = runs.compared()
    rows = [
        [m.name, f"{m.model.n_weights():,}", f"{m.bytes_seen:,}", f"{m.bpc:.4f}", f"{PAPER_BPC[m.name]:.2f}"]
        for m in models
    ]
    found = {m.name: m.bpc for m in models}
    remark = order_remark(f"bpc {' < '.join(PAPER_ORDER)}", [found[name] for name in PAPER_ORDER])
    curves = [Curve(m.name, *m.curve()) for m in models]
    picture = Picture("Section 4.2", "megabytes of text seen", "bits per byte in training", curves)
    return Outcome(("model", "weights", "bytes seen", "valid bpc", "bpc in the paper"), rows, [remark], picture)
