"""Draws the ``Picture`` of a study as SVG, on white; equal figures give equal bytes."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fscompress.bench.plot import INK
from fscompress.study.outcome import Curve, Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES = [
    (colour, dash)
    for dash in ("-", "--")
    for colour in ("#c2410c", "#1d4ed8", "#15803d", "#7e22ce", "#b91c1c", "#0f766e", "#6b7280")
]


def draw(picture: Picture) -> bytes:
    """The bytes of an .svg file."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": picture.title, "font.size": 9, "text.color": INK}):
        figure = Figure(figsize=(8, 5), facecolor="white", layout="constrained")
        axes = figure.add_subplot(facecolor="white")
        if picture.names:
            _bars(axes, picture)
        else:
            _lines(axes, picture.curves)
        axes.set_title(picture.title, loc="left")
        axes.set_xlabel(picture.x_label)
        axes.set_ylabel(picture.y_label)
        if picture.log_x:
            axes.set_xscale("log")
        if picture.log_y:
            axes.set_yscale("log")
        axes.grid(color="#e5e7eb", linewidth=0.6)
        axes.set_axisbelow(True)
        target = io.BytesIO()
        figure.savefig(target, format="svg", metadata={"Date": None})
    return target.getvalue()


def _lines(axes: "Axes", curves: Sequence[Curve]) -> None:
    for curve, (colour, dash) in zip(curves, STYLES, strict=False):
        axes.plot(curve.x, curve.y, dash, color=colour, label=curve.label, marker="." if len(curve.x) < 12 else "")
    axes.legend(frameon=True, facecolor="white", edgecolor="#d1d5db")


def _bars(axes: "Axes", picture: Picture) -> None:
    (curve,) = picture.curves
    axes.bar(curve.x, curve.y, color=STYLES[0][0])
    axes.set_xticks(list(curve.x), list(picture.names), rotation=45, ha="right")
