"""An English text that every Python brings along, so that a demonstration needs no download: the topics of ``help()``.

Run: ``python -m fscompress.bench.sample > english.txt``
"""

import sys


def sample_text() -> bytes:
    """The topics one after the other, some 460 kB of English prose about Python, UTF-8."""
    from pydoc_data.topics import topics

    return "\n".join(topics[name] for name in sorted(topics)).encode()


if __name__ == "__main__":
    sys.stdout.buffer.write(sample_text())
