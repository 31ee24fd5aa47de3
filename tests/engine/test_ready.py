from __future__ import annotations

from bootstrap.engine.events import Note
from bootstrap.engine.ready import PATIENCE
from bootstrap.engine.session import Session
from bootstrap.errors import BootstrapError
from tests.engine.formed import formed


def waited(one: Session, seconds: float) -> tuple[list[str], BootstrapError | None]:
    """The notes of a wait for a quorum, and how it ended."""
    told: list[str] = []
    try:
        told.extend(event.text for event in one.wait_formed(seconds) if isinstance(event, Note))
    except BootstrapError as error:
        return told, error
    return told, None


def test_a_cluster_that_lost_its_quorum_says_what_is_waited_for() -> None:
    """`up` waits in the hope that it heals; meanwhile it tells once what the managers say, and at the end where to look."""
    one, world = formed()
    world.quorum = False

    told, error = waited(one, 2 * PATIENCE)

    assert len(told) == 1
    assert "prod-managers-a-1, prod-managers-b-1, prod-managers-c-1: it sees no quorum" in told[0]
    assert error is not None
    assert "bootstrap status" in error.fix
    assert waited(one, PATIENCE / 2)[0] == [], "an election takes as long, and is no news"


def test_a_first_boot_is_told_by_its_steps_alone() -> None:
    """Before there was a cluster nobody can have lost a quorum."""
    one, world = formed()
    world.control = None

    told, error = waited(one, 2 * PATIENCE)

    assert told == []
    assert error is not None
