"""What the format has and this version does not act on: told only where somebody wrote it."""

from __future__ import annotations

from collections.abc import Iterator

from bootstrap.inventory.draft import Draft
from bootstrap.inventory.problem import LATER, Finding, Loc

_STAYS = "it may stay in the file for a later version"


def check(draft: Draft) -> Iterator[Finding]:
    """One warning for a provider that is still to come; else one for each key without effect.

    It is asked when the file has no error: what is to come is no matter in a file that must be mended first.
    """
    provider, file = draft.provider, draft.file
    if provider is not None and not provider.built:
        what = f"machines of '{provider.name}', the file is only checked and rendered"
        yield _later(("provider",), what, "use provider: local to run a cluster")
        return
    # What nobody wrote is a default, and `off` is what this version does.
    if file.backup and file.backup.model_fields_set and file.backup.every is not None:
        yield _later(("backup",), "backups", _STAYS)
    if file.registries:
        yield _later(("registries",), "registry logins", _STAYS)


def _later(loc: Loc, what: str, hint: str) -> Finding:
    return Finding(LATER, loc, f"not in this version: {what}", hint)
