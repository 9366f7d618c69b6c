"""A corpus that a small network learns in a second."""

import pytest

from fscompress.corpora import open_corpus


@pytest.fixture
def corpus(tmp_path):
    text = tmp_path / "text"
    text.write_bytes(b"the quick brown fox jumps over the lazy dog. " * 200)
    return open_corpus(str(text))
