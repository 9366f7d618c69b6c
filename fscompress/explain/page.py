"""The page: one HTML file that loads nothing, shows its colours without a script, and suits dark and light screens."""

import html
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fscompress.explain.chart import chart
from fscompress.explain.summary import Share, by_kind, by_place, by_winner
from fscompress.explain.text import EDGES, coloured, packed
from fscompress.explain.trace import Trace

_FOLDER = Path(__file__).parent
# The browser itself holds the page to that promise, whatever the text may contain.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
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
    """What is explained: the file's name, the level, and the model with its id in hexadecimal digits."""

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
        facts="".join(f"<div><dt>{name}</dt><dd>{html.escape(value)}</dd></div>" for name, value in _facts(trace, subject)),
        key=_key(subject.mixed),
        chart=chart(trace, subject.mixed),
        tables="\n".join(_tables(trace, subject.mixed)),
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
    total = float(trace.bits.sum())
    yield _table("Kind of byte", by_kind(trace), len(trace.data), total, mixed)
    yield _table("Place in the word", by_place(trace), len(trace.data), total, mixed)
    if mixed:
        note = "The input whose terms of the mixed stretch spoke most for the byte that came."
        yield _table("Winning input", by_winner(trace), len(trace.data), total, mixed, note)


def _table(title: str, shares: Sequence[Share], n_bytes: int, bits: float, mixed: bool, note: str = "") -> str:
    titles = ["bytes", "% of bytes", "% of bits", "bits per byte", *(["network alone"] if mixed else [])]
    head = "".join(f"<th>{each}</th>" for each in ("", *titles))
    rows = "".join(_row(share, n_bytes, bits, mixed) for share in shares)
    caption = f"<caption>{title}<small>{note}</small></caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _row(share: Share, n_bytes: int, bits: float, mixed: bool) -> str:
    cells = [
        f"{share.n_bytes:,}",
        f"{100 * share.n_bytes / n_bytes:.1f}",
        f"{100 * share.bits / bits:.1f}",
        f"{share.bits / share.n_bytes:.3f}",
    ]
    if mixed:
        cells.append(f"{share.network_bits / share.n_bytes:.3f}")
    return f"<tr><th>{html.escape(share.name)}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
