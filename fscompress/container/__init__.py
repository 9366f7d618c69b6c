"""The container: from blocks to the bytes of an .fsc file and back, format version 1.

In: plain blocks and coded blocks (bytes), a model's id and name.  Out: a stream of records, each with its CRC-32, the
whole with its SHA-256; and from such a stream the same records again, or an error that names the broken rule.
Nothing here knows how a block is coded.  Libraries of this folder: struct, zlib.crc32, hashlib.  Obeys docs/FORMAT.md;
guarded by ``tests/container/`` and ``tests/fuzz/test_container_fuzz.py``.
Next: ``layout.py`` (byte tables), ``rules.py`` (what is refused), ``writer.py``, ``reader.py``.
"""

from fscompress.container.heads import Head, read_lone_head
from fscompress.container.layout import (
    BLOCK_LOG2_MAX,
    BLOCK_LOG2_MIN,
    CODED_OVERHEAD,
    MAX_MODELS,
    MAX_PLAIN_PER_CODED,
    MAX_RECORD,
    MODEL_ID_BYTES,
    RAW_OVERHEAD,
    SCHEME_MIXED,
    SCHEME_NETWORK,
    VERSION,
    model_record_size,
)
from fscompress.container.reader import Reader, Record, block_of, skim
from fscompress.container.records import BlockInfo, CodedBlock, End, Header, ModelRecord, RawBlock, Verifier
from fscompress.container.rules import Rule, broken
from fscompress.container.writer import Writer

__all__ = [
    "BLOCK_LOG2_MAX",
    "BLOCK_LOG2_MIN",
    "CODED_OVERHEAD",
    "MAX_MODELS",
    "MAX_PLAIN_PER_CODED",
    "MAX_RECORD",
    "MODEL_ID_BYTES",
    "RAW_OVERHEAD",
    "SCHEME_MIXED",
    "SCHEME_NETWORK",
    "VERSION",
    "BlockInfo",
    "CodedBlock",
    "End",
    "Head",
    "Header",
    "ModelRecord",
    "RawBlock",
    "Reader",
    "Record",
    "Rule",
    "Verifier",
    "Writer",
    "block_of",
    "broken",
    "model_record_size",
    "read_lone_head",
    "skim",
]
