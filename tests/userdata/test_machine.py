"""Whole scripts on machines of stubs: what a first boot does, and that a second does nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bootstrap.model.cluster import Hook, Hooks, OperatingSystem
from tests.userdata.cases import AGENT, FULL_OS, full, pool, script
from tests.userdata.machine import AL2023, DEBIAN, ROCKY, UBUNTU, Machine

pytestmark = pytest.mark.process

SHELLS = ["dash", "bash"]
WORK = ("apt-get", "dnf", "curl", "sysctl", "chown", "systemctl enable", "systemctl restart", "systemctl daemon-reload")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A Debian that has an engine which does not run, as a host of `local`."""
    return Machine(tmp_path)


def test_the_rotation_s_timer_is_only_a_manager_s(machine: Machine) -> None:
    """It starts with every boot, and nothing waits for it."""
    machine.run(script("local", pool("manager", "image")))
    assert (machine.path / "enabled" / "bootstrap-rotate.timer").exists()
    assert "systemctl start --no-block bootstrap-rotate.timer" in machine.called("systemctl start")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_first_boot_puts_everything_where_it_belongs(machine: Machine, shell: str) -> None:
    """Settings, hooks, agent and units, with the modes they need."""
    done = machine.run(script("local", full("manager", "image")), shell)

    assert done.returncode == 0, done.stderr
    modes = {name: oct(mode) for name, (mode, _, _) in machine.files().items()}
    assert modes["etc/bootstrap/agent.json"] == "0o600"
    assert modes["etc/bootstrap/hooks/pre-docker/01-disk.sh"] == "0o700"
    assert modes["etc/systemd/system/docker-swarm-join.service"] == "0o644"
    assert modes["etc/sysctl.d/90-bootstrap.conf"] == "0o644"
    assert modes["root/.ssh/authorized_keys"] == "0o600"
    assert machine.file("/usr/local/lib/bootstrap/agent.pyz").read_bytes() == AGENT
    assert machine.file("/run/bootstrap/progress").read_text() == "engine"
    assert machine.file("/run/bootstrap/progress").stat().st_mode & 0o777 == 0o644
    assert machine.file("/run/bootstrap").stat().st_mode & 0o777 == 0o755


def test_units_start_in_their_order_and_nothing_waits_for_the_join(machine: Machine) -> None:
    """The engine's start begins what writes its settings, which therefore runs once; the join may take for ever."""
    machine.run(script("local", pool("worker", "image")))

    starts = [call.removeprefix("systemctl ") for call in machine.called("systemctl start", "systemctl restart")]
    assert starts == [
        "start docker.service",
        "start --no-block docker-swarm-join.service",
        "restart --no-block bootstrap-agent.service",
    ]
    enabled = {path.name for path in (machine.path / "enabled").iterdir()}
    assert enabled == {
        "bootstrap-prepare.service", "bootstrap-boot.service", "docker.service", "docker-swarm-join.service", "bootstrap-agent.service",
    }  # fmt: skip


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("system", [DEBIAN, ROCKY], ids=["debian", "rocky"])
@pytest.mark.parametrize("packages", ["image", "distro", "docker-ce"])
def test_a_second_run_changes_nothing(tmp_path: Path, shell: str, system: str, packages: str) -> None:
    """A cloud may run the script at every boot: no file is touched, nothing installed, enabled or restarted."""
    made = Machine(tmp_path, system, engine="26.1.5" if packages == "image" else None)
    made.file("/etc/chrony.conf").write_text("# of the image\n")
    text = script("gcp", full("worker", packages))
    text = text.replace("command -v chronyd", "command -v sleep")  # chrony is there, on this machine too
    first = made.run(text, shell)
    assert first.returncode == 0, first.stderr
    before = made.files()

    second = made.run(text, shell)

    assert second.returncode == 0, second.stderr
    assert made.files() == before
    assert made.called(*WORK) == []
    assert "wrote /etc" not in second.stderr


def test_a_node_that_has_joined_keeps_saying_so(machine: Machine) -> None:
    """The script is pushed again to a living node: its progress does not go back."""
    text = script("local", pool("worker", "image"))
    machine.run(text)
    machine.file("/run/bootstrap/progress").write_text("joined\n")

    machine.run(text)

    assert machine.file("/run/bootstrap/progress").read_text() == "joined\n"


def test_a_machine_without_an_engine_says_what_to_do(tmp_path: Path) -> None:
    """`image` means: what is there. Nothing is there."""
    done = Machine(tmp_path, engine=None).run(script("local", pool("worker", "image")))

    assert done.returncode == 1
    assert "set docker.packages to docker-ce or distro" in done.stderr


def test_an_engine_that_runs_is_restarted_once_for_its_settings(tmp_path: Path) -> None:
    """Its daemon.json was written after it had started; on later boots it carries tasks and stays."""
    made = Machine(tmp_path, running=True)
    made.run(script("local", pool("worker", "image")))
    assert made.called("systemctl restart docker") == ["systemctl restart docker.service"]

    made.file("/etc/docker/daemon.json").unlink()
    made.run(script("local", pool("worker", "image")))

    assert made.called("systemctl restart docker") == []


@pytest.mark.parametrize(("packages", "running"), [("distro", False), ("image", True)])
def test_the_settings_are_there_before_an_engine_that_starts_by_itself(
    tmp_path: Path, packages: str, running: bool
) -> None:
    """A package starts its engine when it is installed, and one that runs asks for nothing: both find their settings."""
    made = Machine(tmp_path, engine="26.1.5" if running else None, running=running)

    made.run(script("local", pool("worker", packages)))

    boot = made.calls.index("systemctl start bootstrap-boot.service")
    installs = [number for number, call in enumerate(made.calls) if " install " in call]
    assert boot < min([*installs, len(made.calls)])
    assert made.called("systemctl start bootstrap-boot") == ["systemctl start bootstrap-boot.service"]


def test_units_are_enabled_without_their_init_scripts_and_reloaded_once(machine: Machine) -> None:
    """Each reload of systemd costs a tenth of a second, and so does each init script that is enabled too."""
    machine.run(script("local", pool("manager", "image")))

    assert machine.called("systemctl daemon-reload") == ["systemctl daemon-reload"]
    assert (machine.path / "sysv").read_text() == "skipped\n" * 2


def test_the_proxies_reach_the_package_tool(tmp_path: Path) -> None:
    """The package tool runs with them already at the first boot."""
    made = Machine(tmp_path, UBUNTU, engine=None)

    made.run(script("ssh", full("worker", "distro")))

    assert (made.path / "http_proxy").read_text() == "http://proxy.example.com:3128"


@pytest.mark.parametrize(("split", "expected"), [(False, ["docker.io"]), (True, ["docker.io", "docker-cli"])])
def test_the_distribution_s_engine_brings_its_command_line(tmp_path: Path, split: bool, expected: list[str]) -> None:
    """Debian 13 has `docker` in a package of its own."""
    made = Machine(tmp_path, engine=None)
    if split:
        (made.path / "split").touch()

    made.run(script("local", pool("worker", "distro")))

    assert [call.split()[-1] for call in made.calls if " install " in call] == expected


def test_amazon_linux_has_its_own_engine(tmp_path: Path) -> None:
    """`dnf install docker`."""
    made = Machine(tmp_path, AL2023, engine=None)
    made.file("/usr/local/lib/bootstrap").mkdir(parents=True)
    made.file("/usr/local/lib/bootstrap/agent.pyz").write_bytes(AGENT)

    done = made.run(script("aws", pool("worker", "distro")))

    assert done.returncode == 0, done.stderr
    assert made.called("dnf") == ["dnf -q -y install -- docker"]


def test_an_agent_that_should_come_another_way_is_missed(tmp_path: Path) -> None:
    """Without the agent no unit could start: better to say so."""
    done = Machine(tmp_path).run(script("aws", pool("worker", "distro")))

    assert done.returncode == 1
    assert "agent.pyz is missing" in done.stderr


def test_a_damaged_agent_is_not_installed(machine: Machine) -> None:
    """Its hash is checked before it takes its place."""
    text = script("local", pool("worker", "image")).replace("UEsDBCBh", "UEsDBCBi", 1)

    done = machine.run(text)

    assert done.returncode == 1
    assert "is damaged" in done.stderr
    assert not machine.file("/usr/local/lib/bootstrap/agent.pyz").exists()


def test_a_new_agent_replaces_the_old_and_is_restarted(machine: Machine) -> None:
    """Only its own unit: the engine and the join are left alone."""
    text = script("local", pool("worker", "image"))
    machine.run(text)
    machine.file("/usr/local/lib/bootstrap/agent.pyz").write_bytes(b"an older one")

    machine.run(text)

    assert machine.file("/usr/local/lib/bootstrap/agent.pyz").read_bytes() == AGENT
    assert machine.called("systemctl restart") == ["systemctl restart --no-block bootstrap-agent.service"]


def test_the_keys_of_the_image_stay_and_its_user_gets_ours(machine: Machine) -> None:
    """Cloud images have a first user; its file may lack the last newline."""
    machine.says(user="admin:x:1000:1000::/home/admin:/bin/bash\n")
    file = machine.file("/home/admin/.ssh/authorized_keys")
    file.parent.mkdir(parents=True)
    file.write_text("ssh-ed25519 AAAA cloud")
    text = script("local", pool("worker", "image", os=OperatingSystem(authorized_keys=FULL_OS.authorized_keys)))

    machine.run(text)
    machine.run(text)

    assert file.read_text() == f"ssh-ed25519 AAAA cloud\n{FULL_OS.authorized_keys[0]}\n"


def test_a_pre_docker_hook_runs_before_the_engine_and_once_for_each_text(machine: Machine) -> None:
    """It may make the engine's disk; a new text runs again."""
    where = machine.path / "ran"

    def text(word: str) -> str:
        hook = Hook("a.sh", f"#!/bin/sh\necho {word} >>{where}\n[ ! -e {machine.path}/active/docker.service ]\n")
        return script("local", pool("worker", "image", hooks=Hooks(pre_docker=(hook,))))

    assert machine.run(text("one")).returncode == 0
    assert machine.run(text("one")).returncode == 0
    (machine.path / "active/docker.service").unlink()
    assert machine.run(text("two")).returncode == 0

    assert where.read_text() == "one\ntwo\n"


def test_a_pre_docker_hook_that_fails_stops_the_boot(machine: Machine) -> None:
    """Without its disk the engine must not start; the next run tries again."""
    made = pool("worker", "image", hooks=Hooks(pre_docker=(Hook("a.sh", "#!/bin/sh\nexit 3\n"),)))

    done = machine.run(script("local", made))

    assert done.returncode == 1
    assert "the pre-docker hook 01-a.sh failed" in done.stderr
    assert not machine.called("systemctl start docker")


def test_a_hook_that_left_the_inventory_leaves_the_node(machine: Machine) -> None:
    """Over SSH the script comes again and again to the same machine."""
    machine.run(script("local", full("worker", "image")))
    machine.run(script("local", pool("worker", "image")))

    assert not [name for name in machine.files() if "hooks/" in name]


def test_agent_json_is_what_the_agent_expects(machine: Machine) -> None:
    """Exactly these keys; no secret among them."""
    machine.run(script("local", pool("manager", "image")))

    assert json.loads(machine.file("/etc/bootstrap/agent.json").read_text()) == {
        "cluster": "prod",
        "role": "manager",
        "pool": "managers",
        "availability": "pause",
        "store": {"kind": "directory", "path": "/var/lib/bootstrap/store"},
        "metadata": {"kind": "local", "url": "http://169.254.169.254"},
        "swarm": {
            "address_pool": "10.200.0.0/16",
            "subnet_size": 24,
            "data_path_port": 4789,
            "autolock": False,
            "cert_expiry": 7776000,
        },
        "daemon": {"log-driver": "local"},
    }
