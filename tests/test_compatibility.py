"""The compatibility matrix installs what its runs of pytest need."""

import re
import tomllib

from tests.compatibility import TESTERS, requirements
from tests.conftest import ROOT


def test_the_plug_ins_that_pytest_is_configured_for_are_installed() -> None:
    names = {re.split("[<>=]", each)[0] for each in requirements(with_torch=False)}
    assert set(TESTERS) <= names
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    assert ("timeout" in configured) == ("pytest-timeout" in names)
    assert "torch" not in names
