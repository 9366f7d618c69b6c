"""The text as coloured HTML, a span for each character; and what is told of each byte, packed for the page's script."""

import base64
import html
import unicodedata
from collections.abc import Iterator

import numpy as np

from fscompress.explain.trace import TOP, Trace

EDGES = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)  # bits per byte at which the next colour of style.css begins
_MARKS = {"\n": "↵\n", "\t": "⇥\t", "\r": "←", " ": " "}
_LONGEST = 4  # bytes of a UTF-8 character

# What tooltip.js reads of each byte; bits in hundredths, probabilities in 255ths.
RECORD = np.dtype(
    [
        ("byte", "u1"),
        ("bits", "<u2"),
        ("network", "<u2"),
        ("first", "u1"),
        ("second", "u1"),
        ("top", "u1", TOP),
        ("p", "u1", TOP),
    ]
)
BEGINS = 128  # added to ``first`` where a character begins


def characters(data: bytes) -> Iterator[tuple[int, str]]:
    """(number of bytes, character) one after the other; a byte that is not of valid UTF-8 has the character ''."""
    at = 0
    while at < len(data):
        for n in range(1, _LONGEST + 1):
            try:
                character = data[at : at + n].decode()
            except UnicodeDecodeError:
                continue
            break
        else:
            n, character = 1, ""
        yield n, character
        at += n


def shown(character: str, raw: bytes) -> str:
    """What stands for a character on the page, escaped: line ends and tabs marked, the invisible ones named."""
    if character in _MARKS:
        return _MARKS[character]
    if not character or raw[0] < 0x20:
        return f"\\x{raw[0]:02X}"
    if not character.isprintable():  # a mark of direction or of no width would change what stands around it
        return f"\\u{ord(character):04X}"
    if unicodedata.category(character).startswith("M"):
        character = f"◌{character}"  # a dotted circle, as it combines with what stands before it
    return html.escape(character)


def coloured(trace: Trace) -> str:
    """A span for each character, with the class of its mean bits per byte; none for the cheapest."""
    at, spans = 0, []
    for n, character in characters(trace.data):
        shade = int(np.searchsorted(EDGES, trace.bits[at : at + n].mean(), side="right"))
        opening = f"<i class=c{shade}>" if shade else "<i>"
        spans.append(f"{opening}{shown(character, trace.data[at : at + n])}</i>")
        at += n
    return "".join(spans)


def packed(trace: Trace) -> str:
    """A ``RECORD`` for each byte, in base64."""
    records = np.zeros(len(trace.data), RECORD)
    records["byte"] = np.frombuffer(trace.data, np.uint8)
    records["bits"], records["network"] = np.rint(100 * trace.bits), np.rint(100 * trace.network_bits)
    lengths = [n for n, _ in characters(trace.data)]
    begins = np.zeros(len(trace.data), np.uint8)
    begins[np.cumsum([0, *lengths[:-1]])] = BEGINS
    records["first"], records["second"] = trace.winners[:, 0] + begins, trace.winners[:, 1]
    records["top"], records["p"] = trace.top, np.rint(255 * trace.top_p)
    return base64.b64encode(records.tobytes()).decode()
