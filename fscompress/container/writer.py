"""Writes the container: one stream from header to end record.  Twin of ``reader.py``; decides nothing."""

import hashlib
import zlib
from typing import BinaryIO

from fscompress.container import layout
from fscompress.container.layout import CODED, END, HEADER, RAW, model_layout
from fscompress.streams import write_all


class Writer:
    """Writes records in the order of the calls; the header is written at once, the end record by ``finish``.

    ``block_log2`` is 10 to 30: no block is longer than 2**block_log2 plain bytes.  ``n_written`` counts the bytes of
    this stream.  Arguments out of range are the caller's fault: AssertionError.
    """

    def __init__(self, target: BinaryIO, block_log2: int) -> None:
        assert layout.BLOCK_LOG2_MIN <= block_log2 <= layout.BLOCK_LOG2_MAX
        self.n_written = 0
        self._target = target
        self._n_block = 1 << block_log2
        self._hash = hashlib.sha256()
        self._n_plain = 0
        self._models: list[bytes] = []
        self._coded = False
        self._finished = False
        self._write(HEADER.pack(layout.MAGIC, layout.VERSION, 0, block_log2, 0))

    def write_model(self, model_id: bytes, name: str) -> None:
        """Names a model, before the first coded block: 8 bytes of its file's SHA-256 and a name of FORMAT section 6."""
        ascii_name = name.encode("ascii")
        assert not self._coded
        assert len(self._models) < layout.MAX_MODELS
        assert len(model_id) == layout.MODEL_ID_BYTES
        assert model_id not in self._models
        assert layout.NAME.fullmatch(ascii_name)
        assert len(ascii_name) <= layout.MAX_NAME
        self._models.append(model_id)
        table = model_layout(len(ascii_name))
        self._write(table.pack(layout.KIND_MODEL, len(ascii_name), bytes(2), model_id, ascii_name))

    def write_raw(self, plain: bytes) -> None:
        """Stores 1 to 2**block_log2 plain bytes as they are."""
        self._write(RAW.pack(layout.KIND_RAW, bytes(3), len(plain), self._count(plain)))
        self._write(plain)

    def write_coded(self, scheme: int, lanes: int, parameters: bytes, plain: bytes, coded: bytes) -> None:
        """Stores ``coded``, whole 4-byte words and fewer bytes than ``plain``, which it decodes to.

        ``parameters`` are 12 bytes: zeros with scheme 0, those of FORMAT section 5.3 with scheme 1.
        """
        assert self._models
        assert scheme in layout.SCHEMES
        assert len(parameters) == layout.MIXED.size
        assert layout.wrong_parameter(scheme, parameters, lanes, len(self._models)) is None
        assert 1 <= lanes <= min(len(plain), layout.MAX_LANES)
        assert 1 <= len(coded) < len(plain) <= len(coded) * layout.MAX_PLAIN_PER_CODED
        assert len(coded) % layout.CODER_WORD == 0
        self._coded = True
        crc = self._count(plain)
        self._write(CODED.pack(layout.KIND_CODED, scheme, lanes, len(plain), len(coded), crc, parameters))
        self._write(coded)

    def finish(self) -> None:
        """Writes the end record; nothing may be written after it."""
        self._write(END.pack(layout.KIND_END, bytes(3), self._n_plain, self._hash.digest()))
        self._finished = True

    def _count(self, plain: bytes) -> int:
        """Takes a block's bytes into the totals; its CRC-32."""
        assert 1 <= len(plain) <= self._n_block
        self._n_plain += len(plain)
        self._hash.update(plain)
        return zlib.crc32(plain)

    def _write(self, data: bytes) -> None:
        assert not self._finished
        write_all(self._target, data)
        self.n_written += len(data)
