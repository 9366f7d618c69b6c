"""``make gpu`` on any machine: with the CPU in the GPU's place it compares and measures, without either it refuses."""

from typing import Any

import numpy as np
import pytest
import torch

from fscompress.bench import gpu
from fscompress.engine import engine_factory
from fscompress.engine.cuda import CudaEngine, CudaLayout
from fscompress.errors import EngineError
from tests.helpers import cpu, text, tiny


def test_speeds(monkeypatch: pytest.MonkeyPatch, cuda_or_cpu: None) -> None:
    monkeypatch.setattr(gpu, "STEPS", 60)
    found = {"cpu": cpu(tiny()), "cuda": engine_factory(tiny(), "cuda")()}
    rows = list(gpu.compare(tiny(), text(2000), found, lanes=(1, 33)))
    assert [(row.engine, row.lanes) for row in rows] == [("cpu", 1), ("cuda", 1), ("cpu", 33), ("cuda", 33)]
    assert all(row.encode_speed > 0 < row.decode_speed and row.model == "tiny" for row in rows)


def test_other_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(CudaEngine):
        def advance(self, symbols: Any) -> None:
            super().advance(np.zeros_like(symbols))

    found = {"cpu": cpu(tiny()), "cuda": Wrong(CudaLayout(tiny(), "cpu"))}
    with pytest.raises(EngineError, match="engine 'cuda', 3 lanes: encoded bytes differ from those of the others"):
        list(gpu.compare(tiny(), text(600), found, lanes=(3,)))


def test_where_torch_cannot_compile(monkeypatch: pytest.MonkeyPatch, cuda_or_cpu: None) -> None:
    def refuse(*arguments: Any) -> None:
        raise RuntimeError("no working compiler found\nmore about it")

    lines: list[str] = []
    monkeypatch.setattr(torch, "compile", lambda *arguments, **options: refuse)
    assert list(gpu.engines(tiny(), lines.append)) == ["cpu", "cuda"]
    assert lines == ["not measured: engine 'cuda': the device failed (no working compiler found); try --engine cpu"]


def test_report(monkeypatch: pytest.MonkeyPatch, cuda_or_cpu: None, installed: Any) -> None:
    monkeypatch.setattr(gpu, "describe_device", lambda: "a device")
    monkeypatch.setattr(gpu, "engines", lambda model, tell: {"cpu": cpu(model)})
    monkeypatch.setattr(gpu, "STEPS", 20)
    lines: list[str] = []
    gpu.report(lines.append)
    assert lines[0] == "a device"
    assert [line.split()[1:3] for line in lines[2 : 2 + len(gpu.LANES)]] == [["cpu", str(lanes)] for lanes in gpu.LANES]
    assert lines[-1] == "all engines encoded the same bytes, and each decoded them"


@pytest.mark.parametrize("words", [[], ["--device"]])
def test_no_device(words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as caught:
        gpu.main(words)
    assert caught.value.code == "fscompress: engine 'cuda': no CUDA device that PyTorch can use here; try --engine cpu"
    assert capsys.readouterr().out == ""
