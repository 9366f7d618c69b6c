"""Plain ``torch.nn.LSTM`` layers: what one would use who has no cells of one's own; PyTorch's kernels do its steps."""

import torch
from torch import Tensor, nn

from fscompress.model.base import ByteModel, Masks, MaskShapes, States
from fscompress.model.cells.base import FORGET_BIAS
from fscompress.model.config import ModelConfig


class TorchLSTM(ByteModel):
    """Layers one above the other, the last of them read out; dropout on the embedding, between layers, and on top.

    Each layer is a ``torch.nn.LSTM`` of its own, so that dropout comes from ``Masks`` and a resumed run draws the same.
    Weights are orthogonal and the forget bias is 1, as in the cells of this program; torch's second bias stays.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        f = config.fast_size
        self.embedding = self.make_embedding()
        self.layers = nn.ModuleList(nn.LSTM(f if i else config.embedding_size, f) for i in range(config.n_fast))
        self.output = self.make_output(f)
        for name, parameter in self.layers.named_parameters():
            for index, gate in enumerate(parameter.data.split(f)):  # torch's order: i, f, g, o
                if gate.dim() == 2:
                    nn.init.orthogonal_(gate)
                else:
                    gate.fill_(FORGET_BIAS if index == 1 and "bias_ih" in name else 0.0)

    def initial_state(self, batch: int) -> States:
        """See ``ByteModel.initial_state``; every layer is a group."""
        size = self.config.fast_size
        return tuple(
            (torch.zeros(batch, size, device=self.device), torch.zeros(batch, size, device=self.device))
            for _ in self.layers
        )

    def mask_shapes(self) -> MaskShapes:
        """See ``ByteModel.mask_shapes``; there is no zoneout."""
        return MaskShapes(dict.fromkeys(range(1, len(self.layers)), self.config.fast_size), self.config.fast_size, [])

    def forward(self, tokens: Tensor, states: States, masks: Masks | None = None) -> tuple[Tensor, States]:
        """See ``ByteModel.forward``."""
        masks = masks or self.draw_masks(tokens.shape[0], tokens.shape[1], None)
        x, final = self.embed(tokens, masks), []
        for i, (layer, (h, c)) in enumerate(zip(self.layers, states, strict=True)):
            x, (h, c) = layer(x * masks.inputs[i] if i in masks.inputs else x, (h[None], c[None]))
            final.append((h[0], c[0]))
        return self.read_out(x, masks), tuple(final)
