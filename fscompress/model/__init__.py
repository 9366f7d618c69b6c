"""The float network: FS-RNN and its cells (torch lives here, in ``training``, in ``export``, and nowhere else).

In: byte values int64 [T, B].  Out: logits float [T, B, 256].  Imported by ``training`` and ``export`` only;
``encode`` and ``decode`` never load it.  Obeys docs/MODEL.md (paper equation to line); guarded by ``tests/model/``.
Importing this package is cheap: torch is loaded by ``fs_rnn`` and ``cells``.  Next: ``config.py``, ``fs_rnn.py``.
"""

from fscompress.model.config import VOCABULARY, ModelConfig

__all__ = ["VOCABULARY", "ModelConfig"]
