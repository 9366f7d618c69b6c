"""The default engine: one of two ways to compute the same, by the number of lanes; equals ``reference.py``."""

import threading
from contextlib import AbstractContextManager
from typing import Any

from fscompress.engine.base import Inference, Symbols, check_canary
from fscompress.engine.few_lanes import FewLanesEngine, FewLanesLayout, amx_shapes
from fscompress.engine.many_lanes import ManyLanesEngine, ManyLanesLayout
from fscompress.engine.spec import I32, IntegerModel, IntegerState
from fscompress.engine.tiles import ANY_NUMBER, CHOSEN


class PreparedModel:
    """What all engines of one model share, made when the first of a kind is asked for; threads may share it.

    Args:
        name: of the engine that must pass the model's canary, each way, before it codes a byte; None: no check.
        few_lanes: blocks of up to so many lanes go the one way, others the other; None: whichever is faster.  A
            network that is no FS-LSTM always goes the other.
    """

    def __init__(self, model: IntegerModel, name: str | None = None, few_lanes: int | None = None) -> None:
        default = ANY_NUMBER if len(amx_shapes()) else CHOSEN.few_lanes
        self.model, self._name, self._few_lanes = model, name, default if few_lanes is None else few_lanes
        self._few: FewLanesLayout | None = None
        self._many: ManyLanesLayout | None = None
        self._lock = threading.Lock()

    def engine(self, lanes: int) -> FewLanesEngine | ManyLanesEngine:
        """A new engine that suits so many lanes; raises EngineError if the canary fails."""
        with self._lock:
            if lanes <= self._few_lanes and self.model.is_fs_lstm:
                if self._few is None:
                    few = FewLanesLayout(self.model)
                    self._check(FewLanesEngine(few))
                    self._few = few
                return FewLanesEngine(self._few)
            if self._many is None:
                many = ManyLanesLayout(self.model)
                self._check(ManyLanesEngine(many))
                self._many = many
            return ManyLanesEngine(self._many)

    def _check(self, engine: Inference) -> None:
        if self._name:
            check_canary(engine, self.model, self._name)


class CpuEngine:
    """See ``Engine``; ``start`` chooses the way for the whole block."""

    def __init__(self, prepared: PreparedModel) -> None:
        self._prepared = prepared

    def start(self, lanes: int) -> None:
        """See ``Engine.start``."""
        self._engine = self._prepared.engine(lanes)
        self._engine.start(lanes)

    @property
    def tree(self) -> I32:
        """See ``Engine``."""
        return self._engine.tree

    @property
    def step_arguments(self) -> tuple[Any, ...] | None:
        """See ``Engine``."""
        return self._engine.step_arguments

    def advance(self, symbols: Symbols) -> None:
        """See ``Engine.advance``."""
        self._engine.advance(symbols)

    def second_thread(self) -> AbstractContextManager[None]:
        """See ``Engine.second_thread``."""
        return self._engine.second_thread()

    def release(self) -> None:
        """See ``Engine.release``; gives all buffers of the last block back."""
        self.__dict__.pop("_engine", None)

    def states(self) -> list[IntegerState]:
        """Copies of h, or of h and c, int32 [S, H], of each group."""
        return self._engine.states.copies()
