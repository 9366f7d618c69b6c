"""The page: one HTML file that loads nothing, shows its colours without a script, and suits dark and light screens."""

import html
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fscompress.explain.chart import chart
from fscompress.explain.summary import Share, by_input, by_kind, by_place
from fscompress.explain.text import EDGES, coloured, packed
from fscompress.explain.trace import Trace

_FOLDER = Path(__file__).parent
# The browser itself holds the page to that promise, whatever the text may contain.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_INPUTS = (
    "For how many bytes each spoke most, or second to that, and its mean evidence in bits: its own terms of the mixed "
    "stretch, with the sign that favours the bit that came."
)
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<dl>{facts}</dl>
</header>
<section>
<h2>Running cost</h2>
<p class="key">{key}</p>
<figure>{chart}</figure>
</section>
<section class="tables">
{tables}
</section>
{inputs}
<section>
<h2>Text</h2>
<p>Each character has the colour of its bits per byte. Point at one or tap it for its bytes.</p>
<p class="legend">{legend}</p>
<pre id="text">{text}</pre>
</section>
<div id="tip" role="tooltip" hidden></div>
<script type="application/json" id="data">{data}</script>
<script>
{script}</script>
</body>
</html>
"""


@dataclass(frozen=True)
class Subject:
    """What is explained: names of file, level and model, the model's id in hexadecimal, whether there is a mixer."""

    file: str
    level: str
    model: str
    model_id: str
    mixed: bool


def page(trace: Trace, subject: Subject) -> str:
    """The whole file."""
    data = json.dumps({"names": trace.names, "mixed": subject.mixed, "bytes": packed(trace)})
    return _PAGE.format(
        policy=_POLICY,
        title=html.escape(f"{subject.file}: where the bits go"),
        style=(_FOLDER / "style.css").read_text(encoding="utf-8"),
        facts="".join(
            f"<div><dt>{name}</dt><dd>{html.escape(value)}</dd></div>" for name, value in _facts(trace, subject)
        ),
        key=_key(subject.mixed),
        chart=chart(trace, subject.mixed),
        tables="\n".join(_tables(trace, subject.mixed)),
        inputs=_inputs(trace) if subject.mixed else "",
        legend="".join(_legend()),
        text=coloured(trace),
        data=data.replace("<", "\\u003c"),
        script=(_FOLDER / "tooltip.js").read_text(encoding="utf-8"),
    )


def _facts(trace: Trace, subject: Subject) -> Iterator[tuple[str, str]]:
    n, bits = len(trace.data), float(trace.bits.sum())
    yield "bytes", f"{n:,}"
    yield "ideal size", f"{bits / 8:,.0f} bytes"
    yield "bits per byte", f"{bits / n:.4f}"
    if subject.mixed:
        yield "network alone", f"{trace.network_bits.sum() / n:.4f}"
    yield "level", subject.level
    yield "model", f"{subject.model} {subject.model_id}"


def _key(mixed: bool) -> str:
    alone = '<span class="alone">network alone, all bytes so far</span>' if mixed else ""
    return f'bits per byte: <span class="mean">all bytes so far</span>{alone}<span class="here">each stretch</span>'


def _legend() -> Iterator[str]:
    for shade, (low, high) in enumerate(zip((0, *EDGES), (*EDGES, None), strict=True)):
        name = f"{low:g} to {high:g}" if high is not None else f"{low:g} bits and more"
        yield f"<i class=c{shade}>{name}</i>"


def _tables(trace: Trace, mixed: bool) -> Iterator[str]:
    n, bits = len(trace.data), float(trace.bits.sum())
    titles = ("bytes", "% of bytes", "% of bits", "bits per byte", *(["network alone"] if mixed else []))
    for name, shares in (("Kind of byte", by_kind(trace)), ("Place in the word", by_place(trace))):
        rows = [[share.name, *_cells(share, n, bits, mixed)] for share in shares]
        yield _table(f"<caption>{name}</caption>", titles, rows)


def _inputs(trace: Trace) -> str:
    """The longest table, folded so that the text is near."""
    n, bits, inputs = len(trace.data), float(trace.bits.sum()), by_input(trace)
    titles = ("first for", "% of bytes", "% of bits", "bits per byte", "second for", "evidence")
    rows = [
        [each.name, *_cells(each.first, n, bits, False), f"{each.n_second:,}", f"{each.evidence:+.3f}"]
        for each in inputs
    ]
    winner = max((each.first for each in inputs), key=lambda share: share.n_bytes)
    most = f"{html.escape(winner.name)} spoke most for {100 * winner.n_bytes / n:.1f} % of the bytes"
    summary = f"<summary>Inputs of the mixer: {most}</summary>"
    return f"<details>{summary}<p>{_INPUTS}</p>{_table('', titles, rows)}</details>"


def _cells(share: Share, n_bytes: int, bits: float, mixed: bool) -> list[str]:
    means = (share.bits, *([share.network_bits] if mixed else []))
    return [
        f"{share.n_bytes:,}",
        f"{100 * share.n_bytes / n_bytes:.1f}",
        f"{100 * share.bits / bits:.1f}",
        *(f"{each / share.n_bytes:.3f}" if share.n_bytes else "-" for each in means),
    ]


def _table(caption: str, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{each}</th>" for each in ("", *titles))
    body = "".join(
        f"<tr><th>{html.escape(name)}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>" for name, *cells in rows
    )
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
