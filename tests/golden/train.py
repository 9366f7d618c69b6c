"""Trains the tiny float model behind ``tiny.safetensors``: a minute on one core, on the language topics of pydoc.

    python -m tests.golden.make --train

Another machine or another torch gives another model; every golden file then changes with it.
"""

from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from fscompress.model.base import ByteModel
from fscompress.model.build import build_model
from fscompress.model.config import ModelConfig
from fscompress.model.fs_rnn import FSRNN

MASTER = Path(__file__).parent / "tiny.float16.safetensors"
CONFIG = ModelConfig(16, 24, n_fast=3, embedding_size=8, zoneout_cell=0.1, zoneout_hidden=0.05)
STEPS, LANES, UPDATES = 40, 48, 900


def text() -> bytes:
    """What the model learns: about 700 kB of reference manual."""
    return "\n".join(topics[name] for name in sorted(topics)).encode()


def train(config: ModelConfig = CONFIG, updates: int = UPDATES, rate: float = 0.012) -> ByteModel:
    """A model after so many windows of truncated back-propagation; ``rate`` is the highest learning rate."""
    torch.manual_seed(1)
    torch.set_num_threads(1)
    data = np.frombuffer(text(), np.uint8)
    data = data[: len(data) // LANES * LANES].reshape(LANES, -1).T.astype(np.int64)
    model = build_model(config)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.006)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, updates)
    generator = torch.Generator().manual_seed(2)
    states, at = model.initial_state(LANES), 0
    for update in range(updates):
        if at + STEPS >= len(data):
            states, at = model.initial_state(LANES), 0
        window = torch.from_numpy(data[at : at + STEPS + 1].copy())
        at += STEPS
        logits, states = model(window[:-1], states, model.draw_masks(STEPS, LANES, generator))
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), window[1:].flatten())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        states = tuple(tuple(member.detach() for member in state) for state in states)  # type: ignore[assignment]
        if update % 100 == 99:
            print(f"{update + 1} windows: {loss.item() / np.log(2):.3f} bits a byte", flush=True)  # noqa: T201
    return model.eval()


def train_master() -> None:
    """Writes the float16 weights."""
    save_file({name: tensor.half().contiguous() for name, tensor in train().state_dict().items()}, MASTER)


def load_master() -> FSRNN:
    """The float model, in evaluation mode."""
    model = FSRNN(CONFIG)
    model.load_state_dict({name: tensor.float() for name, tensor in load_file(MASTER).items()})
    return model.eval()
