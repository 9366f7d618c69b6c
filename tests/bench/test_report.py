"""Reports: figures where rows are verified, reasons where not, published records beside the right text only."""

import csv
import io
import json

import pytest

from fscompress.bench.inputs import Input
from fscompress.bench.machine import Machine, this_machine
from fscompress.bench.measure import Row, failed, measured
from fscompress.bench.published import ENWIK8, PTB, PUBLISHED, TEST, WHOLE
from fscompress.bench.report import CSV_TITLES, Report, as_csv, as_json, records_on, totals
from fscompress.bench.suite import NAMES, Limits, Subject
from fscompress.bench.worker import Task
from fscompress.cli.bench_report import as_markdown, as_text, plotted
from tests.conftest import ROOT

MACHINE = Machine("a processor", 2, ("avx2",), "a system", 0.5, "2026-01-01 12:00", {"fscompress": "1"})
SUBJECTS = [Subject("gzip", "1.3", Task("gzip -9", "gzip")), Subject("xz", "3", Task("xz -9e", "xz"))]


def row(compressor: str, file: str, n_plain: int = 1000, n_coded: int = 250) -> Row:
    return measured(compressor, file, n_plain, n_coded, 50, [0.5, 0.4, 0.7], [0.1], 20_000_000)


def report(*rows: Row, corpus: str = "") -> Report:
    sizes = {row.file: row.n_plain for row in rows}
    inputs = [Input(name, ROOT, n_bytes, "ab" * 32, corpus) for name, n_bytes in sizes.items()]
    return Report(MACHINE, Limits(), inputs, SUBJECTS, ["cmix"], rows, records_on(inputs))


def test_text() -> None:
    text = as_text(report(row("gzip -9", "a"), failed("xz -9e", "a", 1000, "exit code 1"), row("b | c", "a", 1000, 99)))
    lines = text.splitlines()
    assert "a processor, 2 cores, avx2, load 0.50 at the start" in lines[0]
    assert "compressors: gzip (1.3), xz (3)" in lines
    assert "not installed: cmix" in lines
    start = next(i for i, line in enumerate(lines) if line.startswith("a: 1,000 bytes, sha256 abab"))
    first, second, third = (line.split() for line in lines[start + 2 : start + 5])
    figures = ["250", "2.0000", "2.4000", "4.00", "2.0", "10.0", "30", "%", "20", "3", "yes"]
    assert first == ["gzip", "-9", *figures]
    assert second[:4] == ["b", "|", "c", "99"]
    assert third == ["xz", "-9e", *"-" * 9, "FAILED"]
    assert lines[start + 5] == "FAILED: xz -9e on a: exit code 1"
    assert "published" not in text


def test_markdown() -> None:
    lines = as_markdown(report(row("b | c", "a"))).splitlines()
    assert lines[0].startswith("- 2026-01-01 12:00: a processor")
    titles = next(i for i, line in enumerate(lines) if line.startswith("| compressor | bytes | bpc |"))
    assert lines[titles - 2].startswith("### a: 1,000 bytes")
    assert lines[titles + 1].startswith("| --- | ---: |")
    assert lines[titles + 2].startswith(r"| b \| c | 250 | 2.0000 |")


def test_json() -> None:
    found = json.loads(as_json(report(row("gzip -9", "a"), corpus=WHOLE)))
    (measured_row,) = found["measured"]
    assert (measured_row["bits_per_byte"], measured_row["encode_speed"], measured_row["verified"]) == (2.0, 2.0, True)
    assert found["files"] == [{"name": "a", "bytes": 1000, "sha256": "ab" * 32}]
    assert found["machine"]["flags"] == ["avx2"]
    assert found["not_installed"] == ["cmix"]
    assert len(found["published"]) == len(ENWIK8)
    assert all(record["corpus"] == WHOLE and record["source"] and record["date"] for record in found["published"])


def test_csv() -> None:
    text = as_csv(report(row("gzip -9", "a"), failed("xz -9e", "a", 1000, "no, it did not"), corpus="ptb-test"))
    first, second, *others = csv.DictReader(io.StringIO(text))
    assert tuple(first) == CSV_TITLES
    assert (first["kind"], first["coded_bytes"], first["bpc"], first["verified"]) == (
        "measured",
        "250",
        "2.000000",
        "yes",
    )
    assert (second["coded_bytes"], second["bpc"], second["verified"], second["failure"]) == (
        "",
        "",
        "no",
        "no, it did not",
    )
    assert [(other["compressor"], float(other["bpc"])) for other in others] == [(r.name, r.bits_per_byte) for r in PTB]
    assert {other["kind"] for other in others} == {"published"}


def test_sums_over_files_are_of_those_that_did_all() -> None:
    rows = [row("gzip -9", "a"), row("gzip -9", "b", 3000, 750), row("xz -9e", "a"), failed("xz -9e", "b", 3000, "no")]
    (total,) = totals(rows)
    assert (total.compressor, total.n_plain, total.n_coded) == ("gzip -9", 4000, 1000)
    assert total.encode_speed == pytest.approx(4.0)
    found = report(*rows)
    assert "all 2 files: 4,000 bytes" in as_text(found)
    assert plotted(found) == ([total], (), "all 2 files")
    assert plotted(report(rows[0], corpus=TEST))[1] == PUBLISHED[TEST]


def test_published_only_on_its_own_text() -> None:
    assert "enwik8 as published by others (not measured here): compressors on the whole file" in as_text(
        report(row("gzip -9", "enwik8"), corpus=WHOLE)
    )
    text = as_text(report(row("gzip -9", "x"), corpus=TEST))
    assert "language models on its test split" in text
    assert "cmix v21" not in text


@pytest.mark.parametrize("corpus", PUBLISHED)
def test_records_are_sound(corpus: str) -> None:
    records = PUBLISHED[corpus]
    assert len({(record.name, record.source) for record in records}) == len(records)
    for record in records:
        assert record.source
        assert record.date[:4].isdecimal()
        assert 0.9 < record.bits_per_byte < 3
        assert record.n_coded is None or record.bits_per_byte == 8 * record.n_coded / 100_000_000


def test_this_machine() -> None:
    machine = this_machine()
    assert machine.processor
    assert machine.cores >= 1
    assert {"fscompress", "Python", "numpy"} <= machine.versions.keys()
    assert len(machine.lines()) == 2


def test_names_are_unique() -> None:
    assert len(set(NAMES)) == len(NAMES)
