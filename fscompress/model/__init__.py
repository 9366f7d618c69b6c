"""The float networks: the FS-RNN, what it is compared with, and their cells.

Of the float side, torch lives here, in ``training``, ``export`` and ``study``.

In: byte values int64 [T, B].  Out: logits float [T, B, 256].  Imported by these three and ``bench``, its
``config.py`` by ``cli`` too; ``encode`` and ``decode`` never load it.  Obeys docs/MODEL.md (paper equation to line);
guarded by ``tests/model/``.
Importing this package is cheap: all of its files but ``config.py`` load torch.  Next: ``config.py``, ``network.py``,
``fs_rnn.py``; ``build.py`` makes a network of a shape, ``base.py`` says what each of them offers.
"""

from fscompress.model.config import NATS_PER_BIT, VOCABULARY, ModelConfig

__all__ = ["NATS_PER_BIT", "VOCABULARY", "ModelConfig"]
