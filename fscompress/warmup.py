"""Compiles the kernels of all levels, in both directions, by coding a few bytes in every way that a file may take.

numba compiles a kernel when it is first called with arguments of new types.  Guarded by ``tests/test_warmup.py``: after
this no file has anything compiled.
"""

import zlib

from fscompress.blocks import decode_block, encode_block
from fscompress.container import SCHEME_NETWORK, CodedBlock
from fscompress.engine import EnginePool, IntegerModel
from fscompress.levels import LEVELS, Plan, plan, predictor

_PLAIN = b"text " * 30
_MANY_LANES = 64  # level fast's, of which some end here before the others


def compile_kernels(model: IntegerModel) -> None:
    """Leaves every kernel of the default engine in the cache; raises EngineError as engines do."""
    pool = EnginePool([model], "auto")
    of_levels = (plan(each, len(_PLAIN), 1) for each in LEVELS.values())
    for planned in dict.fromkeys((*of_levels, _many_lanes())):
        _code(planned, pool)


def _many_lanes() -> Plan:
    """Has kernels of its own in the network on some processors, none in a mixer."""
    return Plan(SCHEME_NETWORK, _MANY_LANES, bytes(12))


def _code(planned: Plan, pool: EnginePool) -> None:
    n, how = len(_PLAIN), (planned.scheme, planned.lanes, planned.parameters)
    coded = pool.run(lambda engines: encode_block(_PLAIN, planned.lanes, predictor(planned, n, engines), _silent))
    block = CodedBlock(*how, n, zlib.crc32(_PLAIN), coded)
    pool.run(lambda engines: decode_block(block, predictor(planned, n, engines), _silent))


def _silent(_n_bytes: int) -> None:
    """Reports no progress."""
