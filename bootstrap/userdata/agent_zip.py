"""The agent as one file: a zip that Python runs. The same sources give the same bytes on every machine."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_AGENT = Path(__file__).resolve().parent.parent / "agent"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold
_STUB = '"""The agent\'s part of the package."""\n'
_MAIN = """import bootstrap.agent
from bootstrap.agent.unpack import unpack

version, names = {version!r}, {names!r}.split()
folder = unpack(version, names, __loader__.get_data)
if folder:  # looked at first; the archive serves what is not there
    bootstrap.agent.__path__.insert(0, folder + "/bootstrap/agent")

from bootstrap.agent.__main__ import main

raise SystemExit(main(version=version))
"""


@cache
def agent_zipapp() -> bytes:
    """The bytes of `agent.pyz`: run it with `python3 -I agent.pyz VERB`. Deterministic."""
    sources = _sources()
    main = _MAIN.format(version=agent_hash(), names=" ".join(sorted(sources)))
    entries = {"__main__.py": main, "bootstrap/__init__.py": _STUB, **sources}
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, text in sorted(entries.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text)
    return target.getvalue()


@cache
def agent_hash() -> str:
    """Twelve hex digits that change when a source changes: of the sources, since zlib's output differs by version."""
    digest = hashlib.sha256()
    for name, text in sorted(_sources().items()):
        digest.update(f"{name}\0{len(text)}\0{text}".encode())
    return digest.hexdigest()[:12]


def _sources() -> Mapping[str, str]:
    return {f"bootstrap/agent/{path.relative_to(_AGENT)}": path.read_text("utf-8") for path in _AGENT.rglob("*.py")}
