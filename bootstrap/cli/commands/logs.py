"""`bootstrap logs`."""

from __future__ import annotations

import click

from bootstrap.cli.nodes import find
from bootstrap.cli.options import file_and, option, verb, words_argument
from bootstrap.cli.run import Run
from bootstrap.engine.logs import redact
from bootstrap.errors import BootstrapError
from bootstrap.remote.runner import Runner

_LINES = "--lines=300"
_JOURNAL = ("journalctl", "--no-pager", "--output=short-iso", "--boot", _LINES)

# The answer is mostly in the last section, so that it stands where the eye is when all has scrolled by.
JOINING = {
    "first boot": ("cat", "/run/bootstrap/progress"),
    "engine": (*_JOURNAL, "--unit=docker.service"),
    "joining": (
        *_JOURNAL,
        "--unit=bootstrap-boot.service",
        "--unit=docker-swarm-join.service",
        "--unit=bootstrap-agent.service",
    ),
}
BOOTING = {
    "cloud-init": ("cloud-init", "status", "--long"),
    "user-data": ("tail", _LINES, "/var/log/cloud-init-output.log"),
    "journal": (*_JOURNAL, "--unit=cloud-init*", "--unit=cloud-config.service", "--unit=cloud-final.service",
                "--unit=bootstrap-boot.service"),
}  # fmt: skip


@verb()
@words_argument("NODE")
@option("--boot", is_flag=True, help="The first boot: what cloud-init and the user-data wrote.")
@click.pass_obj
def command(run: Run, words: tuple[str, ...], boot: bool) -> None:
    """Show why a machine joined, or why not.

    NODE is a hostname, a node id or its beginning, or an instance id; it need not be a node of the swarm yet.
    """
    file, node = file_and(words, "NODE")
    session = run.open(file)
    instance = find(session, node)
    sections = _read(session.runner(instance), BOOTING if boot else JOINING)
    if not sections:
        fix = f"look there yourself: bootstrap ssh {file} {instance.hostname}"
        raise BootstrapError("the machine has no logs of ours", where=instance.hostname, fix=fix, code="no_logs")
    document = {
        "node": instance.hostname,
        "instance": instance.id,
        "step": instance.step,
        "logs": [{"title": title, "text": text} for title, text in sections.items()],
    }
    run.emit(document, "\n\n".join(f"== {instance.hostname}: {title} ==\n{text}" for title, text in sections.items()))


def _read(runner: Runner, sources: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """What each source says, without secrets; a file or unit that is not there yet is left out."""
    found = {}
    for title, argv in sources.items():
        text = redact(runner.run(argv).stdout).strip()
        if text:
            found[title] = text
    return found
