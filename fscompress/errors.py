"""Every error that fscompress raises on purpose, with the exit code that it gives the command line.

One base class, one subclass for each defect that a reader can act on.  Messages are one lower-case line:
what is wrong (got X, expected Y, offset N); what to do.  Nothing in this file imports anything.
"""

EXIT_OK = 0
EXIT_REFUSED = 1  # I/O error or refusal
EXIT_USAGE = 2  # wrong usage (click's own)
EXIT_DAMAGED = 3  # damaged or foreign file
EXIT_UNSUPPORTED = 4  # valid file that this build cannot decode (version, model)
EXIT_HUNG_UP = 129  # SIGHUP
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143  # SIGTERM


class FscompressError(Exception):
    """Base of all errors raised on purpose; ``exit_code`` is what the command line ends with."""

    exit_code = EXIT_REFUSED


class RefusedError(FscompressError):
    """The request is understood and refused: the target exists, a terminal is in the way, a setting is impossible."""


class DamagedError(FscompressError):
    """The file is not an intact .fsc file: magic, lengths, reserved bits or a checksum do not hold."""

    exit_code = EXIT_DAMAGED


class ChecksumError(DamagedError):
    """The structure holds but the decoded bytes are not those that were encoded."""


class UnsupportedVersionError(FscompressError):
    """The file is valid but of a format version or coding scheme that this build does not know."""

    exit_code = EXIT_UNSUPPORTED


class ModelNotFoundError(FscompressError):
    """The model that a file was encoded with, or that was asked for by name, is not installed."""

    exit_code = EXIT_UNSUPPORTED


class ModelFileError(FscompressError):
    """A model file is damaged, of unknown architecture, or breaks a bound of docs/INTEGER.md."""

    exit_code = EXIT_DAMAGED


class UnreadableModelError(ModelFileError):
    """A model file cannot be read: permissions, a folder, a failing disk.  It may well be intact."""

    exit_code = EXIT_REFUSED


class EngineError(FscompressError):
    """An engine is missing or its canary failed: it would not compute what docs/INTEGER.md says."""


class CorpusError(FscompressError):
    """A corpus cannot be found, downloaded or verified."""


class CheckpointError(FscompressError):
    """A training checkpoint is damaged or does not fit the requested run."""


class BaselineError(FscompressError):
    """A compressor that is measured failed, was too slow, or did not give the bytes back."""
