"""Articles of later dumps of the English Wikipedia, as a dump of early 2006 would have them: training data like enwik8.

``python models/as2006.py WIKIPEDIA VALID OUT.xml`` reads the files of the folder WIKIPEDIA (XML dumps and raw markup),
leaves out what is not English, is mostly a table, or has a title that VALID has, takes away what came later (footnotes,
citation templates, info boxes, alternative texts), links dates, and writes what is left as pages with made-up heads.
"""

import html
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

SEED = 5
MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
WORDS = (" the ", " of ", " and ", " in ")
TEMPLATES = (
    "[Rr]eflist|[Aa]uthority control|DEFAULTSORT|[Uu]se |[Pp]ersondata|[Pp]p-|[Cc]ite|[Cc]itation|[Ss]fn|[Hh]arv|"
    "[Ii]nfobox|[Nn]avbox|[Pp]ortal|[Cc]oord|[Rr]ef|[Cc]ol|[Dd]iv col|[Gg]ood article|[Ff]eatured|[Aa]bout|"
    "[Ss]hort desc|[Cc]ommons cat|[Ee]fn|[Nn]otelist|[Ff]urther|[Qq]uote box|[Mm]ultiple image|[Ii]PA|[Ll]ang"
)
USERS = (
    *("Rich Farmbrough", "Bluebot", "YurikBot", "Conscious", "Gurch", "SmackBot", "Tawkerbot2", "FlaBot", "Bluemoose"),
    *("Curps", "Jtdirl", "Mirv", "Maveric149", "Wetman", "Ahoerstemeier", "RedWolf", "Neutrality", "Tregoweth"),
    *("Brion VIBBER", "Conversion script"),
)
COMMENTS = (
    *("", "", "", "/* External links */", "/* See also */", "/* History */", "robot  Adding: [[de:%s]]", "rv"),
    *("copyedit", "[[WP:AWB|AWB assisted]] clean up", "disambiguation link repair"),
    *("Reverted edits by [[Special:Contributions/%s|%s]]", "fixed link", "typo", "/* References */"),
)
rng = random.Random(SEED)


def articles(name: str, text: str) -> Iterator[tuple[str, str]]:
    """Titles and markup of a dump, or of a file of raw markup."""
    if "<page>" not in text:
        for part in re.split(r"=======EOF=======\n?", text):
            title = re.search(r"'''(.{2,60}?)'''", part)
            yield title[1] if title else name, part
        return
    for page in re.finditer(r"<page>(.*?)(</page>|$)", text, re.DOTALL):
        title = re.search(r"<title>(.*?)</title>", page[1])
        body = re.search(r"<text[^>]*>(.*?)</text>", page[1], re.DOTALL)
        if title and body:
            markup = html.unescape(body[1])
            twice = markup.count("&lt;") > 20 and "<" not in markup
            yield html.unescape(title[1]), html.unescape(markup) if twice else markup


def is_english(markup: str) -> bool:
    """Whether four words are as frequent in it as in English."""
    return sum(map(markup.count, WORDS)) * 1000 >= 8 * max(len(markup), 1)


def without_templates(markup: str) -> str:
    """Markup without the templates that came later, and the lines that they leave empty."""
    kept, at = [], 0
    for match in re.finditer(r"\{\{ ?(" + TEMPLATES + ")", markup):
        end = template_end(markup, match.start())
        if match.start() < at or end < 0:
            continue
        kept.append(markup[at : match.start()])
        at = end + (kept[-1].endswith("\n") and markup[end : end + 1] == "\n")
    return "".join([*kept, markup[at:]])


def template_end(markup: str, start: int) -> int:
    """Where the braces that open at ``start`` are closed; -1: nowhere."""
    depth = 0
    for match in re.finditer(r"\{\{|\}\}", markup[start : start + 60000]):
        depth += 1 if match[0] == "{{" else -1
        if depth == 0:
            return start + match.end()
    return -1


def as_of_2006(markup: str) -> str:
    """Markup without footnotes and what else was new, with links and signs as they were."""
    markup = re.sub(r"<ref[^<>]*/>", "", markup)
    markup = re.sub(r"<ref[^<>]*>.*?</ref>", "", markup, flags=re.DOTALL)
    markup = re.sub(r"<!--.*?-->", lambda m: m[0] if rng.random() < 0.3 else "", markup, flags=re.DOTALL)
    for pattern, new in (
        (r"\{\{(citation needed|cn|fact)[^{}]*\}\}", ""),
        (r"\{\{main\|([^{}|]*)\}\}", r":''Main article: [[\1]]''"),
        (r"\{\{see also\|([^{}|]*)\}\}", r":''See also: [[\1]]''"),
        (r"\{\{(convert|cvt)\|([\d.,]+)\|([^|{}]+)[^{}]*\}\}", r"\2 \3"),
    ):
        markup = re.sub(pattern, new, markup, flags=re.IGNORECASE)
    markup = without_templates(markup)
    headings = r"==+ ?(References|Notes|Citations|Footnotes) ?==+\s*(<references ?/>)?\s*(?=(==|\[\[|\{\{|$))"
    markup = re.sub(headings, "", markup).replace("[[File:", "[[Image:")
    markup = re.sub(r"\|alt=[^|\]]*", "", markup)
    dashes = rng.random()
    markup = markup.replace("\u2013", "&ndash;" if dashes < 0.4 else "-").replace(
        "\u2014", "&mdash;" if dashes < 0.5 else "--"
    )
    markup = markup.translate({0x2019: "'", 0x201C: '"', 0x201D: '"', 0xA0: " "})
    markup = re.sub(rf"(?<!\[)\b({MONTHS}) (\d\d?), (\d{{4}})\b(?!\])", r"[[\1 \2]], [[\3]]", markup)
    markup = re.sub(rf"(?<!\[)\b(\d\d?) ({MONTHS}) (\d{{4}})\b(?!\])", r"[[\1 \2]] [[\3]]", markup)
    return re.sub(r"\n{3,}", "\n\n", markup).strip()


def page(title: str, markup: str, number: int) -> str:
    """A page of a dump, with a head that is invented."""
    day = f"2006-{rng.choice(['02', '03', '01'])}-{rng.randint(1, 28):02}"
    time = f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}"
    if rng.random() < 0.3:
        address = f"{rng.randint(12, 220)}.{rng.randint(0, 255)}.{rng.randint(0, 255)}.{rng.randint(0, 255)}"
        contributor = f"<ip>{address}</ip>"
    else:
        contributor = f"<username>{rng.choice(USERS)}</username>\n        <id>{rng.randint(100, 900000)}</id>"
    comment = escape(rng.choice(COMMENTS).replace("%s", title))
    revision = rng.randint(36000000, 42000000)
    lines = [
        *("  <page>", f"    <title>{escape(title)}</title>", f"    <id>{number}</id>", "    <revision>"),
        *(f"      <id>{revision}</id>", f"      <timestamp>{day}T{time}Z</timestamp>"),
        *("      <contributor>", f"        {contributor}", "      </contributor>"),
        *(["      <minor />"] if rng.random() < 0.35 else []),
        *([f"      <comment>{comment}</comment>"] if comment else []),
        f'      <text xml:space="preserve">{escape(markup)}</text>',
        *("    </revision>", "  </page>\n"),
    ]
    return "\n".join(lines)


def escape(text: str) -> str:
    """Text as XML has it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def is_article(title: str, markup: str, shortest: int) -> bool:
    """Whether a page is text enough, and no page of a namespace."""
    return len(markup) >= shortest and is_english(markup) and ":" not in title[:14]


def main(source: Path, valid: Path, target: Path) -> None:
    """Writes the pages in a random order that is always the same."""
    held_out = set(map(html.unescape, re.findall(r"<title>(.*?)</title>", valid.read_text("utf-8", errors="replace"))))
    pages, number = [], 300
    for path in sorted(source.iterdir()):
        for title, markup in articles(path.name, path.read_text("utf-8", errors="replace")):
            if not is_article(title, markup, 300) or title in held_out:
                continue
            older = as_of_2006(markup)
            if is_article(title, older, 250) and older.count("|-") * 120 <= len(older):
                number += rng.randint(1, 3)
                pages.append(page(title, older, number))
    rng.shuffle(pages)
    target.write_text("".join(pages), "utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
