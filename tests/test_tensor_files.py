"""Headers of safetensors files as the library reads them, of whole files alone."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save

from fscompress.tensor_files import read_header

DATA = save({"a": np.zeros((2, 3), np.float32), "b": np.ones(5, np.int8)}, {"format": "x"})


@given(st.dictionaries(st.text(min_size=1), st.lists(st.integers(0, 4), max_size=3), max_size=4), st.text())
def test_as_the_library_reads_it(tmp_path_factory: pytest.TempPathFactory, shapes: dict[str, list[int]], said: str):
    path = tmp_path_factory.mktemp("tensors") / "file"
    tensors = {name: np.zeros(shape, np.int16) for name, shape in shapes.items() if name != "__metadata__"}
    path.write_bytes(save(tensors, {"said": said}))
    with path.open("rb") as file:
        metadata, found = read_header(file)
    with safe_open(path, "np") as file:
        assert metadata == file.metadata()
        assert found == {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 (not a dict)


def test_no_metadata_and_no_tensors() -> None:
    assert read_header(io.BytesIO(save({}))) == ({}, {})


@pytest.mark.parametrize("length", range(len(DATA)))
def test_every_beginning_alone_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=r"safetensors|line 1"):
        read_header(io.BytesIO(DATA[:length]))


@pytest.mark.parametrize(
    "header",
    [[], 3, {"a": 1}, {"a": {"shape": [1]}}, {"__metadata__": 3}, {"a": {"data_offsets": []}}]
    + [{"a": {"shape": shape, "data_offsets": [0, 0]}} for shape in (["a"], [[1]], [-1], [1.0], [True])]
    + [{"a": {"shape": [], "data_offsets": offsets}} for offsets in (["a", "b"], [0, -8], [0, None])],
)
def test_other_json_is_refused(header: object) -> None:
    text = json.dumps(header).encode()
    with pytest.raises(ValueError, match="not the header"):
        read_header(io.BytesIO(len(text).to_bytes(8, "little") + text))
    with pytest.raises(ValueError, match="more than its tensors"):
        read_header(io.BytesIO(DATA + b"x"))


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a":' * 100_000])
def test_deep_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="not the header"):
        read_header(io.BytesIO(len(text).to_bytes(8, "little") + text))


def test_the_default_model() -> None:
    with Path("models/default.safetensors").open("rb") as file:
        assert read_header(file)[0]["name"] == "default"
