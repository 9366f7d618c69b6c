"""The golden files of model scheme 2, in v1/recurrent/; called by ``make.py``.

For each kind of cell a model in one of the architectures, briefly trained, and for each compact form of cells; a text
that each has coded; and model files that every reader must refuse.  The models are kept in one compressed archive,
since their tables are the same; one that it holds is not made again.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from fscompress.engine import IntegerModel
from fscompress.engine.base import canary_hash
from fscompress.engine.kinds import FAST_GRNN, KINDS
from fscompress.engine.model_file import parse_model, write_model
from fscompress.engine.model_form import RECURRENT, Form, wiring_tensors
from fscompress.engine.reference import ReferenceEngine
from fscompress.model.config import FS_RNN, PIECEWISE, SEQUENTIAL, STACKED, TORCH_LSTM, ModelConfig
from fscompress.wiring import sequential
from tests.golden.make_compact import LARGE, SIZE, rejected_compact
from tests.golden.make_models import smallest, write_rejected
from tests.helpers import GOLDEN, encode

FOLDER = GOLDEN / "v1" / "recurrent"
MODELS = FOLDER / "models.tar.xz"
ARCHITECTURES = {
    "lstm": STACKED,
    "lstm-plain": TORCH_LSTM,
    "gru": FS_RNN,
    "rnn": SEQUENTIAL,
    "fast-rnn": STACKED,
    "fast-grnn": FS_RNN,
}
CONFIGS = {
    kind: ModelConfig(12, 10 if architecture == FS_RNN else 0, 2, 6, cell=kind, architecture=architecture)
    for kind, architecture in ARCHITECTURES.items()
} | {
    "sparse": ModelConfig(24, 0, 1, 8, cell="gru", architecture=SEQUENTIAL),
    "low-rank": ModelConfig(24, 20, 2, 6, rank=3),  # the network of scheme 1, which has no compact cells
    "sparse-factors": ModelConfig(64, 0, 1, 8, cell=FAST_GRNN, architecture=SEQUENTIAL, rank=16, gates=PIECEWISE),
}
SPARSITY = {"sparse": 0.7, "sparse-factors": 0.5}
UPDATES, RATE = 150, 0.006
LEVELS = ("fast", "fast", "fast", "fast", "fast", "normal", "fast", "fast", "normal")
UNITS = 8  # with which a logit can reach 2^30
TOP = (1 << 31) - 1


def golden_data(name: str) -> bytes:
    """The file of the model of that kind of cell, or with compact cells of that form."""
    with tarfile.open(MODELS) as archive:
        file = archive.extractfile(f"{name}.safetensors")
        assert file
        return file.read()


def golden_model(name: str) -> IntegerModel:
    """The same, read."""
    return parse_model(golden_data(name))


def make_models(primer: bytes) -> None:
    """Trains and exports all of them that the archive does not hold yet: minutes."""
    from fscompress.export.export import ExportSettings, export_model
    from fscompress.training.sparsity import largest
    from tests.golden.train import train

    FOLDER.mkdir(parents=True, exist_ok=True)
    with tarfile.open(MODELS) if MODELS.exists() else nullcontext() as archive:
        files = {name: golden_data(name) for name in CONFIGS if archive and f"{name}.safetensors" in archive.getnames()}
    for name, config in CONFIGS.items():
        if name in files:
            continue
        trained = train(config, UPDATES, RATE).state_dict()
        for key, tensor in trained.items():
            if name in SPARSITY and key.endswith((".weight", ".left", ".right")) and key.startswith("cells."):
                tensor *= largest(tensor, SPARSITY[name])
        weights = {key: tensor.double().numpy() for key, tensor in trained.items()}
        settings = ExportSettings(name, f"test model, {config.architecture}, trained for seconds", primer)
        files[name] = export_model(weights, config, settings)
    with tarfile.open(MODELS, "w:xz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(f"{name}.safetensors")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


def described(tensors: dict[str, Any], kind: str = FAST_GRNN) -> dict[str, str]:
    """Metadata of a model of cells of that kind with these tensors."""
    metadata = {"name": "smallest", "output_shift": "31", "canary_hash": "", "cell": kind}
    model = parse_model(write_model(tensors, metadata, RECURRENT))
    return metadata | {"canary_hash": canary_hash(ReferenceEngine(model), model.canary)}


def base(size: int = 1) -> dict[str, Any]:
    """Tensors of one FastGRNN cell of so many units that every reader accepts."""
    common, form = smallest()[0], Form(FAST_GRNN, sequential(size, 1), (30,))
    kept = {name: common[name] for name in common if name.startswith(("table", "output", "canary", "embedding"))}
    return kept | wiring_tensors(form) | {
        "output.weight": np.full((256, size), 5, np.int8),
        "cell.0.weight": np.full((size, size), 7, np.int8),
        "cell.0.multiplier": np.full(size, 1 << 20, np.int32),
        "cell.0.input.weight": np.full((size, 1), 9, np.int8),
        "cell.0.input.multiplier": np.full(size, 1 << 20, np.int32),
        "cell.0.bias": np.zeros((KINDS[FAST_GRNN].biases, size), np.int32),
        "cell.0.keep": np.zeros(1, np.int32),
        "cell.0.scalars": np.array([1 << 14, 99], np.int32),
        "initial.0": np.full((1, size), 1 << 14, np.int32),
    }  # fmt: skip


def rejected_models() -> list[tuple[str, bytes, str]]:
    """Name, which begins with the rule's code, bytes and reason."""
    good = base()
    metadata = described(good)

    def changed(tensors: dict[str, Any] | None = None, **others: str) -> bytes:
        return write_model(good | (tensors or {}), metadata | others, RECURRENT)

    def less(name: str) -> bytes:
        return write_model({key: value for key, value in good.items() if key != name}, metadata, RECURRENT)

    def wired(name: str, *rows: Sequence[int] | int) -> bytes:
        return changed({name: np.array(rows, np.int32)})

    def three(*place: int) -> bytes:
        tensors = {"groups": np.ones(3, np.int32), "places": np.array([[0, -1, 1, 30], place], np.int32)}
        return changed(tensors)

    wide, steep = base(UNITS), np.full(256, TOP, np.int32)
    logits = wide | {"output.weight": np.full((256, UNITS), 63, np.int8), "output.multiplier": steep}
    gate = {
        "places": np.array([[0, -1, 1, 16]], np.int32),
        "cell.0.weight": np.full((1, 1), 63, np.int8),
        "cell.0.multiplier": np.full(1, TOP, np.int32),
    }
    header = changed().replace(b'"scheme":"2"', b'"theme":"22"')
    return [
        ("m03-no-scheme", header, "no scheme"),
        ("m04-scheme-3", changed().replace(b'"scheme":"2"', b'"scheme":"3"'), "a scheme to come"),
        ("m05-cell", changed(cell="transformer"), "cells of another kind"),
        ("m05-no-cell", changed().replace(b'"cell":"', b'"call":"'), "no kind of cells"),
        ("m06-no-places", less("places"), "the places are missing"),
        ("m06-no-scalars", less("cell.0.scalars"), "a tensor of this kind of cells is missing"),
        ("m07-gain", changed({"cell.0.gain": good["cell.0.bias"]}), "a tensor of another kind of cells"),
        ("m07-initial", changed({"initial.1": good["initial.0"]}), "the state of a group too many"),
        ("m08-places", changed({"places": good["places"].astype(np.int64)}), "places of 64 bits"),
        ("m09-places", changed({"places": good["places"][:, :3]}), "places without shifts"),
        ("m09-no-cells", changed({"places": good["places"][:0]}), "no cells"),
        ("m10-no-units", wired("groups", 0), "a group without units"),
        ("m09-read-out", changed({"read_out": good["read_out"][:1]}), "a read-out without an end"),
        (
            "m09-units-read-out",
            changed({"groups": np.full(17, 4096, np.int32), "read_out": np.array([0, 16], np.int32)}),
            "69,632 units are read out",
        ),
        ("m10-group", wired("places", (1, -1, 1, 30)), "a cell of a group that there is not"),
        ("m10-own-source", wired("places", (0, 0, 1, 30)), "a cell that is its own source"),
        ("m10-far-source", three(0, 2, 0, 30), "a source that does not stand beside the cell's own group"),
        ("m10-deaf", wired("places", (0, -1, 0, 30)), "a first cell that does not read the byte"),
        ("m10-reads-twice", wired("places", (0, -1, 2, 30)), "a cell that reads the byte twice"),
        ("m10-shift-15", wired("places", (0, -1, 1, 15)), "a product shifted too little"),
        ("m10-shift-33", wired("places", (0, -1, 1, 33)), "a product shifted too much"),
        ("m10-units", wired("groups", 4097), "a group of too many units"),
        ("m10-read-out", wired("read_out", 0, 1), "a group that there is not is read out"),
        ("m10-nothing-read", wired("read_out", 1, 0), "nothing is read out"),
        ("m10-scalar", changed({"cell.0.scalars": np.array([0, (1 << 15) + 1], np.int32)}), "a scalar above one"),
        ("m10-initial", changed({"initial.0": good["initial.0"] + 1}), "an initial state that no step leaves"),
        ("m11-steep", changed(gate), "x can reach 2^24"),
        ("m12-logits", write_model(logits, described(wide) | {"output_shift": "16"}, RECURRENT), "a logit of 2^30"),
        ("m13-canary", changed(canary_hash="0" * 64), "another hash of the canary"),
    ]


def write_files(plain: bytes) -> None:
    """Writes the coded texts and the models to refuse, with the models as they are, and the manifest."""
    accepted = []
    for level, name in zip(LEVELS, CONFIGS, strict=True):
        model = golden_model(name)
        data = encode(plain, [model], level, block_log2=10)
        (FOLDER / f"{name}.fsc").write_bytes(data)
        digests = {"sha256": hashlib.sha256(data).hexdigest(), "model": model.id.hex()}
        accepted.append({"name": name, "level": level, "length": len(data), **digests})
    compact = rejected_compact(base(SIZE), base(LARGE), described(base()))
    manifest = {
        "plain_length": len(plain),
        "plain_sha256": hashlib.sha256(plain).hexdigest(),
        "accept": accepted,
        "reject": write_rejected(FOLDER / "reject", rejected_models() + compact),
    }
    (FOLDER / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
