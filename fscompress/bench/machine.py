"""Where figures were measured: processor, system, and versions of all that took part."""

import importlib.metadata
import os
import platform
import time
from dataclasses import dataclass, field
from pathlib import Path

from fscompress import __version__

CPUINFO = Path("/proc/cpuinfo")
# Vector instructions that speeds depend on, as the kernel calls them.
FLAGS = ("avx2", "avx512f", "avx512bw", "avx512_vnni", "avx_vnni", "avx512_fp16", "amx_int8", "asimd", "asimddp", "sve")
LIBRARIES = ("numpy", "numba", "onnxruntime", "constriction")


@dataclass(frozen=True)
class Machine:
    """One machine at one time.

    Args:
        cores: processors that this process may use.
        load: processes that wanted one during the last minute, before anything was measured; -1: not known.
        flags: of ``FLAGS``, those that it has.
        versions: of this program, Python and the libraries that code.
    """

    processor: str
    cores: int
    flags: tuple[str, ...]
    system: str
    load: float
    date: str
    versions: dict[str, str] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """For people."""
        load = f", load {self.load:.2f} at the start" if self.load >= 0 else ""
        flags = " ".join(self.flags) or "no vector instructions known"
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        return [f"{self.date}: {self.processor}, {self.cores} cores, {flags}{load}", f"{self.system}; {versions}"]


def this_machine() -> Machine:
    """The machine that this runs on, now."""
    processor, flags = _processor()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    versions = {"fscompress": __version__, "Python": platform.python_version()}
    versions |= {name: importlib.metadata.version(name) for name in LIBRARIES}
    system = f"{platform.system()} {platform.machine()}"
    return Machine(processor, cores, flags, system, _load(), time.strftime("%Y-%m-%d %H:%M"), versions)


def _processor() -> tuple[str, tuple[str, ...]]:
    lines = CPUINFO.read_text(errors="replace").splitlines() if CPUINFO.exists() else []
    entries = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    found = set((entries.get("flags") or entries.get("Features") or "").split())
    name = entries.get("model name") or platform.processor() or platform.machine()
    return " ".join(name.split()), tuple(flag for flag in FLAGS if flag in found)


def _load() -> float:
    try:
        return os.getloadavg()[0]
    except OSError:
        return -1.0
