"""``fscompress warmup``: compiles what encode and decode need, before they need it."""

import time

import click

from fscompress import store
from fscompress.cli.console import Console
from fscompress.cli.options import talks
from fscompress.errors import RefusedError


@click.command()
@talks
def warmup(console: Console) -> None:
    """Compile the kernels of all levels into the cache folder, so that the first encode and decode need not.

    Kernels that are there are loaded and tried, which takes a second. A new version has new ones. They are those of
    the default model: one of other cells has some more compiled when it is first used.
    """
    from fscompress import jit
    from fscompress.warmup import compile_kernels

    jit.lasting_cache()  # a private one would be in vain
    before, began = jit.cached_kernels(), time.monotonic()
    compile_kernels(store.load())
    after = jit.cached_kernels()
    if jit.not_kept:
        raise RefusedError(f"{jit.kernel_cache()}: {len(jit.not_kept)} kernels cannot be kept ({jit.not_kept[0]})")
    n_new, seconds = len(after - before), time.monotonic() - began
    done = f"{n_new} compiled in {seconds:.1f} s" if n_new else "nothing to do"
    console.notice(f"{len(after)} kernels: {done} ({jit.kernel_cache()})")
