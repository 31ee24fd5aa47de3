from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.process
def test_importing_the_package_imports_nothing_heavy() -> None:
    """`bootstrap --help` does not wait for pydantic or a YAML parser."""
    code = (
        "import sys, bootstrap.inventory as i; i.provider_names();"
        "print([name for name in ('pydantic', 'ruamel', 'jsonschema', 'difflib') if name in sys.modules])"
    )

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
