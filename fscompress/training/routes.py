"""Where the outputs of cells go, for kernels that write them there at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from fscompress.wiring import Place


@dataclass(frozen=True)
class Route:
    """Where the output of a cell goes: rows of the product of cell ``own``, which updates the same state next.

    ``later`` is 1 where that is in the next step.  ``reader``: the cell whose input it is; ``out``: its first column of
    what is read out; None for nowhere.
    """

    own: int
    later: int
    reader: int | None
    out: int | None


def routes(places: Sequence[Place], sizes: Sequence[int], read_groups: Sequence[int]) -> list[Route] | None:
    """Of each cell; None where an output is read by several cells, or by one that comes before."""
    found = []
    for i, place in enumerate(places):
        following = [j for j in range(i + 1, len(places)) if places[j].group == place.group]
        until = following[0] if following else len(places)
        readers = [j for j in range(i + 1, until) if places[j].source == place.group]
        if len(readers) > 1:
            return None
        read = not following and place.group in read_groups
        own = following[0] if following else [p.group for p in places].index(place.group)
        column = sum(sizes[group] for group in read_groups if group < place.group) if read else None
        found.append(Route(own, int(not following), readers[0] if readers else None, column))
    n_sources = sum(place.source is not None for place in places)
    return found if n_sources == sum(route.reader is not None for route in found) else None
