"""What a reader must refuse of a model file, code by code: the list of docs/INTEGER.md, section 2.1."""

from enum import Enum

from fscompress.errors import EngineError, FscompressError, ModelFileError, UnsupportedVersionError


class ModelRule(Enum):
    """A rule of INTEGER.md section 2.1; ``error`` is the class of what is raised where it is broken."""

    LARGE = "M01", ModelFileError
    SAFETENSORS = "M02", ModelFileError
    ARCHITECTURE = "M03", ModelFileError
    SCHEME = "M04", UnsupportedVersionError
    METADATA = "M05", ModelFileError
    MISSING = "M06", ModelFileError
    STRANGE = "M07", ModelFileError
    DTYPE = "M08", ModelFileError
    SHAPE = "M09", ModelFileError
    VALUE = "M10", ModelFileError
    CELL_BOUND = "M11", ModelFileError
    LOGIT_BOUND = "M12", ModelFileError
    CANARY = "M13", EngineError

    def __init__(self, code: str, error: type[FscompressError]) -> None:
        self.code = code
        self.error = error


def broken_model(rule: ModelRule, what: str) -> FscompressError:
    """The error to raise; ``what`` says what is wrong, in one line."""
    return rule.error(f"{what} [{rule.code}]")
