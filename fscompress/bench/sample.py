"""An English text that every Python brings along, so that a demonstration needs no download: the topics of ``help()``.

Run: ``python -m fscompress.bench.sample > english.txt``
"""

import sys


def sample_text() -> bytes:
    """The topics one after the other, some 380 kB of English prose about Python, UTF-8.

    Topics repeat each other's paragraphs; each is kept once, so that the text is prose rather than repetition.
    """
    from pydoc_data.topics import topics

    paragraphs = dict.fromkeys(paragraph for name in sorted(topics) for paragraph in topics[name].split("\n\n"))
    return "\n\n".join(paragraphs).encode()


if __name__ == "__main__":
    sys.stdout.buffer.write(sample_text())
