"""The user's own scripts, at four moments of a node's life."""

from __future__ import annotations

import os

from .context import Context
from .errors import AgentError, log
from .metadata import Machine

PRE_JOIN, POST_JOIN, PRE_DRAIN = "pre-join", "post-join", "pre-drain"
_DEADLINE = 600  # seconds for one script


def run(context: Context, moment: str, me: Machine) -> None:
    """Run the scripts of a moment in the order of their names; the first that fails raises AgentError."""
    folder = os.path.join(context.paths.hooks, moment)
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    for name in names:
        _script(os.path.join(folder, name), moment, me)


def _script(path: str, moment: str, me: Machine) -> None:
    import subprocess

    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
    facts = {f"BOOTSTRAP_{key.upper()}": value for key, value in me._asdict().items() if key != "state"}
    log(f"hook {moment}: {os.path.basename(path)}")
    try:
        done = subprocess.run(
            [path], env={**environment, **facts}, stdin=subprocess.DEVNULL, timeout=_DEADLINE, check=False
        )
        code = str(done.returncode)
    except (OSError, subprocess.TimeoutExpired) as error:
        code = type(error).__name__
    if code != "0":
        raise AgentError(f"the script ended with {code}", where=path, fix="see the journal", code="hook_failed")
