"""The services in one fabric, as one small process: metadata, DHCP and DNS.

    python -m bootstrap.lab.services CLUSTER_DIR [NETWORK_NAMESPACE]

It starts in the machine's network namespace, opens there the sockets by which names of the internet are asked for, and
then enters the fabric's by itself. `services.pid` and `services.ready` appear in the cluster's folder once all sockets
are bound; the log goes to stderr. It ends on SIGTERM, and by itself when the fabric's record is gone.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from bootstrap.errors import BootstrapError
from bootstrap.lab import wire
from bootstrap.lab.dhcp import Network
from bootstrap.lab.forward import Forwarder, resolvers
from bootstrap.lab.records import FabricRecord, write_text
from bootstrap.lab.roster import Roster, domain_of
from bootstrap.lab.webserver import MetadataServer

CLONE_NEWNET = 0x40000000
ENDING = frozenset({signal.SIGTERM, signal.SIGINT})
LOOK = 5.0  # seconds between two looks whether the fabric is still on record


def main(arguments: Sequence[str]) -> int:
    """Serve until told to end: 0 then, 1 when it cannot start, 2 when it is called wrongly."""
    if len(arguments) not in {1, 2}:
        wire.log("usage: python -m bootstrap.lab.services CLUSTER_DIR [NETWORK_NAMESPACE]")
        return 2
    # Blocked before the first thread starts, so that every thread inherits it and only `_wait` takes the signals.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    roster = Roster(Path(arguments[0]))
    try:
        fabric = roster.fabric()
        loops = _open(roster, fabric, *arguments[1:])
    except (BootstrapError, OSError) as error:
        wire.log(f"cannot start: {error}")
        return 1
    with _recorded(roster.folder):
        for name, loop in loops.items():
            threading.Thread(target=_for_ever, args=(name, loop), name=name, daemon=True).start()
        wire.log(f"ready: {fabric.cluster} at {fabric.gateway}")
        _wait(roster, fabric)
    return 0


def enter(namespace: str) -> None:
    """Move this thread, and those it will start, into a network namespace; sockets stay where they were opened."""
    libc = ctypes.CDLL(None, use_errno=True)  # os.setns came with Python 3.12
    descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(descriptor, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "cannot enter the network namespace", namespace)
    finally:
        os.close(descriptor)


def machine_resolvers(path: Path = Path("/etc/resolv.conf")) -> list[str]:
    """The resolvers that this machine uses now: read at each question, since a laptop changes its network."""
    try:
        return resolvers(path.read_text(errors="replace"))
    except OSError:
        return []


def _open(roster: Roster, fabric: FabricRecord, namespace: str = "") -> dict[str, Callable[[], None]]:
    """Bind everything; what is returned serves."""
    network = Network(IPv4Network(fabric.subnet), IPv4Address(fabric.gateway), domain_of(fabric))
    with ExitStack() as opened:
        outside = wire.outside_sockets()
        for one in outside.values():
            opened.enter_context(one)
        if namespace:
            enter(namespace)
        dhcp = opened.enter_context(wire.dhcp_socket(fabric.gateway))
        dns = opened.enter_context(wire.dns_socket(fabric.gateway))
        web = MetadataServer(roster)
        opened.pop_all()  # all is well: they stay open
    return {
        "metadata": web.serve_forever,
        "dhcp": lambda: wire.serve_dhcp(dhcp, network, roster),
        "dns": lambda: wire.serve_dns(dns, outside, roster, Forwarder(machine_resolvers)),
    }


def _for_ever(name: str, loop: Callable[[], None]) -> None:
    """Run a loop that has no end; if it ends all the same, all end: half of the services is worse than none."""
    try:
        loop()
    finally:
        wire.log(f"{name} ended")
        os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def _recorded(folder: Path) -> Iterator[None]:
    """Say in the cluster's folder that this process serves; take away only what still says so."""
    mine = f"{os.getpid()}\n"
    files = (folder / "services.pid", folder / "services.ready")
    try:
        for file in files:
            write_text(file, mine)
        yield
    finally:
        for file in files:
            with suppress(OSError):
                if file.read_text() == mine:
                    file.unlink()


def _wait(roster: Roster, fabric: FabricRecord) -> None:
    while True:
        told = signal.sigtimedwait(ENDING, LOOK)
        if told is not None:
            return wire.log(f"ended by {signal.Signals(told.si_signo).name}")
        if not _on_record(roster, fabric):
            return wire.log("ended: the fabric is no longer on record")


def _on_record(roster: Roster, fabric: FabricRecord) -> bool:
    try:
        return roster.fabric().uid == fabric.uid
    except OSError:
        return True  # cannot tell
    except BootstrapError as error:
        return error.code == "record_broken"  # unreadable is not gone


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
