"""What workers tell each other about who is where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.chat import presence

NAMES = st.lists(st.text(max_size=32).map(str.encode), max_size=20)
ROOMS = st.dictionaries(st.binary(min_size=1, max_size=128), st.tuples(st.integers(1, 10**6), NAMES), max_size=20)


@given(st.lists(ROOMS, min_size=1, max_size=4))
def test_counts_are_summed_and_names_joined(workers: list[dict[bytes, tuple[int, list[bytes]]]]) -> None:
    """What all workers have published is read back as one: counts added, names one after the other."""
    shared = presence.Presence(len(workers), 64)
    for at, rooms in enumerate(workers):
        shared.publish(at, presence.pack([(room, *told) for room, told in rooms.items()], shared.capacity))
    expected: dict[bytes, tuple[int, list[bytes]]] = {}
    for rooms in workers:
        for room, (count, names) in rooms.items():
            known, others = expected.get(room, (0, []))
            expected[room] = (known + count, others + names)
    assert shared.read() == expected
    assert presence.Presence(1, 1).read() == {}
    for room, (count, names) in expected.items():
        assert shared.room(room)[0] == count
        assert set(shared.room(room)[1]) <= set(names)
    assert shared.room(b"x" * 129) == (0, [])


def test_what_was_published_is_taken_apart_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often a room is asked for, and whichever: until a worker publishes again, and then that worker's."""
    shared = presence.Presence(2, 64)
    taken = []
    unpack = presence._unpack

    def counted(snapshot: bytes) -> object:
        taken.append(snapshot)
        return unpack(snapshot)

    monkeypatch.setattr(presence, "_unpack", counted)
    for at in range(2):
        shared.publish(at, presence.pack([(b"/rooms/a", 3, [b"x"])], shared.capacity))
    for _ in range(100):
        assert shared.room(b"/rooms/a") == (6, [b"x", b"x"])
        assert shared.room(b"/") == (0, [])
    assert len(taken) == 2
    shared.publish(1, presence.pack([(b"/rooms/a", 4, [])], shared.capacity))
    assert shared.room(b"/rooms/a") == (7, [b"x"])
    assert len(taken) == 3


def test_a_crowd_is_not_listed_whole() -> None:
    """At most a hundred names of a room, of however many workers."""
    shared = presence.Presence(8, 4)
    for at in range(8):
        shared.publish(at, presence.pack([(b"/", 90, [b"%d" % number for number in range(90)])], shared.capacity))
    count, names = shared.room(b"/")
    assert (count, len(names)) == (720, presence.MAX_NAMES)


@given(ROOMS, st.integers(0, 3000))
def test_names_give_way_to_counts(rooms: dict[bytes, tuple[int, list[bytes]]], spare: int) -> None:
    """A snapshot keeps to its room: every count is there before any name is, and it never is too long."""
    capacity = sum(len(room) + 6 for room in rooms) + spare
    shared = presence.Presence(1, 64)
    packed = presence.pack([(room, *told) for room, told in rooms.items()], capacity)
    assert len(packed) <= capacity
    shared.publish(0, packed)
    told = shared.read()
    assert {room: count for room, (count, _) in told.items()} == {room: count for room, (count, _) in rooms.items()}
    assert all(names == rooms[room][1][: len(names)] for room, (_, names) in told.items())


def test_a_worker_that_died_while_it_wrote_is_nobody() -> None:
    """An odd sequence number is not waited for; the next one to write there is heard again."""
    shared = presence.Presence(2, 4)
    shared.publish(0, presence.pack([(b"/", 3, [])], shared.capacity))
    shared._memory[0] = 1
    assert shared.read() == {}
    shared.publish(0, presence.pack([(b"/", 2, [])], shared.capacity))
    assert shared.read() == {b"/": (2, [])}
    assert shared.read(but=0) == {}
