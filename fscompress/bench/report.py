"""What a run of the benchmark found, and the forms for programs that it is written in."""

import csv
import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fscompress.bench.inputs import Input
from fscompress.bench.machine import Machine
from fscompress.bench.measure import Row
from fscompress.bench.published import PUBLISHED, Published
from fscompress.bench.suite import Limits, Subject

DERIVED = ("bits_per_byte", "bits_per_byte_with_model", "ratio", "encode_speed", "decode_speed", "verified")
CSV_TITLES = (
    "kind", "file", "compressor", "plain_bytes", "coded_bytes", "model_bytes", "bpc", "bpc_with_model", "ratio",
    "encode_kb_per_s", "decode_kb_per_s", "encode_spread", "decode_spread", "peak_bytes", "runs", "verified", "failure",
    "source", "date", "note",
)  # fmt: skip


@dataclass(frozen=True)
class Report:
    """All of a run.

    Args:
        missing: names of compressors that are not installed.
        rows: those that are done.
        published: records by corpus, of the corpora that were measured.
    """

    machine: Machine
    limits: Limits
    inputs: Sequence[Input]
    subjects: Sequence[Subject]
    missing: Sequence[str]
    rows: Sequence[Row]
    published: Mapping[str, Sequence[Published]]


def records_on(inputs: Sequence[Input]) -> dict[str, tuple[Published, ...]]:
    """What is published on those inputs, by corpus; nothing on a file that is not the very corpus."""
    return {each.corpus: PUBLISHED[each.corpus] for each in inputs if each.corpus}


def totals(rows: Sequence[Row]) -> list[Row]:
    """Rows over all files, of the compressors that did all of them: bytes and seconds are summed.

    The median of a sum is taken for the sum of medians, its spread for the largest one.
    """
    files = dict.fromkeys(row.file for row in rows)
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.compressor, []).append(row)
    return [_total(name, group) for name, group in groups.items() if _complete(group, len(files))]


def _complete(group: Sequence[Row], n_files: int) -> bool:
    return len(group) == n_files and all(row.verified for row in group)


def _total(name: str, group: Sequence[Row]) -> Row:
    return Row(
        name,
        f"all {len(group)} files",
        n_plain=sum(row.n_plain for row in group),
        n_coded=sum(row.n_coded for row in group),
        model_bytes=max(row.model_bytes for row in group),
        encode_seconds=sum(row.encode_seconds for row in group),
        decode_seconds=sum(row.decode_seconds for row in group),
        encode_spread=max(row.encode_spread for row in group),
        decode_spread=max(row.decode_spread for row in group),
        peak_bytes=max(row.peak_bytes for row in group),
        runs=min(row.runs for row in group),
    )


def as_json(report: Report) -> str:
    """The report for programs: sizes in bytes, times in seconds, speeds in kB (1000 bytes) a second."""
    inputs = [{"name": each.name, "bytes": each.n_bytes, "sha256": each.sha256} for each in report.inputs]
    subjects = [{"name": each.name, "row": each.label, "version": each.version} for each in report.subjects]
    published = [
        {"corpus": corpus, **dataclasses.asdict(record)}
        for corpus, records in report.published.items()
        for record in records
    ]
    found = {
        "machine": dataclasses.asdict(report.machine),
        "limits": dataclasses.asdict(report.limits),
        "files": inputs,
        "compressors": subjects,
        "not_installed": list(report.missing),
        "measured": [_measured(row) for row in report.rows],
        "published": published,
    }
    return json.dumps(found, indent=2)


def _measured(row: Row) -> dict[str, Any]:
    return dataclasses.asdict(row) | {name: getattr(row, name) for name in DERIVED}


def as_csv(report: Report) -> str:
    """A line for each row and each published record, with ``CSV_TITLES`` above; what is not known is empty."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(CSV_TITLES)
    lines.writerows(_row_cells(row, report.machine.date) for row in report.rows)
    for corpus, records in report.published.items():
        lines.writerows(_record_cells(corpus, record) for record in records)
    return text.getvalue()


def _row_cells(row: Row, date: str) -> list[object]:
    figures: list[object] = [""] * 10
    if row.verified:
        speeds = [f"{speed:.3f}" for speed in (row.encode_speed, row.decode_speed)]
        spreads = [f"{spread:.4f}" for spread in (row.encode_spread, row.decode_spread)]
        bits = [f"{bits:.6f}" for bits in (row.bits_per_byte, row.bits_per_byte_with_model, row.ratio)]
        figures = [row.n_coded, row.model_bytes, *bits, *speeds, *spreads, row.peak_bytes or ""]
    verified = "yes" if row.verified else "no"
    return ["measured", row.file, row.compressor, row.n_plain, *figures, row.runs, verified, row.failure, "", date, ""]


def _record_cells(corpus: str, record: Published) -> list[object]:
    speed = "" if record.speed is None else f"{record.speed:g}"
    figures = ["", record.n_coded or "", "", f"{record.bits_per_byte:.4f}", "", "", speed, "", "", "", "", "", "", ""]
    return ["published", corpus, record.name, *figures, record.source, record.date, record.note]
