"""A machine that remembers: the programs and control groups that the lab uses, with no machine behind them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap.remote.runner import Result

YES, NO = Result(0), Result(1, "", "no such thing")


@dataclass
class Kernel:
    """Namespaces, links, routes, firewall tables and control groups, by name."""

    folder: Path  # stands for /run/netns
    links: dict[str, set[str]] = field(default_factory=lambda: {"": set()})  # by namespace; "" is the machine's own
    up: set[str] = field(default_factory=set)  # links with an address
    routed: dict[str, str] = field(default_factory=dict)  # namespace -> where its default route leads
    addresses: dict[str, str] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)  # name -> its rules
    groups: dict[tuple[str, str], set[int]] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)

    def attempt(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 60.0) -> Result:
        """What `command.attempt` does."""
        namespace, words = ("", list(argv[1:]))
        if words[:1] == ["-n"]:
            namespace, words = words[1], words[2:]
        program = Path(argv[0]).name
        if program == "ip":
            return self._ip(namespace, words)
        return self._nft(words, stdin) if program == "nft" else YES

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 60.0) -> str:
        """What `command.run` does."""
        result = self.attempt(argv, stdin=stdin, timeout=timeout)
        assert result.code == 0, argv
        return result.stdout

    def plug(self, namespace: str, fabric: str, port: str) -> None:
        """What a host's power supply does with its cable."""
        self._add(namespace)
        self.links[fabric].add(port)

    def end(self, cluster: str, name: str) -> None:
        """Kill all in a control group, and remove it."""
        self.groups.pop((cluster, name), None)

    def seen(self) -> dict[str, object]:
        """All that is there, for comparing."""
        return {
            "links": {name: sorted(map(_kind, found)) for name, found in sorted(self.links.items())},
            "routes": dict(sorted(self.routed.items())),
            "tables": sorted(self.tables),
            "groups": {"/".join(key): len(pids) for key, pids in sorted(self.groups.items())},
            "settings": dict(sorted(self.settings.items())),
        }

    def _ip(self, namespace: str, words: list[str]) -> Result:
        if namespace and namespace not in self.links:
            return NO
        if words[0] in {"-j", "-o"} or "show" in words:
            return self._show(namespace, words)
        if words[:2] in (["netns", "add"], ["netns", "del"]):
            return self._add(words[2]) if words[1] == "add" else self._remove(words[2])
        if words[:2] == ["link", "del"]:
            return self._unplug(namespace, words[2])
        self._change(namespace, words)
        return YES

    def _show(self, namespace: str, words: list[str]) -> Result:
        match words:
            case ["link", "show", "dev", name]:
                return YES if name in self.links[namespace] else NO
            case ["route", "show", "default"]:
                return Result(0, f"default via {self.routed.get(namespace, '-')} dev up0")
            case ["-o", "-4", "addr", "show", "dev", name, "up"]:
                return Result(0, f"inet {self.addresses.get(name, '')} " if name in self.up else "")
        return Result(0, "[]")

    def _change(self, namespace: str, words: list[str]) -> None:
        match words:
            case ["-batch", "-"]:
                self.links[namespace].add("br0")
            case ["link", "add", name, "address", _, "type", "veth", "peer", "name", peer, "netns", inside]:
                self.links[""].add(name)
                self.links[inside].add(peer)
            case ["route", "replace", "default", "via", address]:
                self.routed[namespace] = address
            case ["addr", "replace", address, "dev", name]:
                self.addresses[name] = address
            case ["link", "set", name, "up"]:
                self.up.add(name)

    def _add(self, name: str) -> Result:
        self.folder.mkdir(exist_ok=True)
        (self.folder / name).touch()
        self.links.setdefault(name, set())
        return YES

    def _remove(self, name: str) -> Result:
        (self.folder / name).unlink(missing_ok=True)
        self.routed.pop(name, None)
        return YES if self.links.pop(name, None) is not None else NO

    def _unplug(self, namespace: str, name: str) -> Result:
        if name not in self.links[namespace]:
            return NO
        self.links[namespace].discard(name)
        if not namespace:  # the machine's cable into a fabric: its other end goes with it
            self.up.discard(name)
            for inside in self.links.values():
                inside.discard("up0")
        return YES

    def _nft(self, words: list[str], stdin: str) -> Result:
        match words:
            case ["-f", "-"]:
                self.tables[stdin.split()[2]] = stdin
            case ["-j", "list", "table", "ip", name]:
                return Result(0, json.dumps(self.tables[name])) if name in self.tables else NO
            case ["delete", "table", "ip", name]:
                return YES if self.tables.pop(name, None) else NO
        return YES


def _kind(link: str) -> str:
    """A port's name follows its host's address, and who gets which is decided by who is first."""
    return re.sub(r"^h\d+-\d+$", "port", link)
