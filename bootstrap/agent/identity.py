"""What this machine remembers of itself: its instance, its epoch, the swarm it joined, how far it has come."""

from __future__ import annotations

import json
import os
from typing import Any

from .context import Context, read_file, replace_file

BOOT, ENGINE, JOINING, JOINED = "boot", "engine", "joining", "joined"  # the words of the progress file


def recall(context: Context) -> dict[str, Any]:
    """{"instance", "epoch", "uid", "swarm_id", "node_id", "hooked", "told"}, each only once it is known."""
    try:
        known = json.loads(read_file(_memory(context)))
    except ValueError:
        return {}
    return known if isinstance(known, dict) else {}


def remember(context: Context, **facts: Any) -> None:
    """Add to what is remembered; written only when it changes."""
    known = recall(context)
    if {**known, **facts} != known:
        replace_file(_memory(context), json.dumps({**known, **facts}))


def forget_all(context: Context, instance: str) -> None:
    """Begin anew as `instance`."""
    replace_file(_memory(context), json.dumps({"instance": instance}))


def boot_id(context: Context) -> str:
    """Differs at every boot."""
    return read_file(context.paths.at("/proc/sys/kernel/random/boot_id")).strip()


def progress(context: Context, word: str) -> None:
    """Tell whoever watches from outside how far this boot is."""
    path = os.path.join(context.paths.run, "progress")
    if read_file(path) != word:
        replace_file(path, word, 0o644, lasting=False)


def be_prepared(context: Context) -> None:
    """Note that this boot has done all that must come before an engine."""
    replace_file(os.path.join(context.paths.run, "prepared"), boot_id(context), lasting=False)


def prepared(context: Context) -> bool:
    """True from `be_prepared` to the end of the boot, as long as the memory is there."""
    said = read_file(os.path.join(context.paths.run, "prepared"))
    return bool(said) and said == boot_id(context) and bool(recall(context).get("instance"))


def stay_out(context: Context, wish: bool) -> None:
    """Remember until the next boot that somebody made this node leave on purpose, or that it may join again."""
    path = os.path.join(context.paths.run, "left")
    if wish:
        replace_file(path, "", lasting=False)
    elif os.path.exists(path):
        os.unlink(path)


def stays_out(context: Context) -> bool:
    """True after a `leave` by hand."""
    return os.path.exists(os.path.join(context.paths.run, "left"))


def _memory(context: Context) -> str:
    return os.path.join(context.paths.state, "memory.json")
