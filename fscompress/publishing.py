"""How a finished temporary file becomes the output: attributes, then its bytes on disk, then its name.

Guarded by ``tests/test_files.py``.
"""

import contextlib
import errno
import os
import stat
from pathlib import Path

_COPIED_MODE = 0o777  # never set-user-id and the like
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EINVAL}


def publish(temporary: Path, descriptor: int, target: Path, original: os.stat_result | None, force: bool) -> None:
    """Gives the file, which is open for writing under ``descriptor``, the name ``target``.

    It takes owner, mode and mtime of ``original``, if that is a regular file; else it has the user's defaults.  Raises
    FileExistsError, without ``force``, where the target exists.
    """
    _set_attributes(descriptor, original)
    os.fsync(descriptor)
    _rename(temporary, target, force)
    _sync_folder(target.parent)


def _set_attributes(descriptor: int, original: os.stat_result | None) -> None:
    """Owner, mode and mtime of a regular input; the user's default mode for a stream."""
    if original is None or not stat.S_ISREG(original.st_mode):
        _change_mode(descriptor, 0o666 & ~_umask())
        return
    mode = stat.S_IMODE(original.st_mode) & _COPIED_MODE
    _change_mode(descriptor, mode if _change_owner(descriptor, original) else _for_another_group(mode))
    if os.utime in os.supports_fd:
        os.utime(descriptor, ns=(original.st_atime_ns, original.st_mtime_ns))


def _change_owner(descriptor: int, original: os.stat_result) -> bool:
    """Owner and group as far as this user may; whether the group is the original's."""
    if hasattr(os, "fchown"):
        for owner, group in ((original.st_uid, -1), (-1, original.st_gid)):
            with contextlib.suppress(OSError):
                os.fchown(descriptor, owner, group)
    return os.fstat(descriptor).st_gid == original.st_gid


def _for_another_group(mode: int) -> int:
    """A mode that lets no group do what the original's group and all others might not."""
    common = mode >> 3 & mode & 0o7
    return mode & 0o700 | common << 3 | common


def _change_mode(descriptor: int, mode: int) -> None:
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, mode)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _rename(temporary: Path, target: Path, force: bool) -> None:
    """Gives the temporary file its name; without ``force`` never over a file that appeared in the meantime."""
    if force:
        os.replace(temporary, target)
        return
    try:
        os.link(temporary, target)  # unlike a rename, fails if the target exists
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        os.replace(temporary, target)


def _sync_folder(folder: Path) -> None:
    # So that --rm cannot lose both files in a power cut; not every system lets a folder be opened.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
