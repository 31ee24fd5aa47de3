from __future__ import annotations

from bootstrap.model.cluster import MANAGERS, Cluster, Docker, Packages, Pool, Role, Size


def pool(name: str, role: Role = Role.WORKER) -> Pool:
    """A pool of two."""
    return Pool(name, role, Size.of(2), Docker(Packages.DISTRO))


CLUSTER = Cluster("prod", "local", pool(MANAGERS, Role.MANAGER), (pool("web"), pool("db")))


def test_managers_are_the_first_group() -> None:
    """They come up first and are shown first."""
    assert [one.name for one in CLUSTER.groups] == ["managers", "web", "db"]


def test_a_pool_is_found_by_its_name() -> None:
    """Managers included; another name is nobody's."""
    assert CLUSTER.pool("db") is CLUSTER.pools[1]
    assert CLUSTER.pool("managers") is CLUSTER.managers
    assert CLUSTER.pool("mail") is None


def test_a_count_is_a_size_that_the_file_alone_decides() -> None:
    """With `min` and `max` an autoscaler, or `scale`, may choose between them."""
    assert Size.of(3) == Size(3, 3, 3)
    assert Size.of(3).fixed
    assert not Size(2, 20, 3).fixed
