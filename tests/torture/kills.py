"""Ends by signal at any moment: kill -9, which no program can answer, and SIGINT and SIGTERM, which ours does."""

import signal

from tests.helpers import text
from tests.torture.box import Box, Sample, hears_interrupts
from tests.torture.tally import Kind, WrongError

SECONDS = 1.5  # about what a run takes
STRIKES = 5  # before a run is left in peace
OLD = b"what was there before"
INTERRUPTED = {signal.SIGINT: 130, signal.SIGTERM: 143}
TRAINING = ("--no-compile", "--batch", "4", "--epochs", "1", "--valid", "valid.txt", "--out", "run", "-q")


def _prepared(box: Box, encoding: bool, sample: Sample, words: tuple[str, ...]) -> tuple[list[str], bytes, bytes]:
    """Puts the input in place; (command, what is read, what must come out)."""
    given, wanted = (sample.plain, sample.coded) if encoding else (sample.coded, sample.plain)
    (box.folder / "in").write_bytes(given)
    verb = ["encode", "--level", sample.level] if encoding else ["decode"]
    return [*verb, *words, "in", "-o", "out"], given, wanted


def _kill(box: Box, encoding: bool, over: bool = False, remove: bool = False) -> None:
    words = (*(["-f"] if over else []), *(["--rm"] if remove else []))
    command, given, wanted = _prepared(box, encoding, box.sample(slow=True), words)
    before = OLD if over else None
    if over:
        (box.folder / "out").write_bytes(OLD)
    for _ in range(STRIKES):
        box.strike(box.start(*command), signal.SIGKILL, SECONDS)
        box.check_leftover(wanted)
        box.check_target(box.folder / "out", before, wanted)
        published = (box.folder / "out").exists() and (box.folder / "out").read_bytes() == wanted
        box.check_target(box.folder / "in", given, None if remove and published else given)
        if published:
            break
    if (box.folder / "in").exists():
        box.expect(box.run(*command, *([] if over else ["-f"])), 0)
    box.check_target(box.folder / "out", wanted)
    box.check_folder("out", *([] if remove else ["in"]))


def kill_encode(box: Box) -> None:
    """A new target."""
    _kill(box, encoding=True)


def kill_encode_over(box: Box) -> None:
    """-f, over a file that is there."""
    _kill(box, encoding=True, over=True)


def kill_encode_remove(box: Box) -> None:
    """--rm: the text is in the input or in the output."""
    _kill(box, encoding=True, over=box.rng.random() < 0.5, remove=True)


def kill_decode(box: Box) -> None:
    """A new target."""
    _kill(box, encoding=False)


def kill_decode_over(box: Box) -> None:
    """-f, over a file that is there."""
    _kill(box, encoding=False, over=True)


def _interrupt(box: Box, number: signal.Signals) -> None:
    encoding, over = box.rng.random() < 0.5, box.rng.random() < 0.5
    command, _, wanted = _prepared(box, encoding, box.sample(slow=True), ("-f",) if over else ())
    before = OLD if over else None
    if over:
        (box.folder / "out").write_bytes(OLD)
    ended = box.strike(box.start(*command, preexec_fn=hears_interrupts), number, SECONDS)
    said = ended.err.strip()
    ours = ended.code == INTERRUPTED[number] and said in (b"", b"fscompress: interrupted")
    # Before the first line of the program has run, the system's or the interpreter's own answer to a signal holds.
    starting = ended.code == -number or (b"KeyboardInterrupt" in said and b"fscompress" not in said)
    if not ours and not starting and ended.code != 0:
        raise WrongError(Kind.MESSAGE, f"{number.name}: exit {ended.code}: {ended.err.decode()[-1500:]}")
    box.check_target(box.folder / "out", wanted if ended.code == 0 else before, wanted)
    box.check_folder("in", *(["out"] if (box.folder / "out").exists() else []))


def interrupt(box: Box) -> None:
    """Ctrl-C."""
    _interrupt(box, signal.SIGINT)


def terminate(box: Box) -> None:
    """What a system sends when it shuts down."""
    _interrupt(box, signal.SIGTERM)


def kill_train(box: Box) -> None:
    """A run that has a checkpoint is killed while it goes on; --resume ends it all the same."""
    (box.folder / "corpus.txt").write_bytes(text(6_000))
    (box.folder / "valid.txt").write_bytes(text(1_000, 90_000))
    first = box.start("train", "corpus.txt", *TRAINING, preexec_fn=hears_interrupts)
    last = box.folder / "run" / "last.safetensors"
    ended = box.strike(first, signal.SIGTERM, 20)
    if ended.code not in (0, 130, 143, -signal.SIGTERM):
        raise WrongError(Kind.MESSAGE, f"train: exit {ended.code}: {ended.err.decode()[-1500:]}")
    for _ in range(3):
        again = ["--resume"] if last.exists() else []
        box.strike(box.start("train", "corpus.txt", *TRAINING, *again), signal.SIGKILL, 12)
    again = ["--resume"] if last.exists() else []
    box.expect(box.run("train", "corpus.txt", *TRAINING, *again), 0)
    left = {path.name for path in (box.folder / "run").iterdir()}
    if left - {"last.safetensors", "best.safetensors", "metrics.jsonl"}:
        raise WrongError(Kind.LITTER, f"run folder: {left}")
