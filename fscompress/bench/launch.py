"""Runs one program and reports its seconds and peak memory; the process between ``external.py`` and it.

A process inherits the peak memory of the one that started it, until its own is higher.  This one is as small as Python
gets, so it imports nothing of the package and is run by its path.  What the program prints on stdout is dropped.

Run: ``python -I -S launch.py PROGRAM WORD...``
"""

import os
import sys
import time

KIB = 1 if sys.platform == "darwin" else 1024  # bytes in a unit of ru_maxrss


def main() -> None:
    """Writes ``seconds peak_bytes`` to stdout and ends as the program did, by its signal or exit code."""
    began = time.perf_counter()
    pid = os.fork()
    if not pid:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        os.execv(sys.argv[1], sys.argv[1:])
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - began
    sys.stdout.write(f"{seconds} {usage.ru_maxrss * KIB}\n")
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    main()
