"""What a reader must refuse: the list of docs/FORMAT.md as code, for the container and for the codec above it.

An error carries its rule's code at the end of its message, so that a report names the broken rule without a traceback.
"""

from enum import Enum

from fscompress.errors import (
    ChecksumError,
    DamagedError,
    FscompressError,
    ModelNotFoundError,
    UnsupportedVersionError,
)

COPY = "restore the file from another copy"
NEWER = "decode it with a newer fscompress"
SUFFIX = "give an .fsc file"
INSTALL = "install the model of this name and id"


class Rule(Enum):
    """One line of the must-reject list: its code, the error class, what is wrong, what to do."""

    SHORT_HEADER = "R01", DamagedError, "header is cut short", COPY
    MAGIC = "R02", DamagedError, "not an .fsc file", SUFFIX
    HEADER_CRC = "R03", DamagedError, "header checksum does not hold", COPY
    VERSION = "R04", UnsupportedVersionError, "unknown format version", NEWER
    FLAGS = "R05", DamagedError, "reserved flag is set", COPY
    BLOCK_LOG2 = "R06", DamagedError, "block size is out of range", COPY
    HEADER_RESERVED = "R07", DamagedError, "reserved byte of the header is not zero", COPY
    KIND = "R08", DamagedError, "unknown record kind", COPY
    SHORT_RECORD = "R09", DamagedError, "input ends before its end record", COPY
    SHORT_PAYLOAD = "R10", DamagedError, "block is cut short", COPY
    RECORD_CRC = "R11", DamagedError, "record checksum does not hold", COPY
    RESERVED = "R12", DamagedError, "reserved bytes of a record are not zero", COPY
    N_PLAIN = "R13", DamagedError, "plain length is out of range", COPY
    SCHEME = "R14", UnsupportedVersionError, "unknown coding scheme", NEWER
    LANES = "R15", DamagedError, "number of lanes is out of range", COPY
    N_CODED = "R16", DamagedError, "coded length is out of range", COPY
    CODER_WORDS = "R17", DamagedError, "coded length is not whole words", COPY
    PARAMETERS = "R18", DamagedError, "parameters are not those of the scheme", COPY
    NO_MODEL = "R19", DamagedError, "coded block without a model record", COPY
    NAME_LENGTH = "R20", DamagedError, "model name length is out of range", COPY
    NAME = "R21", DamagedError, "model name has a forbidden byte", COPY
    MANY_MODELS = "R22", DamagedError, "too many model records", COPY
    LATE_MODEL = "R23", DamagedError, "model record after a coded block", COPY
    SAME_MODEL = "R24", DamagedError, "model id is named twice", COPY
    TOTAL = "R25", DamagedError, "total length is not the sum of the blocks", COPY
    TRAILING = "R26", DamagedError, "trailing bytes after the end record", COPY
    RAW_CRC = "R27", ChecksumError, "raw block checksum does not hold", COPY
    CODED_CRC = "R28", ChecksumError, "coded block does not decode to its checksum", COPY
    SHA256 = "R29", ChecksumError, "content checksum does not hold", COPY
    CODER_END = "R30", DamagedError, "coder does not end with its block", COPY
    UNKNOWN_MODEL = "R31", ModelNotFoundError, "model is not installed", INSTALL

    def __init__(self, code: str, error: type[FscompressError], text: str, advice: str) -> None:
        self.code = code
        self.error = error
        self.text = text
        self.advice = advice


def broken(rule: Rule, got: object, expected: object, offset: int) -> FscompressError:
    """The error to raise; ``offset`` counts bytes from the start of the input to what breaks ``rule``."""
    detail = f"(got {got}, expected {expected}, offset {offset})"
    return rule.error(f"{rule.text} {detail}; {rule.advice} [{rule.code}]")
