"""The running cost of a text as inline SVG, coloured by the classes of ``style.css``."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from fscompress.code_lengths import F64
from fscompress.explain.summary import Groups, running_cost
from fscompress.explain.trace import Trace

WIDTH, HEIGHT, LEFT, BOTTOM, TOP_MARGIN = 900, 240, 44, 30, 10
N_POINTS = 150
N_TICKS = 5


def chart(trace: Trace, mixed: bool) -> str:
    """Bits per byte against bytes: of each stretch, of all so far and, where ``mixed``, of the network alone so far."""
    ends, so_far, here = running_cost(trace.bits, N_POINTS)
    curves = [("here", here), ("mean", so_far)]
    if mixed:
        curves.insert(1, ("alone", running_cost(trace.network_bits, N_POINTS)[1]))
    # What begins a file costs more than all the rest and would press it flat: the axis ends where most points lie.
    top = max(1.0, float(np.quantile(np.concatenate([curve for _, curve in curves]), 0.98)) * 1.1)
    lines = "".join(f'<polyline class="{name}" points="{_points(ends, curve, top)}"/>' for name, curve in curves)
    axes = "".join([*_levels(top), *_places(len(trace.data))])
    label = "bits per byte along the text"
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{axes}{lines}</svg>'


def _points(ends: Groups, curve: F64, top: float) -> str:
    x = LEFT + (WIDTH - LEFT) * ends / ends[-1]
    y = _height(np.minimum(curve, top), top)
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))


def _height(bits: F64, top: float) -> F64:
    y: F64 = HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP_MARGIN) * bits / top
    return y


def _levels(top: float) -> Iterator[str]:
    for bits in _round_steps(top):
        y = float(_height(np.array(bits), top))
        yield f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH}"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{bits:g}</text>'


def _places(n_bytes: int) -> Iterator[str]:
    for place in filter(float.is_integer, map(float, _round_steps(n_bytes))):
        x = LEFT + (WIDTH - LEFT) * place / n_bytes
        anchor = "start" if place == 0 else "end" if x > WIDTH - 40 else "middle"
        yield f'<text x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{place:,.0f}</text>'


def _round_steps(top: float) -> Sequence[float]:
    """0 and about ``N_TICKS`` round numbers up to ``top``."""
    size = 10 ** math.floor(math.log10(top / N_TICKS))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor * N_TICKS >= top)
    return [step * i for i in range(int(top / step) + 1)]
