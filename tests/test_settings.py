"""Defaults that the environment sets."""

import os

import pytest

from fscompress import settings
from fscompress.errors import RefusedError
from tests.conftest import ROOT


def test_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FSCOMPRESS_THREADS", raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda _process: set(range(12)), raising=False)
    assert [settings.threads(engine) for engine in ("auto", "cpu", "reference", "cuda")] == [12, 12, 12, 2]
    monkeypatch.setenv("FSCOMPRESS_THREADS", "5")
    assert settings.threads() == settings.threads("cuda") == 5
    for wrong in ("0", "-1", "many", "²"):
        monkeypatch.setenv("FSCOMPRESS_THREADS", wrong)
        with pytest.raises(RefusedError, match=f"must be a positive number \\(got '{wrong}'\\)"):
            settings.threads()


def test_children_find_the_package_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["one", "two"]))
    assert settings.child_environment() == os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), "one", "two"])}
    monkeypatch.delenv("PYTHONPATH")
    assert settings.child_environment() == os.environ | {"PYTHONPATH": str(ROOT)}
