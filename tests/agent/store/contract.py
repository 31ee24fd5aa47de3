"""What every store promises. A store's test module inherits `StoreContract` and gives it a `store` fixture."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from bootstrap.agent.audit import new_event
from bootstrap.agent.store import ABSENT, StaleWrite, Store, StoreUnavailable


class StoreContract:
    """Held by every store: directory today, S3 with SSM and GCS with Secret Manager later."""

    def test_nothing_is_absent(self, store: Store) -> None:
        """An empty store answers that there is no control object, which is no error."""
        assert store.read() == ({}, ABSENT)

    def test_create_then_read(self, store: Store) -> None:
        """What was written is read back, with the generation that the write returned."""
        generation = store.swap({"phase": "EMPTY"}, ABSENT)
        assert store.read() == ({"phase": "EMPTY"}, generation)

    def test_create_only_once(self, store: Store) -> None:
        """Creating is refused when there is an object already."""
        store.swap({"n": 1}, ABSENT)
        with pytest.raises(StaleWrite):
            store.swap({"n": 2}, ABSENT)
        assert store.read()[0] == {"n": 1}

    def test_stale_generation_is_refused(self, store: Store) -> None:
        """A writer that read an older generation changes nothing, however long ago that was."""
        first = store.swap({"n": 1}, ABSENT)
        second = store.swap({"n": 2}, first)
        store.swap({"n": 3}, second)
        for old in (ABSENT, first, second):
            with pytest.raises(StaleWrite):
                store.swap({"n": 9}, old)
        assert store.read()[0] == {"n": 3}

    def test_one_of_many_writers_wins(self, store: Store) -> None:
        """Of ten writers from one generation exactly one succeeds, and its object is what is read."""
        generation = store.swap({"n": -1}, ABSENT)

        def write(number: int) -> bool:
            try:
                store.swap({"n": number}, generation)
            except StaleWrite:
                return False
            return True

        with ThreadPoolExecutor(10) as pool:
            won = list(pool.map(write, range(10)))
        assert won.count(True) == 1
        assert store.read()[0] == {"n": won.index(True)}

    def test_secret_versions_are_apart(self, store: Store) -> None:
        """Each write is a new version, and the older ones stay readable."""
        first = store.write_secret("worker", "join-token", "SWMTKN-old")
        second = store.write_secret("worker", "join-token", "SWMTKN-new")
        assert first != second
        assert store.read_secret("worker", "join-token", first) == "SWMTKN-old"
        assert store.read_secret("worker", "join-token", second) == "SWMTKN-new"

    def test_trees_and_names_are_apart(self, store: Store) -> None:
        """The same version of another role or name is another secret."""
        version = store.write_secret("worker", "join-token", "w")
        store.write_secret("manager", "join-token", "m")
        store.write_secret("manager", "unlock-key", "k")
        assert store.read_secret("worker", "join-token", version) == "w"
        assert store.read_secret("manager", "join-token", version) == "m"
        assert store.read_secret("manager", "unlock-key", version) == "k"

    def test_missing_secret_is_unavailable(self, store: Store) -> None:
        """A version that is not there is no information, never an empty value."""
        with pytest.raises(StoreUnavailable):
            store.read_secret("worker", "join-token", "7")

    def test_failures_name_no_secret(self, store: Store) -> None:
        """An error never repeats a secret's value."""
        store.write_secret("manager", "join-token", "CANARY")
        with pytest.raises(StoreUnavailable) as caught:
            store.read_secret("manager", "join-token", "99")
        assert "CANARY" not in str(caught.value)

    def test_events_come_in_the_order_of_their_times(self, store: Store) -> None:
        """The audit trail is whole and sorted by time, whoever wrote first."""
        assert store.events() == []
        events = [{**new_event("ops@laptop", f"scale web={n}"), "time": f"2026-01-0{n}T00:00:00Z"} for n in (3, 1, 2)]
        for event in events:
            store.record(event)
        assert [one["what"] for one in store.events()] == ["scale web=1", "scale web=2", "scale web=3"]
        assert store.events()[2] == events[0]

    def test_events_at_once_are_all_kept(self, store: Store) -> None:
        """Ten writers in the same moment lose nothing."""
        events = [{**new_event("agent:m1", "publish"), "time": "2026-01-01T00:00:00.000000Z"} for _ in range(10)]
        with ThreadPoolExecutor(10) as pool:
            list(pool.map(store.record, events))
        assert sorted(one["id"] for one in store.events()) == sorted(one["id"] for one in events)

    def test_each_machine_has_one_last_word(self, store: Store) -> None:
        """A beat replaces only what the same machine said before."""
        assert store.beats() == {}
        store.beat("i-1", {"n": 1, "disk_free": 5})
        store.beat("i-2", {"n": 7})
        store.beat("i-1", {"n": 2})
        assert store.beats() == {"i-1": {"n": 2}, "i-2": {"n": 7}}

    def test_a_word_is_forgotten(self, store: Store) -> None:
        """What a machine said that is gone is taken away; the second time nothing happens."""
        store.beat("i-1", {"n": 1})
        store.beat("i-2", {"n": 7})
        store.forget_beat("i-1")
        store.forget_beat("i-1")
        assert store.beats() == {"i-2": {"n": 7}}
