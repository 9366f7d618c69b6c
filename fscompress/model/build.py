"""From a shape to a network: the one place that knows all architectures."""

from fscompress.model.base import ByteModel
from fscompress.model.config import FS_RNN, SEQUENTIAL, STACKED, TORCH_LSTM, ModelConfig
from fscompress.model.fs_rnn import FSRNN
from fscompress.model.layered import SequentialRNN, StackedRNN
from fscompress.model.torch_lstm import TorchLSTM

CLASSES: dict[str, type[FSRNN | StackedRNN | SequentialRNN | TorchLSTM]] = {
    FS_RNN: FSRNN,
    STACKED: StackedRNN,
    SEQUENTIAL: SequentialRNN,
    TORCH_LSTM: TorchLSTM,
}


def build_model(config: ModelConfig) -> ByteModel:
    """The network of that shape with fresh random weights; raises RefusedError for an unknown cell."""
    return CLASSES[config.architecture](config)
