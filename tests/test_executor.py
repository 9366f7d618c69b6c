"""Which threads a block may take for itself beside the others of its executor."""

from collections.abc import Sequence

import pytest

from fscompress.blocks import Progress, silent
from fscompress.codec import PlainBlock
from fscompress.engine import Engine
from fscompress.executor import LocalExecutor, Networks
from fscompress.parallel import Threads
from tests.helpers import blank_plan, tiny


def taken(_engines: Sequence[Engine], _block: PlainBlock, _progress: Progress, threads: Threads) -> bytes:
    """As many bytes as there are free threads, all of which are given back."""
    n = 0
    while threads.take():
        n += 1
    for _ in range(n):
        threads.give()
    return bytes(n)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_block_may_take_all_threads_but_its_own(n: int) -> None:
    block = PlainBlock(b"a", blank_plan("normal", 1), ahead=False)
    with LocalExecutor(n) as run:
        for _ in range(2):  # the first block's thread is free again
            assert run.submit(taken, Networks((tiny(),), "cpu"), block, silent).result() == bytes(n - 1)
