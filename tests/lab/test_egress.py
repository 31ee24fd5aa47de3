from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from bootstrap.errors import BootstrapError
from bootstrap.lab import command, egress
from bootstrap.lab.network import cable
from bootstrap.lab.records import FabricRecord
from bootstrap.remote.runner import Result

PROD = FabricRecord("prod", "u", "10.91.0.0/20", "10.91.0.1", "10.91.0.2", "now")
EU = FabricRecord("prod-eu", "u", "10.91.16.0/20", "10.91.16.1", "10.91.16.2", "now")


class Firewall:
    """nft and iptables of a machine: remembers tables, chains and rules."""

    def __init__(self, *programs: str, docker: bool = False, policy: str = "ACCEPT") -> None:
        self.programs = programs
        self.tables: dict[str, str] = {}
        self.policy = policy
        self.chains: dict[tuple[str, str], list[str]] = {("nat", "POSTROUTING"): [], ("filter", "FORWARD"): []}
        if docker:
            self.chains["filter", "DOCKER-USER"] = ["-j RETURN"]

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 60.0) -> Result:
        return self.nft(list(argv[1:]), stdin) if argv[0] == "nft" else self.iptables(list(argv[2:]))

    def nft(self, words: list[str], stdin: str) -> Result:
        if words == ["-f", "-"]:
            self.tables[stdin.split()[2]] = stdin
            return Result(0)
        name = words[-1]
        if name not in self.tables:
            return Result(1, "", "No such file or directory")
        if words[0] == "delete":
            del self.tables[name]
            return Result(0)
        return Result(0, json.dumps({"nftables": self.tables[name]}))

    def iptables(self, words: list[str]) -> Result:
        table = words.pop(1) if words[0] == "-t" else "filter"
        verb, *rest = [word for word in words if word != "-t"]
        if verb == "-S":
            return self.listing(table, rest[0] if rest else "")
        rules = self.chains.get((table, rest[0]))
        if rules is None:
            return Result(1, "", "No chain by that name")
        rule = " ".join(rest[1:])
        if verb == "-I":
            rules.insert(0, rule)
        elif rule not in rules:
            return Result(1, "", "Bad rule")
        elif verb == "-D":
            rules.remove(rule)
        return Result(0)

    def listing(self, table: str, chain: str) -> Result:
        names = [name for kind, name in self.chains if kind == table and chain in {"", name}]
        if not names:
            return Result(1, "", "No chain by that name")
        lines = [f"-P FORWARD {self.policy}"] if "FORWARD" in names else []
        return Result(
            0, "\n".join([*lines, *(f"-A {name} {one}" for name in names for one in self.chains[table, name])])
        )

    def install(self, monkeypatch: pytest.MonkeyPatch) -> Firewall:
        def run(argv: Sequence[str], *, stdin: str = "", timeout: float = 60.0) -> str:
            result = self.run(argv, stdin=stdin)
            if result.code:
                raise command.failed(argv, result)
            return result.stdout

        monkeypatch.setattr(command, "attempt", self.run)
        monkeypatch.setattr(command, "run", run)
        monkeypatch.setattr(command, "available", lambda program: program in self.programs)
        return self


def test_hosts_are_hidden_behind_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """One table of the cluster's own, whatever else the machine has; a second call changes nothing."""
    firewall = Firewall("nft").install(monkeypatch)
    assert not egress.is_open(PROD)

    egress.open_up(PROD)
    made = dict(firewall.tables)
    egress.open_up(PROD)

    assert egress.is_open(PROD)
    assert firewall.tables == made
    assert "ip saddr 10.91.0.0/20 ip daddr != 10.91.0.0/20" in firewall.tables["bootstrap-prod"]


def test_a_table_of_another_subnet_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is left of a cluster of the same name whose folder was deleted by hand."""
    firewall = Firewall("nft").install(monkeypatch)
    egress.open_up(FabricRecord("prod", "old", "10.99.0.0/20", "10.99.0.1", "10.99.0.2", "then"))

    egress.open_up(PROD)

    assert "10.99.0.0" not in firewall.tables["bootstrap-prod"]
    assert firewall.tables["bootstrap-prod"].index("delete table") < firewall.tables["bootstrap-prod"].index(
        "masquerade"
    )


@pytest.mark.parametrize(("docker", "chain"), [(True, "DOCKER-USER"), (False, "FORWARD")])
def test_where_the_machine_drops_what_it_forwards_the_hosts_may_pass(
    monkeypatch: pytest.MonkeyPatch, docker: bool, chain: str
) -> None:
    """Rules that name the cluster are added where Docker wants them, and go with it; others stay."""
    firewall = Firewall("nft", "iptables", docker=docker, policy="DROP").install(monkeypatch)
    before = {name: list(rules) for name, rules in firewall.chains.items()}

    for record in (PROD, EU, PROD):
        egress.open_up(record)
    rules = firewall.chains["filter", chain]
    assert len([one for one in rules if "--comment bootstrap:prod " in one]) == 2
    assert any(f"-i {cable('prod')} " in one and one.endswith("ACCEPT") for one in rules)

    egress.close("prod")
    assert not egress.is_open(PROD)
    assert egress.is_open(EU)
    egress.close("prod-eu")
    assert firewall.chains == before
    assert not firewall.tables


def test_a_machine_that_forwards_by_itself_keeps_its_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is added to a firewall that lets the hosts through."""
    firewall = Firewall("nft", "iptables").install(monkeypatch)

    egress.open_up(PROD)

    assert firewall.chains["filter", "FORWARD"] == []


def test_iptables_does_it_where_nft_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An older machine hides its hosts with one rule, once."""
    firewall = Firewall("iptables").install(monkeypatch)

    egress.open_up(PROD)
    egress.open_up(PROD)

    assert len(firewall.chains["nat", "POSTROUTING"]) == 1
    assert "MASQUERADE" in firewall.chains["nat", "POSTROUTING"][0]
    egress.close("prod")
    assert firewall.chains["nat", "POSTROUTING"] == []


def test_without_either_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's package is not called nft."""
    Firewall().install(monkeypatch)

    with pytest.raises(BootstrapError) as caught:
        egress.open_up(PROD)
    assert "nftables" in caught.value.fix


def test_only_rules_that_name_the_cluster_exactly_are_its_own() -> None:
    """`bootstrap:prod` is a part of `bootstrap:prod-eu`, and not the same; quotes do not matter."""
    listing = (
        "-P FORWARD DROP\n"
        '-A DOCKER-USER -i bs-1 -m comment --comment "bootstrap:prod" -j ACCEPT\n'
        "-A DOCKER-USER -i bs-2 -m comment --comment bootstrap:prod-eu -j ACCEPT\n"
        "-A DOCKER-USER -j RETURN\n"
    )

    assert egress.ours(listing, "prod") == [
        ["DOCKER-USER", "-i", "bs-1", "-m", "comment", "--comment", "bootstrap:prod", "-j", "ACCEPT"]
    ]
