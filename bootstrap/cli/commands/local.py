"""`bootstrap local`: faults, for hosts of this machine only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bootstrap.cli.nodes import find
from bootstrap.cli.options import default_file, file_and, global_options, is_file, verb, words_argument
from bootstrap.cli.run import Run, Session
from bootstrap.errors import UsageError

if TYPE_CHECKING:
    from bootstrap.providers.local.faults import Faults as Doer

EPILOG = "NODE is a hostname, a node id or its beginning, or an instance id of `bootstrap status`."
STRIKES = {
    "reboot": "Restart it in order, as `systemctl reboot` does.",
    "start": "Switch it on again, with the disk that it has.",
    "pause": "Stop its time.\n\nNothing in it runs, its memory stays, until `resume`.",
    "resume": "Let a paused host go on.",
    "cut": "Pull its network cable.\n\nNo other host, no metadata, no internet, until `heal`.",
    "kill": "Pull its power cord.\n\nThe others hear no goodbye. Its disk stays; `start`, or `bootstrap up`, switches it on.",
    "wipe": "Replace the machine.\n\nIt boots with an empty disk and a new instance id, under the same hostname and address.",
    "fill": "Let nothing be left of its disk.\n\nEvery write there fails, until `heal` gives the room back.",
}


class Faults(click.Group):
    """The verbs, in the order of the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click hands it in
        """As they were added, not by the alphabet."""
        return list(self.commands)


@click.group(cls=Faults, params=global_options(), epilog=EPILOG)
def command() -> None:
    """Make things go wrong on a local cluster.

    Faults take no lock: they strike while another run works. A second time they change nothing.
    """


def open_faults(run: Run, session: Session) -> Doer:
    """The one who does it; the lab is loaded only now."""
    from bootstrap.providers.local.faults import Faults as Opened  # noqa: PLC0415 - the whole provider comes with it

    return Opened(session.cluster.name, run.say)


def _opened(run: Run, file: Path) -> Session:
    """The cluster, if it is one of this machine."""
    session = run.open(file)
    if session.cluster.provider != "local":
        what = f"faults are for the provider local, this cluster is on {session.cluster.provider}"
        raise UsageError(what, where=session.cluster.name, fix="try it on a copy of the file with `provider: local`")
    return session


def _strike(name: str, help_text: str) -> click.Command:
    @verb(name=name, help=help_text, epilog=EPILOG)
    @words_argument("NODE")
    @click.pass_obj
    def strike(run: Run, words: tuple[str, ...]) -> None:
        file, node = file_and(words, "NODE")
        _tell(run, _opened(run, file), name, node)

    return strike


def _tell(run: Run, session: Session, name: str, node: str) -> None:
    hostname = find(session, node).hostname
    message = open_faults(run, session).strike(name, hostname)
    run.emit({"fault": name, "node": hostname, "message": message}, f"{hostname} {message}")


for _name, _help in STRIKES.items():
    command.add_command(_strike(_name, _help))


@verb(epilog=EPILOG)
@click.argument("words", nargs=-1, metavar="[FILE] [NODE]")
@click.pass_obj
def heal(run: Run, words: tuple[str, ...]) -> None:
    """Undo cut, partition and fill: of one node, or of all where none is named.

    A host that is paused or off stays so, and is named with the command that ends that.
    """
    if words and not (len(words) == 1 and is_file(words[0])):
        file, node = file_and(words, "NODE")
        session = _opened(run, file)
        hostname: str | None = find(session, node).hostname
        message = open_faults(run, session).strike("heal", str(hostname))
        first = f"{hostname} {message}"
    else:
        session, hostname = _opened(run, Path(words[0]) if words else default_file()), None
        first = message = open_faults(run, session).heal()
    stays = list(_stays(session, hostname))
    document = {"fault": "heal", "node": hostname, "message": "; ".join([message, *stays])}
    run.emit(document, "\n".join([first, *stays]))


def _stays(session: Session, hostname: str | None) -> Iterator[str]:
    """What is still the matter with that host, or with any, and what ends it."""
    for one in session.instances():
        if hostname not in {None, one.hostname}:
            continue
        if one.state == "stopped":
            start = f"bootstrap local start {session.cluster.path or 'FILE'} {one.hostname}"
            yield f"{one.hostname} stays off: `{start}`"
        elif one.fault is not None:
            yield f"{one.hostname} stays {one.fault.word}: `{one.fault.fix}`"


@verb(
    epilog="GROUPS: A,B|C parts A and B from C. One group alone is parted from all others. Quote it: | is the shell's."
)
@words_argument("GROUPS")
@click.pass_obj
def partition(run: Run, words: tuple[str, ...]) -> None:
    """Part groups of nodes from each other, until they are healed.

    A node in no group reaches everybody, as does one that comes later. Every node reaches the metadata service.
    """
    file, wish = file_and(words, "GROUPS")
    session = _opened(run, file)
    groups = [[find(session, word).hostname for word in group] for group in _parsed(wish)]
    others = [one.hostname for one in session.instances() if not any(one.hostname in group for group in groups)]
    if len(groups) == 1:
        groups, others = [groups[0], others], []
    _check(wish, groups)
    open_faults(run, session).part(groups)
    text = " | ".join(",".join(group) for group in groups)
    text += f"; {', '.join(others)}: in no group, reaching all" if others else ""
    run.emit({"fault": "partition", "groups": groups, "others": others}, text)


def _parsed(wish: str) -> list[list[str]]:
    """The words of each group."""
    groups = [[word.strip() for word in group.split(",")] for group in wish.split("|")]
    if not all(word for group in groups for word in group):
        raise click.UsageError(f"'{wish}' is not A,B|C: a group, or a name in one, is empty")
    return groups


def _check(wish: str, groups: Sequence[Sequence[str]]) -> None:
    """Each node stands once, and there is somebody on the other side."""
    names = [name for group in groups for name in group]
    if len(set(names)) < len(names):
        raise click.UsageError(f"'{wish}' names a node twice")
    if not all(groups):
        raise click.UsageError(f"'{wish}' names every node: nobody is on the other side")


command.add_command(heal)
command.add_command(partition)
