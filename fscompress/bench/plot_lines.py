"""Pictures of what changes with a size: panels side by side, a line for each series, the x axis in powers of two."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fscompress.bench.plot import DOTS_PER_INCH, INK, literal, undated

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Told apart by the colour-blind and dark enough on white; marks repeat what colours say.
COLOURS = ("#c2410c", "#1d4ed8", "#047857", "#7e22ce", "#374151", "#be185d")
MARKS = "os^Dvx"
PANEL_INCHES = (5.5, 4.5)

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Panel:
    """One pair of axes; a series of each name has the same colour in all panels; ``zero``: y begins at 0."""

    x_title: str
    y_title: str
    series: Mapping[str, Points]
    zero: bool = True


def series(points: Iterable[tuple[str, float, float]]) -> dict[str, Points]:
    """From (name, x, y) to the points of each name, in their order."""
    found: dict[str, list[tuple[float, float]]] = {}
    for name, x, y in points:
        found.setdefault(name, []).append((x, y))
    return {**found}


def draw_lines(panels: Sequence[Panel], title: str, suffix: str) -> bytes:
    """The picture as the bytes of an .svg or .png file, the same for the same figures.

    Args:
        suffix: one of ``plot.SUFFIXES``.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(name for panel in panels for name in panel.series))
    with mpl.rc_context({"svg.hashsalt": title, "font.size": 9, "text.color": INK, "axes.edgecolor": INK}):
        width, height = PANEL_INCHES
        figure = Figure((width * len(panels), height), dpi=DOTS_PER_INCH, facecolor="white", layout="constrained")
        figure.suptitle(title, color=INK, x=0.01, ha="left")
        for i, panel in enumerate(panels, start=1):
            _fill(figure.add_subplot(1, len(panels), i, facecolor="white"), panel, names)
        target = io.BytesIO()
        figure.savefig(target, format=suffix.removeprefix("."), metadata=undated(suffix))
    return target.getvalue()


def _fill(axes: "Axes", panel: Panel, names: Sequence[str]) -> None:
    axes.set_xscale("log", base=2)
    for name, points in panel.series.items():
        i = names.index(name)
        style: dict[str, Any] = {"color": COLOURS[i % len(COLOURS)], "marker": MARKS[i % len(MARKS)], "markersize": 4}
        axes.plot([x for x, _ in points], [y for _, y in points], label=literal(name), linewidth=1.5, **style)
    axes.set_xlabel(panel.x_title, color=INK)
    axes.set_ylabel(panel.y_title, color=INK)
    if panel.zero:
        axes.set_ylim(bottom=0)
    axes.tick_params(colors=INK)
    axes.xaxis.set_major_formatter(lambda value, _: _short(value))
    axes.grid(color="#e5e7eb", linewidth=0.6, zorder=0)
    axes.legend(loc="best", frameon=True, facecolor="white", edgecolor="#d1d5db", labelcolor=INK)


def _short(value: float) -> str:
    """1, 512, 4 Ki, 1 Mi."""
    for unit, name in ((1 << 20, " Mi"), (1 << 10, " Ki")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"
