"""Some faults of ``make torture``, once each, and that a fault which is not survived is noticed."""

import random
from pathlib import Path

import pytest

from tests.helpers import encode, text
from tests.torture import faults, kills, places
from tests.torture.__main__ import WEIGHTS, attempt
from tests.torture.box import Box, Ended, Sample
from tests.torture.tally import Kind, SkippedError, Tally, WrongError

PLAIN = text(60_000)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    sample = Sample("fast", PLAIN, encode(PLAIN))
    return Box(tmp_path / "box", random.Random(3), Tally(), [sample])


@pytest.mark.parametrize(
    "fault",
    [kills.kill_encode_over, faults.limited_size, faults.two_writers],
    ids=lambda fault: fault.__name__,
)
def test_fault_is_survived(fault, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kills, "STRIKES", 1)
    fault(box)


def test_every_fault_is_tried() -> None:
    for module in (faults, kills, places):
        own = {name for name, each in vars(module).items() if getattr(each, "__module__", "") == module.__name__}
        helpers = {name for name in own if name.startswith("_")} | {"mounted", "read_only"}
        assert own - helpers <= {fault.__name__ for fault in WEIGHTS}


@pytest.mark.parametrize(
    ("ended", "kind"),
    [
        (Ended(1, b"", b"Traceback (most recent call last):\n"), Kind.CRASH),
        (Ended(-11, b"", b""), Kind.CRASH),
        (Ended(1, b"", b"fscompress: internal error: KeyError\n"), Kind.CRASH),
        (Ended(1, b"", b"fscompress: a\nfscompress: b\n"), Kind.MESSAGE),
        (Ended(1, b"", b""), Kind.MESSAGE),
        (Ended(3, b"", b"fscompress: a\n"), Kind.MESSAGE),
        (Ended(0, b"", b"warning\n"), Kind.MESSAGE),
    ],
)
def test_unclear_ends_are_noticed(ended: Ended, kind: Kind, box: Box) -> None:
    with pytest.raises(WrongError) as caught:
        box.expect(ended, 0, 1)
    assert caught.value.kind is kind


def test_bad_files_are_noticed(box: Box) -> None:
    target = box.folder / "out"
    for data, kind in ((PLAIN[:500], Kind.HALF), (b"other", Kind.BYTES), (None, Kind.HALF)):
        if data is None:
            target.unlink()
        else:
            target.write_bytes(data)
        with pytest.raises(WrongError) as caught:
            box.check_target(target, PLAIN)
        assert caught.value.kind is kind
    (box.folder / ".fscompress-0.tmp").write_bytes(PLAIN[:10])
    (box.folder / ".fscompress-0.tmp").chmod(0o644)
    with pytest.raises(WrongError, match="mode 644"):
        box.check_leftover(PLAIN)
    with pytest.raises(WrongError, match="left behind"):
        box.check_folder("out")


def test_counts(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    def survived(_box: Box) -> None:
        pass

    def broken(_box: Box) -> None:
        raise WrongError(Kind.HALF, "why")

    def strange(_box: Box) -> None:
        raise KeyError("what")

    def impossible(_box: Box) -> None:
        raise SkippedError("not here")

    tally = Tally()
    attempt(survived, box, tally)
    assert tally.good
    for fault in (broken, strange, impossible):
        attempt(fault, box, tally)
    assert not tally.good
    last = tally.table().splitlines()[-1]
    assert "inputs tried 3, faults survived 1" in last
    assert "crashes 1, wrong bytes 0, half-written files 1" in last
    assert "impossible                   skipped: not here" in tally.table()
    assert "why" in capsys.readouterr().err
