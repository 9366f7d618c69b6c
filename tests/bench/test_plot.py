"""Pictures: real files of either kind, white behind, the front of what was measured."""

from io import BytesIO
from xml.etree import ElementTree

import pytest

from fscompress.bench.measure import Row, failed
from fscompress.bench.plot import Point, check, draw, pareto
from fscompress.bench.plot_lines import Panel, draw_lines, series
from fscompress.bench.published import ENWIK8
from fscompress.errors import RefusedError

pytest.importorskip("matplotlib")


def row(name: str, bits: float, speed: float) -> Row:
    return Row(name, "a", 1_000_000, int(bits * 125_000), encode_seconds=1000 / speed, decode_seconds=1, runs=1)


ROWS = [row("gzip -9", 2.9, 40_000), row("xz -9e", 2.4, 2000), row("fscompress normal (default)", 1.5, 30)]
ROWS.append(failed("broken", "a", 1_000_000, "no"))


def test_front() -> None:
    points = {name: Point(name, *at, "") for name, at in {"a": (9, 3), "b": (5, 2), "c": (4, 2.5), "d": (1, 1)}.items()}
    assert [point.label for point in pareto(list(points.values()))] == ["a", "b", "d"]


def test_svg() -> None:
    picture = draw(ROWS, ENWIK8, "enwik8", ".svg")
    root = ElementTree.fromstring(picture)
    assert root.tag.endswith("svg")
    assert b"fill: #ffffff" in picture
    assert picture == draw(ROWS, ENWIK8, "enwik8", ".svg")


def test_png() -> None:
    from matplotlib import image

    picture = draw(ROWS, (), "a", ".png")
    assert picture.startswith(b"\x89PNG")
    pixels = image.imread(BytesIO(picture))
    assert pixels.shape[:2] == (960, 1440)
    assert (pixels[:3, :3] == 1).all(), "white and opaque in the corner"


def test_names_keep_clear_of_each_other() -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    from fscompress.bench import plot

    figure = Figure(figsize=(9, 6))
    canvas, axes = FigureCanvasAgg(figure), figure.add_subplot()
    axes.set_xscale("log")
    points = [Point(f"compressor {i}", 100.0 * 1.02**i, 2 + 0.01 * i, "black") for i in range(5)]
    axes.scatter([1, *(point.speed for point in points), 9999], [1, *(point.bits for point in points), 3])
    canvas.draw()
    plot._labels(canvas.get_renderer(), axes, points)
    boxes = [Text.get_window_extent(text, canvas.get_renderer()) for text in axes.texts]
    assert len(boxes) == len(points)
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])


def test_curves() -> None:
    points = series([("a", 4096, 2.0), ("b", 4096, 3.0), ("a", 8192, 1.5)])
    assert points == {"a": [(4096, 2.0), (8192, 1.5)], "b": [(4096, 3.0)]}
    panels = [Panel("bytes", "bits", points), Panel("bytes", "kB/s", points)]
    picture = draw_lines(panels, "title", ".svg")
    assert picture == draw_lines(panels, "title", ".svg")
    assert ElementTree.fromstring(picture).tag.endswith("svg")
    assert b"fill: #ffffff" in picture
    assert draw_lines(panels, "title", ".png").startswith(b"\x89PNG")


def test_what_cannot_be_written() -> None:
    with pytest.raises(RefusedError, match=r"a\.gif: a plot is written as \.svg or \.png"):
        check("a.gif")
    check("a.svg")
