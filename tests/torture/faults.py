"""Faults of what surrounds a process: files that vanish or change, pipes that break, others who want the same."""

import os
import resource
import shutil
import subprocess
import threading
import time

from tests.helpers import OTHER
from tests.torture.box import Box
from tests.torture.tally import Kind, WrongError

FAR = 4_200_000_000  # seconds: the year 2103


def limited_size(box: Box) -> None:
    """The output may not become as large as it has to."""
    sample = box.sample(slow=True)
    (box.folder / "in").write_bytes(sample.coded)
    limit = box.rng.randrange(1, len(sample.plain) // 2)

    def limits() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    # Kernels are in the cache already; a limit would forbid to write them there.
    box.expect(box.run("decode", "in", "-o", "out", preexec_fn=limits), 1)
    box.check_folder("in")


def full_stdout(box: Box) -> None:
    """stdout is a full device."""
    sample = box.sample(slow=True)
    with open("/dev/full", "wb") as full:
        child = box.start("encode", "--level", sample.level, stdin=subprocess.PIPE, stdout=full)
        box.expect(box.finish(child, sample.plain), 1)


def broken_pipe(box: Box) -> None:
    """The reader has enough: exit code 1, and nothing to say."""
    sample = box.sample(slow=True)
    (box.folder / "in").write_bytes(sample.coded)
    child = box.start("decode", "-c", "in")
    assert child.stdout is not None
    child.stdout.read(box.rng.randrange(1, 200))
    child.stdout.close()
    ended = box.finish(child)
    box.expect(ended, 0, 1, silent=True)
    box.check_folder("in")


def no_input(box: Box) -> None:
    """The input is not there."""
    for verb in ("encode", "decode", "test", "list"):
        box.expect(box.run(verb, "in.fsc", *(["-o", "out"] if verb in ("encode", "decode") else [])), 1)
    box.check_folder()


def vanishing_input(box: Box) -> None:
    """The input is removed while it is read: the output is whole, or there is none and a line says why."""
    sample, source = box.sample(slow=True), box.folder / "in"
    source.write_bytes(sample.plain)
    child = box.start("encode", "--level", sample.level, "in", "-o", "out")
    time.sleep(box.rng.uniform(0, 1))
    source.unlink()
    ended = box.finish(child)
    box.expect(ended, 0, 1)
    box.check_target(box.folder / "out", sample.coded if ended.code == 0 else None)
    box.check_folder(*(["out"] if ended.code == 0 else []))


def two_writers(box: Box) -> None:
    """Two processes write one target: one of them wins, without -f by being first, and the file is whole."""
    sample, force = box.sample(), box.rng.random() < 0.5
    (box.folder / "in").write_bytes(sample.plain)
    words = ["encode", "--level", sample.level, "in", "-o", "out", *(["-f"] if force else [])]
    children = [box.start(*words) for _ in range(2)]
    ended = [box.finish(child) for child in children]
    for each in ended:
        box.expect(each, 0, *([] if force else [1]))
    if min(each.code for each in ended) != 0:
        raise WrongError(Kind.MESSAGE, "both writers failed")
    box.check_target(box.folder / "out", sample.coded)
    box.check_folder("in", "out")


def wrong_clock(box: Box) -> None:
    """Inputs, models and compiled kernels of 1970 or of the next century."""
    sample, source = box.sample(), box.folder / "in"
    cache = box.models / "cache"
    shutil.copytree(box.env["FSCOMPRESS_CACHE"], cache)
    when = box.rng.choice([0, 1, FAR])
    for path in (*cache.rglob("*"), *box.models.iterdir()):
        os.utime(path, (when, when))
    source.write_bytes(sample.plain)
    os.utime(source, (when, when))
    box.env["FSCOMPRESS_CACHE"] = str(cache)
    box.expect(box.run("encode", "--level", sample.level, "in", "-o", "out"), 0)
    box.check_target(box.folder / "out", sample.coded)
    if (box.folder / "out").stat().st_mtime != when:
        raise WrongError(Kind.BYTES, "the output has not the time of its input")
    box.check_folder("in", "out")


def exchanged_model(box: Box) -> None:
    """The model file is another one, half a one, none and the old one again, all the while."""
    sample, done = box.sample(), threading.Event()
    model = box.models / "default.safetensors"
    own, other = model.read_bytes(), OTHER.read_bytes()

    def exchange() -> None:
        for data in (other, own[:1000], other[:-1], b"", own) * 1000:
            if done.wait(0.01):
                break
            model.write_bytes(data)
        model.write_bytes(own)

    (box.folder / "in").write_bytes(sample.coded)
    thread = threading.Thread(target=exchange)
    thread.start()
    try:
        ended = box.run("decode", "in", "-o", "out")
    finally:
        done.set()
        thread.join()
    box.expect(ended, 0, 1, 3, 4)
    box.check_target(box.folder / "out", sample.plain if ended.code == 0 else None)
    box.check_folder("in", *(["out"] if ended.code == 0 else []))
