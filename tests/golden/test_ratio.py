"""A small original text does not get larger than it was with the default model at level normal."""

import json

from tests.golden.ratio import RECORD, TEXT, TOLERANCE, measured


def test_the_text_does_not_get_larger() -> None:
    recorded, now = json.loads(RECORD.read_text(encoding="utf-8")), measured()
    for name in ("text_sha256", "model", "level"):
        assert now[name] == recorded[name], f"another {name} than in {RECORD.name}: make golden records its number"
    assert now["coded_bytes"] <= recorded["coded_bytes"] * (1 + TOLERANCE)
    assert recorded["text_bytes"] == len(TEXT.read_bytes())
    assert recorded["coded_bytes"] * 8 < 2.5 * recorded["text_bytes"]
