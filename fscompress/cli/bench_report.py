"""What ``fscompress bench`` found, for people: as text or in Markdown, one table for each file."""

from collections.abc import Iterator, Sequence

from fscompress.bench.inputs import Input
from fscompress.bench.measure import Row
from fscompress.bench.published import KINDS, Published
from fscompress.bench.report import Report, totals
from fscompress.cli import bench_found
from fscompress.cli.bench_found import Section

TITLES = (
    "compressor", "bytes", "bpc", "with model", "ratio", "encode kB/s", "decode kB/s", "spread", "peak MB", "runs",
    "verified",
)  # fmt: skip
PUBLISHED_TITLES = ("compressor", "bytes", "bpc", "encode kB/s", "published by", "date", "note")


def as_text(report: Report) -> str:
    """For a terminal."""
    return bench_found.as_text(_head(report), [*_sections(report)])


def as_markdown(report: Report) -> str:
    """For a page."""
    return bench_found.as_markdown(_head(report), [*_sections(report)])


def _head(report: Report) -> list[str]:
    if not report.subjects:
        return []
    limits = report.limits
    runs = f"{limits.runs} timed runs" if limits.runs else "one timed run, at least three of what takes less than 1 s"
    versions = dict.fromkeys(f"{subject.name} ({subject.version})" for subject in report.subjects)
    return [
        *report.machine.lines(),
        f"threads of each that can use several: {limits.threads}; {runs}; at most {limits.timeout:g} s for a row",
        f"compressors: {', '.join(versions)}",
        *([f"not installed: {', '.join(report.missing)}"] if report.missing else []),
    ]


def _sections(report: Report) -> Iterator[Section]:
    for each in report.inputs:
        rows = [row for row in report.rows if row.file == each.name]
        if rows:
            yield _measured(each.heading, rows)
        if each.corpus:
            yield _published(each.corpus, report.published[each.corpus])
    if len(report.inputs) > 1 and (rows := totals(report.rows)):
        yield _measured(f"{rows[0].file}: {rows[0].n_plain:,} bytes; each on its own, sums", rows)
        yield _overview(report)
    if not report.inputs:
        yield from (_published(corpus, records) for corpus, records in report.published.items())


def _overview(report: Report) -> Section:
    """Bits per byte of every compressor on every file: the form of README's table."""
    labels = [subject.label for subject in report.subjects]
    bits = {(row.file, row.compressor): f"{row.bits_per_byte:.3f}" for row in report.rows if row.verified}
    rows = [
        [each.name, f"{each.n_bytes:,}", *(bits.get((each.name, label), "-") for label in labels)]
        for each in report.inputs
    ]
    return Section("bits per byte", ["file", "bytes", *labels], rows, frozenset({0}))


def _measured(heading: str, rows: Sequence[Row]) -> Section:
    """From the largest to the smallest; what failed stands below."""
    verified = sorted((row for row in rows if row.verified), key=lambda row: -row.n_coded)
    failed = [row for row in rows if not row.verified]
    notes = [f"FAILED: {row.compressor} on {row.file}: {row.failure}" for row in failed]
    return Section(heading, TITLES, [_cells(row) for row in [*verified, *failed]], frozenset({0, 10}), notes)


def _cells(row: Row) -> list[str]:
    if row.failure:
        return [row.compressor, *["-"] * 9, "FAILED"]
    spread = max(row.encode_spread, row.decode_spread)
    return [
        row.compressor,
        f"{row.n_coded:,}",
        f"{row.bits_per_byte:.4f}",
        f"{row.bits_per_byte_with_model:.4f}",
        f"{row.ratio:.2f}",
        f"{row.encode_speed:,.1f}",
        f"{row.decode_speed:,.1f}",
        f"{100 * spread:.0f} %" if row.runs > 1 else "-",
        f"{row.peak_bytes / 1e6:,.0f}" if row.peak_bytes else "-",
        str(row.runs),
        "yes",
    ]


def _published(corpus: str, records: Sequence[Published]) -> Section:
    heading = f"{corpus} as published by others (not measured here): {KINDS[corpus]}"
    ordered = sorted(records, key=lambda record: -record.bits_per_byte)
    return Section(heading, PUBLISHED_TITLES, [_record_cells(record) for record in ordered], frozenset({0, 4, 5, 6}))


def _record_cells(record: Published) -> list[str]:
    n_coded = "-" if record.n_coded is None else f"{record.n_coded:,}"
    speed = "-" if record.speed is None else f"{record.speed:,.1f}"
    return [record.name, n_coded, f"{record.bits_per_byte:.3f}", speed, record.source, record.date, record.note]


def plotted(report: Report) -> tuple[list[Row], Sequence[Published], str]:
    """Rows of one text, records on it, and its name: of the only file, else of all files together."""
    if len(report.inputs) > 1:
        rows = totals(report.rows)
        return rows, (), rows[0].file if rows else "no compressor has done all files"
    only: Input = report.inputs[0]
    return list(report.rows), report.published.get(only.corpus, ()), f"{only.name}: {only.n_bytes:,} bytes"
