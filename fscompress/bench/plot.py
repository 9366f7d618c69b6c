"""A picture of a run: bits per byte against the speed of encoding, the best of each speed joined by a line.

Below and to the right is better.  The background is white whatever surrounds the picture.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from fscompress.bench.measure import Row
from fscompress.bench.published import Published
from fscompress.errors import RefusedError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase
    from matplotlib.text import Annotation

SUFFIXES = (".svg", ".png")
OURS, OTHERS, PUBLISHED = "#c2410c", "#1d4ed8", "#6b7280"  # dark enough to be read on white
INK = "#111827"
DOTS_PER_INCH = 160
# Where a label goes from its mark: the nearest of these distances in points, and there the first direction, at which
# nothing is in the way; with the alignment of the text.  From FAR on a line leads to it.
DISTANCES = (8, 16, 28, 42, 60, 80)
FAR = 28
DIRECTIONS = (
    (1.0, 0.0, "left", "center"), (-1.0, 0.0, "right", "center"), (0.0, 1.0, "center", "bottom"),
    (0.0, -1.0, "center", "top"), (0.8, 0.8, "left", "bottom"), (0.8, -0.8, "left", "top"),
    (-0.8, 0.8, "right", "bottom"), (-0.8, -0.8, "right", "top"),
)  # fmt: skip


@dataclass(frozen=True)
class Point:
    """A mark: kB a second, bits per byte, and whose it is."""

    label: str
    speed: float
    bits: float
    colour: str


def check(path: str) -> None:
    """Raises RefusedError if a picture cannot be written to ``path``: its suffix, or matplotlib is not installed."""
    if not path.endswith(SUFFIXES):
        raise RefusedError(f"{path}: a plot is written as {' or '.join(SUFFIXES)}; give one of these suffixes")
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise RefusedError(f"{path}: a plot needs matplotlib; pip install 'fscompress[plot]'") from error


def draw(rows: Sequence[Row], records: Sequence[Published], title: str, suffix: str) -> bytes:
    """The picture as the bytes of an .svg or .png file.

    Args:
        rows: one for each compressor, of the same text; those that failed are left out.
        records: published on that text; those without a speed are left out.
        title: says which text.
        suffix: one of ``SUFFIXES``.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    points = [Point(row.compressor, row.encode_speed, row.bits_per_byte, _colour(row)) for row in rows if row.verified]
    others = [Point(r.name, r.speed, r.bits_per_byte, PUBLISHED) for r in records if r.speed is not None]
    with mpl.rc_context({"svg.hashsalt": title, "font.size": 9, "text.color": INK, "axes.edgecolor": INK}):
        figure = Figure(figsize=(9, 6), dpi=DOTS_PER_INCH, facecolor="white", layout="constrained")
        axes = figure.add_subplot(facecolor="white")
        _marks(axes, points, others)
        _titles(axes, title)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # places are known now, so that labels can keep clear of them
        _labels(canvas.get_renderer(), axes, [*points, *others])
        target = io.BytesIO()
        figure.savefig(target, format=suffix.removeprefix("."), metadata=undated(suffix))
    return target.getvalue()


def pareto(points: Sequence[Point]) -> list[Point]:
    """The points that no other one beats both in speed and in bits, from the fastest to the smallest."""
    best: list[Point] = []
    for point in sorted(points, key=lambda point: (-point.speed, point.bits)):
        if not best or point.bits < best[-1].bits:
            best.append(point)
    return best


def _colour(row: Row) -> str:
    return OURS if row.compressor.startswith("fscompress") else OTHERS


def undated(suffix: str) -> dict[str, Any]:
    """The same figures give the same bytes."""
    return {"Date": None} if suffix == ".svg" else {}


def literal(text: str) -> str:
    """A text that may hold a name of a file: what stands between two $ would be taken for a formula."""
    return text.replace("$", r"\$")


def _marks(axes: "Axes", points: Sequence[Point], others: Sequence[Point]) -> None:
    axes.set_xscale("log")
    front = pareto(points)
    line = [p.speed for p in front], [p.bits for p in front]
    axes.plot(*line, color="#9ca3af", linewidth=1.5, label="Pareto front of what was measured here", zorder=1)
    for colour, name in ((OURS, "fscompress"), (OTHERS, "others, measured here")):
        chosen = [point for point in points if point.colour == colour]
        if chosen:
            axes.scatter([p.speed for p in chosen], [p.bits for p in chosen], s=36, color=colour, label=name, zorder=3)
    if others:
        speeds, bits = [p.speed for p in others], [p.bits for p in others]
        name = "published, on other machines"
        axes.scatter(speeds, bits, s=36, facecolors="white", edgecolors=PUBLISHED, label=name, zorder=2)
    axes.margins(0.14, 0.1)


def _titles(axes: "Axes", title: str) -> None:
    axes.set_title(literal(title), color=INK, loc="left")
    axes.set_xlabel("encoding, kB/s (log scale); further right is faster", color=INK)
    axes.set_ylabel("bits per byte, model not counted; lower is smaller", color=INK)
    axes.tick_params(colors=INK)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    axes.grid(color="#e5e7eb", linewidth=0.6, zorder=0)
    axes.legend(loc="best", frameon=True, facecolor="white", edgecolor="#d1d5db", labelcolor=INK)


def _labels(renderer: "RendererBase", axes: "Axes", points: Sequence[Point]) -> None:
    """Writes each name where it covers no mark and no other name; where there is no such place, at the last one."""
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

    marks = [axes.transData.transform((point.speed, point.bits)) for point in points]
    taken = [Bbox.from_bounds(x - 8, y - 8, 16, 16) for x, y in marks]
    legend = axes.get_legend()
    if legend is not None:
        taken.append(legend.get_window_extent(renderer))
    inside = axes.get_window_extent(renderer)
    places = list(product(DISTANCES, DIRECTIONS))
    for point in points:
        for place in places:
            text = _label(axes, point, *place)
            text.update_positions(renderer)
            box = Text.get_window_extent(text, renderer)  # an annotation's own counts the line to the mark too
            within = inside.x0 <= box.x0 and box.x1 <= inside.x1 and inside.y0 <= box.y0 and box.y1 <= inside.y1
            if (within and not any(box.overlaps(other) for other in taken)) or place is places[-1]:
                taken.append(box)
                break
            text.remove()


def _label(axes: "Axes", point: Point, distance: int, direction: tuple[float, float, str, str]) -> "Annotation":
    from matplotlib.patheffects import withStroke

    x, y, horizontal, vertical = direction
    style: dict[str, Any] = {"color": point.colour, "ha": horizontal, "va": vertical, "fontsize": 8}
    if distance >= FAR:
        style["arrowprops"] = {"arrowstyle": "-", "color": point.colour, "linewidth": 0.5}
    at, offset = (point.speed, point.bits), (distance * x, distance * y)
    text = axes.annotate(literal(point.label), at, offset, textcoords="offset points", **style)
    text.set_path_effects([withStroke(linewidth=3, foreground="white")])  # keeps lines out of the letters
    return text
