"""A small program in place of ``cmix``, alone on PATH: it codes a file as it is, or fails in one of several ways."""

import sys
from pathlib import Path

import pytest

SCRIPT = """\
#!{python} -IS
import os, signal, sys, time
if len(sys.argv) < 4:
    print("cmix version 21")
    sys.exit(255)
letter, source, target = sys.argv[1:]
data = open(source, "rb").read()
{body}
open(target, "wb").write(data)
"""
BODIES = {
    "good": "",
    "wrong": "data = data.replace(b'e', b'a') if letter == '-d' else data",
    "complains": "sys.exit('first line\\nno  memory left\\n')",
    "crashes": "os.kill(os.getpid(), signal.SIGSEGV)",
    "slow": "time.sleep(60)",
    "silent": "sys.exit(0)",
    "large": "data = bytearray(64 << 20) and data",
    "late": "data = data if len(data) == 1024 else time.sleep(60)",
}


def fake_cmix(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Writes the program of that kind and leaves nothing else on PATH."""
    folder.mkdir(exist_ok=True)
    path = folder / "cmix"
    path.write_text(SCRIPT.format(python=sys.executable, body=BODIES[kind]))
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return path
