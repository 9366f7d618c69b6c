"""A mixer driven one decision at a time, by the kernels that the coders call."""

import numpy as np
import numpy.typing as npt

from fscompress.mixer import Mixer
from fscompress.mixer import layout as at
from fscompress.mixer.kernels import learn, predict


class ByDecisions:
    """``Mixer`` with the ``advance`` of ``ReferenceMixer``."""

    def __init__(self, mixer: Mixer) -> None:
        self.settings, self._state = mixer.settings, mixer.state
        self._p1 = np.zeros(mixer.settings.lanes, np.uint16)

    def advance(self, bits: npt.NDArray[np.uint8] | None, networks: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
        """p1 uint16 [A] after the bits of the decision before; ``networks`` uint16 [n_networks, A or more]."""
        if bits is not None:
            learn(*self._state, bits)
        predict(*self._state[:6], networks, self._p1)
        return self._p1[: self._state[0][at.ACTIVE]]
