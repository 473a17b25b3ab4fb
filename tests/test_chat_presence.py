"""What workers tell each other about who is where."""

from __future__ import annotations

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
