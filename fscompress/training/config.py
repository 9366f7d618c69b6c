"""Training settings and the named presets: the paper's five columns, three sizes for mixed text.  No heavy imports."""

from dataclasses import dataclass

from fscompress.errors import RefusedError
from fscompress.model.config import FS_RNN, SEQUENTIAL, STACKED, TORCH_CELL, TORCH_LSTM, ModelConfig

SCHEDULES = ("cosine", "final-tenth", "plateau")
MIN_AVERAGE = 32  # steps: two samples, see averaging.py
ADAM, MUON = OPTIMISERS = ("adam", "muon")


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained; ``rate`` is the initial learning rate, lengths are in bytes of text.

    Schedules: ``cosine`` from rate to zero over the run, after a short warm-up; ``final-tenth`` divides by 10 for the
    last tenth (PTB in the paper: 20 of 200 epochs); ``plateau`` divides by 10 when validation has not improved for
    two epochs (enwik8 in the paper).

    ``sparsity`` is the share of zeros in each trained matrix of the cells, in [0, 1); see ``sparsity.py``.
    ``optimiser`` is one of OPTIMISERS; see ``optimisers.py``.
    ``rounded`` trains the network with the weights that rounding leaves of its own; see ``rounding.py``.
    ``average`` is the number of steps that the validated mean of the weights reaches back, 0 for none; see
    ``averaging.py``.
    """

    batch: int = 32
    window: int = 64  # steps of truncated back-propagation
    rate: float = 0.006
    schedule: str = "cosine"
    epochs: float = 1.0
    clip: float = 1.0  # gradient norm
    seed: int = 0
    sparsity: float = 0.0
    optimiser: str = ADAM
    average: int = 0
    rounded: bool = False

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise RefusedError(f"training: unknown schedule '{self.schedule}' (known: {', '.join(SCHEDULES)})")
        if self.batch < 1 or self.window < 1 or self.rate <= 0 or self.epochs <= 0 or self.clip <= 0:
            raise RefusedError("training: batch, window, rate, epochs and clip must be positive")
        if not 0.0 <= self.sparsity < 1.0:
            raise RefusedError(f"training: sparsity must be in [0, 1) (got {self.sparsity})")
        if self.optimiser not in OPTIMISERS:
            raise RefusedError(f"training: unknown optimiser '{self.optimiser}' (known: {', '.join(OPTIMISERS)})")
        if self.average and self.average < MIN_AVERAGE:
            raise RefusedError(f"training: average must be 0 or at least {MIN_AVERAGE} steps (got {self.average})")
        if self.sparsity and self.average:
            raise RefusedError("training: a mean of weights whose zeros change would not be sparse; leave out average")
        if self.sparsity and self.optimiser != ADAM:
            raise RefusedError(f"training: sparsity goes with {ADAM}; {self.optimiser} moves what is zero as well")

    @property
    def bytes_per_step(self) -> int:
        """Bytes predicted by one optimiser step."""
        return self.batch * self.window


@dataclass(frozen=True)
class Preset:
    """A model shape and how to train it."""

    model: ModelConfig
    training: TrainConfig

    def __post_init__(self) -> None:
        if self.training.sparsity and self.model.architecture == TORCH_LSTM:
            raise RefusedError(f"training: a {TORCH_LSTM} cannot be made sparse")


def _paper(fast: int, slow: int, k: int, corpus: str, window: int = 150) -> Preset:
    """A column of the paper's table 3."""
    if corpus == "ptb":
        model = ModelConfig(fast, slow, k, 128, dropout=0.35, zoneout_cell=0.5, zoneout_hidden=0.1)
        return Preset(model, TrainConfig(128, window, 0.002, "final-tenth", epochs=200))
    large = fast == 1200
    model = ModelConfig(fast, slow, k, 256, dropout=0.25 if large else 0.2, zoneout_cell=0.3, zoneout_hidden=0.05)
    return Preset(model, TrainConfig(128, window, 0.001, "plateau", epochs=50 if large else 35))


def _compared(training: TrainConfig, embedding: int, fs: int, stacked: int, sequential: int) -> dict[str, Preset]:
    """Section 4.2: one slow and four fast cells, five stacked, five sequential ones, each of so many units."""
    return {
        "fs-lstm-4": Preset(ModelConfig(fs, fs, 4, embedding, architecture=FS_RNN), training),
        "stacked-lstm": Preset(ModelConfig(stacked, 0, 5, embedding, architecture=STACKED), training),
        "sequential-lstm": Preset(ModelConfig(sequential, 0, 5, embedding, architecture=SEQUENTIAL), training),
    }


# Section 4.2's sizes, trained as the enwik8 models of table 3 but without regularisation; the paper does not say E.
_ENWIK8_COMPARED = _compared(
    TrainConfig(128, 150, 0.001, "plateau", epochs=20), 128, fs=450, stacked=375, sequential=500
)
# The same in small: equal numbers of weights to 3 %, minutes on a processor.
_SMALL_COMPARED = _compared(TrainConfig(128, 32, 0.006), 32, fs=64, stacked=41, sequential=74)

PRESETS: dict[str, Preset] = {
    "small": Preset(ModelConfig(fast_size=256, slow_size=256, n_fast=2, embedding_size=64), TrainConfig()),
    # Sizes in multiples of 64 fill whole tiles; the rate falls with width; a mix read once or twice needs no dropout.
    "base": Preset(ModelConfig(448, 768, 2, 128), TrainConfig(batch=64, window=100, rate=0.003)),
    "large": Preset(ModelConfig(730, 1500, 4, 256), TrainConfig(batch=128, window=100, rate=0.002)),
    "ptb-fs-lstm-2": _paper(700, 400, 2, "ptb"),
    "ptb-fs-lstm-4": _paper(500, 400, 4, "ptb"),
    "enwik8-fs-lstm-2": _paper(900, 1500, 2, "enwik8"),
    "enwik8-fs-lstm-4": _paper(730, 1500, 4, "enwik8"),
    "enwik8-large-fs-lstm-4": _paper(1200, 1500, 4, "enwik8", window=100),
    **{f"enwik8-compared-{name}": chosen for name, chosen in _ENWIK8_COMPARED.items()},
    **{f"small-compared-{name}": chosen for name, chosen in _SMALL_COMPARED.items()},
    # One layer of torch.nn.LSTM with about as many weights as small.
    "torch-lstm": Preset(ModelConfig(560, 0, 1, 64, cell=TORCH_CELL, architecture=TORCH_LSTM), TrainConfig()),
}


def preset(name: str) -> Preset:
    """The preset of that exact name; raises RefusedError that lists the valid names."""
    try:
        return PRESETS[name]
    except KeyError:
        raise RefusedError(f"unknown preset '{name}' (known: {', '.join(PRESETS)})") from None
