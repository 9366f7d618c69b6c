"""Corpora to train and evaluate on: the paper's two, any file, any folder, or a weighted mix of folders.

In: a name or paths.  Out: a ``Corpus`` of memory-mapped byte ranges with its train, validation and test parts, and
batches of int64 [T + 1, B] from it.  Library of this folder: numpy, and urllib for the one download.  Imported by
``training``, ``study``, ``bench`` and ``cli``.  Guarded by ``tests/corpora/``.  Next: ``source.py``, ``named.py``,
``batches.py``.
"""

from fscompress.corpora.batches import ORDER, Batches
from fscompress.corpora.named import named_corpus, open_corpus
from fscompress.corpora.source import Corpus, Group, Source

__all__ = ["ORDER", "Batches", "Corpus", "Group", "Source", "named_corpus", "open_corpus"]
