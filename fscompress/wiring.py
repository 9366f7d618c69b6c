"""How recurrent networks are wired: which states there are, which cell reads and writes which, and what is read out.

The float networks (``model``) and the integer ones (``engine``) are wired alike, so both take it from here.
"""

from dataclasses import dataclass

FAST, SLOW = 0, 1  # the two groups of an FS-RNN: one state shared by all fast cells, one of the slow cell


@dataclass(frozen=True)
class Place:
    """Where a cell stands: it updates the state ``group``; its input is the byte, the output of ``source``, or both."""

    group: int
    source: int | None = None
    reads_byte: bool = False


@dataclass(frozen=True)
class Wiring:
    """Cells that are updated one after the other within each time step.

    ``sizes``: units of each group of cells that share a state; ``places`` of the cells, in order of computation;
    ``read_groups``: the groups whose outputs, side by side, are read out.
    """

    sizes: tuple[int, ...]
    places: tuple[Place, ...]
    read_groups: range

    def width(self, place: Place) -> int:
        """Units of the source and of the cell's own state."""
        return self.sizes[place.group] + (0 if place.source is None else self.sizes[place.source])

    @property
    def read_width(self) -> int:
        """Units that are read out."""
        return sum(self.sizes[group] for group in self.read_groups)

    @property
    def is_fs_rnn(self) -> bool:
        """Whether it is that of ``fs_rnn``."""
        n_fast = len(self.places) - 1
        return len(self.sizes) == 2 and n_fast >= 2 and self == fs_rnn(*self.sizes, n_fast)


def fs_rnn(fast: int, slow: int, n_fast: int, n_slow: int = 1) -> Wiring:
    """F1, S, F2, ..., Fk (Mujika et al. 2017, section 3).

    With ``n_slow`` levels of slow cells, the extension that section 3 ends with, an FS-RNN of two cells stands in the
    place of S: F1, M1, S, M2, F2, ..., and so on upwards; a level reads the one below it, then the one above.
    """
    up = [Place(level, level - 1) for level in range(SLOW, n_slow + 1)]
    down = [Place(level, level + 1) for level in reversed(range(n_slow))]
    places = [Place(FAST, reads_byte=True), *up, *down] + [Place(FAST)] * (n_fast - 2)
    return Wiring((fast, *[slow] * n_slow), tuple(places), range(1))


def stacked(size: int, n_layers: int) -> Wiring:
    """Every layer reads the byte and is read out (Mujika et al. 2017, figure 2a, after Graves 2013)."""
    places = tuple(Place(i, i - 1 if i else None, reads_byte=True) for i in range(n_layers))
    return Wiring((size,) * n_layers, places, range(n_layers))


def sequential(size: int, n_cells: int) -> Wiring:
    """All cells share a state, the first reads the byte (Mujika et al. 2017, figure 2b)."""
    return Wiring((size,), (Place(0, reads_byte=True), *[Place(0)] * (n_cells - 1)), range(1))


def layers(size: int, n_layers: int) -> Wiring:
    """The first layer reads the byte, the last is read out."""
    places = tuple(Place(i, i - 1 if i else None, reads_byte=not i) for i in range(n_layers))
    return Wiring((size,) * n_layers, places, range(n_layers - 1, n_layers))
