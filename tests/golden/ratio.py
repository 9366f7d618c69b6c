"""How small the shipped default model makes a fixed text: a number that must not grow unnoticed.

``make golden`` records it in ratio.json with the model's id, so that a new model comes with its own number.  A change
of contexts, weights or lanes that is meant to cost bytes is recorded in the same way, and shows in the commit.
"""

import hashlib
import json
from typing import Any

from fscompress import store
from tests.conftest import ROOT
from tests.helpers import GOLDEN, encode

TEXT, RECORD = GOLDEN / "ratio.txt", GOLDEN / "ratio.json"
MODEL = ROOT / "models" / "default.safetensors"
LEVEL = "normal"
TOLERANCE = 0.005  # of the recorded size


def measured() -> dict[str, Any]:
    """What the record says, as it is now: text, model, level, and bytes of the whole .fsc file."""
    plain, model = TEXT.read_bytes(), store.load(str(MODEL))
    return {
        "text_bytes": len(plain),
        "text_sha256": hashlib.sha256(plain).hexdigest(),
        "model": model.id.hex(),
        "level": LEVEL,
        "coded_bytes": len(encode(plain, [model], LEVEL)),
    }


def record() -> None:
    """Writes ratio.json."""
    RECORD.write_text(json.dumps(measured(), indent=1) + "\n", encoding="utf-8")
