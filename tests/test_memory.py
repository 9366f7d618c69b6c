"""The cap on memory: refused before allocation, threads wait first, and no process takes more than was computed."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from fscompress import settings
from fscompress.codec import CodingOptions, decode_stream
from fscompress.container import BlockInfo, skim
from fscompress.errors import RefusedError
from fscompress.memory import MIB, PROGRAM, Budget, block_need, weights_need
from tests.conftest import Program, child_environment
from tests.golden.make import SHORT, TEXT, block, end, header, named, network, raw, stream, with_mixer
from tests.helpers import TINY, decode, encode, find_tiny, noise, tiny

MEASURE = """
import re, sys
from pathlib import Path
from fscompress.cli.app import group
try:
    group.main(["test", "-q", *sys.argv[1:]], prog_name="fscompress")
except SystemExit as ended:
    # not ru_maxrss, which a child inherits from the process that started it
    print(ended.code, 1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]))
"""
BLOCK_OF_A_GIGABYTE = header(block_log2=30) + raw(b"a", n_plain=1 << 30)


def first_block(data: bytes) -> BlockInfo:
    return next(head for head in skim(io.BytesIO(data)) if isinstance(head, BlockInfo))


def needed(data: bytes) -> int:
    """Of a stream of one coded block and the tiny model."""
    return PROGRAM + weights_need([tiny()]) + block_need(first_block(data), [tiny()])


FILES = {
    "normal": lambda: with_mixer(TEXT, "normal"),
    "best": lambda: with_mixer(TEXT, "best", table_log2=20, sse_log2=16),
    "lanes": lambda: stream((TEXT * 6, network(3900), 1)),
    "raw": lambda: encode(noise(20 << 20), block_log2=25),
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize("name", FILES)
def test_a_process_stays_below_the_need(name: str, installed: Path, here: Path) -> None:
    """Of what it takes for a small block of the same kind, which is less than PROGRAM, nothing is left to hide in."""
    data, small = FILES[name](), encode(noise(64)) if name == "raw" else with_mixer(SHORT, "normal", table_log2=4)
    peak, program = peak_of(data), peak_of(small)
    assert program < PROGRAM
    assert peak - program < needed(data) - PROGRAM


def peak_of(data: bytes) -> int:
    """Bytes that a process which tests the stream takes at most."""
    Path("in.fsc").write_bytes(data)
    command = [sys.executable, "-c", MEASURE, "in.fsc"]
    result = subprocess.run(command, capture_output=True, check=True, text=True, timeout=300, env=child_environment())
    code, peak = map(int, result.stdout.split())
    assert code == 0
    return peak


def test_what_a_block_asks_for_is_refused_before_it_is_allocated() -> None:
    data = with_mixer(TEXT, "best", table_log2=16)
    enough = needed(data)
    assert decode(data, memory=enough) == TEXT
    with pytest.raises(RefusedError, match=r"needs [\d,]+ MiB of memory .*--memory \d+M") as caught:
        decode(data, memory=enough - 1)
    assert caught.value.exit_code == 1
    for declared, limit in ((table(SHORT, 24), 1 << 30), (BLOCK_OF_A_GIGABYTE, 4 << 30)):
        with pytest.raises(RefusedError, match=rf"MiB of memory .*\(allowed: {limit >> 20:,} MiB\)"):
            decode(declared, memory=limit)
    with pytest.raises(RefusedError, match=r"\(allowed: 1,000 bytes\)"):
        decode(declared, memory=1000)


def table(plain: bytes, table_log2: int) -> bytes:
    """A stream that only asks: its coded bytes are zeros."""
    parameters = bytes([40, 1, table_log2, 8, 1, 0, 1, 0, 0, 0, 1, 0])
    lie = {"scheme": 1, "parameters": int.from_bytes(parameters, "little")}
    return header() + named(tiny().id[:8]) + block(bytes(8), plain, **lie) + end(plain)


def test_threads_wait_for_memory() -> None:
    """Three blocks of which two do not fit together: the same bytes, whatever the cap."""
    plain = noise(10 << 10) + TEXT * 8
    data = encode(plain, block_log2=10)
    one = max(block_need(head, [tiny()]) for head in skim(io.BytesIO(data)) if isinstance(head, BlockInfo))
    for extra in (0, one, 3 * one + (4 << 10)):
        limit = PROGRAM + weights_need([tiny()]) + one + extra
        assert decode(data, threads=4, memory=limit) == plain


def test_budget_counts_what_is_in_flight() -> None:
    head = first_block(encode(TEXT))
    budget = Budget(PROGRAM + 2 * block_need(head))
    budget.begin(10)
    need = budget.admit(head)
    assert budget.reserve(need)
    assert budget.has_room()
    assert budget.reserve(need)
    assert not budget.has_room()
    assert not budget.reserve(need)
    for _ in range(3):
        budget.release(need)
    assert budget.has_room()
    elsewhere = Budget(PROGRAM + need, elsewhere=True)
    assert all(elsewhere.reserve(need) and elsewhere.has_room() for _ in range(9))


def test_weights_are_counted_once() -> None:
    head = first_block(encode(TEXT))
    budget = Budget(PROGRAM + weights_need([tiny()]) + block_need(head, [tiny()]))
    for _ in range(3):
        assert budget.admit(head, [tiny()], ("cpu", "a")) == block_need(head, [tiny()])
    with pytest.raises(RefusedError):
        budget.admit(head, [tiny()], ("cpu", "b"))


@pytest.mark.parametrize(
    ("word", "size"),
    [("512M", 512 * MIB), ("2g", 2 << 30), ("1GiB", 1 << 30), ("7", 7), ("3KB", 3072), ("", None), ("0", None)]
    + [(word, None) for word in ("-1", "1.5G", "M", "1 G", "1P", "9" * 16)],
)
def test_sizes(word: str, size: int | None) -> None:
    assert settings.parse_size(word) == size


def test_command_line_and_environment(program: Program, installed: Path, here: Path) -> None:
    Path("a.fsc").write_bytes(encode(TEXT))
    assert program("decode", "-c", "a.fsc", "--memory", "500M").stdout == TEXT
    refused = program("test", "a.fsc", "--memory", "100M")
    assert refused.returncode == 1
    assert b"--memory" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert program("test", "a.fsc", "--memory", "much").returncode == 2
    limited = child_environment() | {"FSCOMPRESS_MEMORY": "100M"}
    assert program("decode", "-c", "a.fsc", env=limited).returncode == 1
    much = child_environment() | {"FSCOMPRESS_MEMORY": "1"}  # too little for the program alone, without any model
    assert b"needs more than" in program("test", "a.fsc", env=much).stderr
    wrong = program("decode", "-c", "a.fsc", env=child_environment() | {"FSCOMPRESS_MEMORY": "x"})
    assert wrong.returncode == 1
    assert b"FSCOMPRESS_MEMORY: must be a size" in wrong.stderr


def test_limit_is_the_default() -> None:
    assert CodingOptions().memory == settings.DEFAULT_MEMORY
    target = io.BytesIO()
    decode_stream(io.BytesIO(encode(TEXT)), target, find_tiny)
    assert target.getvalue() == TEXT
    assert TINY.is_file()
