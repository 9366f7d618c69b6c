"""Defaults that the environment sets."""

import pytest

from fscompress import settings
from fscompress.errors import RefusedError


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
