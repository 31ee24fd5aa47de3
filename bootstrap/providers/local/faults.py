"""What can go wrong with a machine, done on purpose to hosts of this one: power, cable, disk, and the network's parts.

No lock is taken: faults strike while another run works. Each may strike twice; the second time changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bootstrap.errors import BootstrapError
from bootstrap.lab import disk, host, partition, paths, power, preflight, records
from bootstrap.lab.records import HostRecord
from bootstrap.lab.state import group
from bootstrap.providers.local.fault import each
from bootstrap.providers.local.host import switch_on
from bootstrap.providers.local.readable import readable


@dataclass(frozen=True)
class Faults:
    """The faults of one cluster. Each method says in a few words what became of the host."""

    cluster: str
    say: Callable[[str], None] = field(compare=False, repr=False)

    def strike(self, verb: str, hostname: str) -> str:
        """Do `verb` to one host; BootstrapError where there is no such host, or it is off and has to be on."""
        preflight.check_root()
        return VERBS[verb](self, self._record(hostname))

    def part(self, groups: Sequence[Sequence[str]]) -> None:
        """Part these groups of hostnames from each other."""
        preflight.check_root()
        partition.split(self.cluster, groups)

    def heal(self) -> str:
        """The network is whole, no cable is out, no disk is full; BootstrapError where there is no such cluster.

        Says what of that was needed.
        """
        preflight.check_root()
        if not paths.cluster_dir(self.cluster).exists():
            fix = "run `bootstrap up` first"
            raise BootstrapError("there is no such cluster yet", where=self.cluster, fix=fix, code="no_cluster")
        whole = readable(partition.current, self.cluster) == []  # a record that cannot be read goes as well
        partition.clear(self.cluster)
        lifted = [] if whole else ["no partition"]
        hosts = records.load_hosts(paths.cluster_dir(self.cluster))
        lifted += [f"{record.hostname}: {what}" for record in hosts if (what := _healed(record))]
        return f"healed: {'; '.join(lifted)}" if lifted else "nothing to heal"

    def start(self, record: HostRecord) -> str:
        """Switch it on with the disk that it has."""
        if host.running(record):
            return "is on already"
        switch_on(record, self.say)
        return "is on"

    def wipe(self, record: HostRecord) -> str:
        """Replace the machine: cut the power, give it an empty disk and a new instance id, and boot it."""
        power.kill(record)
        fresh = host.wipe(record)
        switch_on(fresh, self.say)
        return f"boots with an empty disk, as instance {fresh.instance}"

    def _record(self, hostname: str) -> HostRecord:
        record = records.load_host(paths.cluster_dir(self.cluster), hostname)
        if record is None:
            raise BootstrapError("the host is gone", where=hostname, fix="see `bootstrap status`", code="no_node")
        return record


def _done(do: Callable[[HostRecord], None], words: str) -> Callable[[Faults, HostRecord], str]:
    def strike(_faults: Faults, record: HostRecord) -> str:
        do(record)
        return words

    return strike


def _resume(_faults: Faults, record: HostRecord) -> str:
    if not group(record).frozen():
        return "is not paused" if host.running(record) else "is off, and not paused"
    power.resume(record)
    return "goes on"


def _heal(_faults: Faults, record: HostRecord) -> str:
    lifted = _healed(record)
    return f"is healed: {lifted}" if lifted else "has nothing to heal"


def _healed(record: HostRecord) -> str:
    """Lift what `heal` lifts, and say what that was; "" where there was nothing."""
    before = [one.word for one in each(record, "")]
    power.heal(record)
    return ", ".join(LIFTED[word] for word in before if word in LIFTED)


def _pause(record: HostRecord) -> None:
    if not host.running(record):
        raise BootstrapError("the host is off", where=record.hostname, fix="start it", code="host_off")
    power.pause(record)


# By the word of the fault that is gone.
LIFTED = {"cut off": "cable in", "parted": "nobody parted from it", "disk full": "room on its disk"}
VERBS: Mapping[str, Callable[[Faults, HostRecord], str]] = {
    "reboot": _done(power.reboot, "reboots"),
    "start": Faults.start,
    "pause": _done(_pause, "is paused"),
    "resume": _resume,
    "cut": _done(power.cut, "has no network"),
    "heal": _heal,
    "kill": _done(power.kill, "is off"),
    "wipe": Faults.wipe,
    "fill": _done(disk.fill, "has no room on its disk"),
}
