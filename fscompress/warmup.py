"""Compiles the kernels of all levels, in both directions, by coding a few bytes in every way that a file may take.

numba compiles a kernel when it is first called with arguments of new types.  Guarded by ``tests/test_warmup.py``: after
this no file has anything compiled.
"""

import zlib

from fscompress.blocks import decode_block, encode_block
from fscompress.container import CodedBlock
from fscompress.engine import EnginePool, IntegerModel
from fscompress.levels import LEVELS, Plan, plan, predictor
from fscompress.parallel import Threads

_PLAIN = b"text " * 30  # of 64 lanes, some end before the others
_LONG = 1 << 20  # bytes of which level fast makes as many lanes as it ever does


def compile_kernels(model: IntegerModel) -> None:
    """Leaves every kernel of the default engine in the cache; raises EngineError as engines do."""
    pool = EnginePool([model], "auto")
    of_levels = (plan(each, len(_PLAIN), 1) for each in LEVELS.values())
    many_lanes = plan(LEVELS["fast"], _LONG, 1)  # kernels of its own in the network on some processors, none in a mixer
    for planned in dict.fromkeys((*of_levels, many_lanes)):
        _code(planned, pool)


def _code(planned: Plan, pool: EnginePool) -> None:
    n, how = len(_PLAIN), (planned.scheme, planned.lanes, planned.parameters)
    threads = Threads(1)  # for the kernel of a second thread
    coded = pool.run(
        lambda engines: encode_block(_PLAIN, planned.lanes, predictor(planned, n, engines), threads=threads)
    )
    block = CodedBlock(*how, n, zlib.crc32(_PLAIN), coded)
    pool.run(lambda engines: decode_block(block, predictor(planned, n, engines)))
