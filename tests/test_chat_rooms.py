"""Rooms: whoever joined is in, whoever left is out, at any order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from wstune.chat.rooms import Rooms, RoomsFull

NAMES = st.sampled_from([b"/", b"/rooms/a", b"/rooms/b"])
DESCRIPTORS = st.integers(0, 5000)


class RoomsAgainstDictionary(RuleBasedStateMachine):
    """Rooms behave as a dictionary of sets does."""

    def __init__(self) -> None:
        super().__init__()
        self.rooms = Rooms()
        self.model: dict[int, bytes] = {}

    @rule(fd=DESCRIPTORS, name=NAMES)
    def join(self, fd: int, name: bytes) -> None:
        if fd not in self.model:
            self.rooms.join(fd, self.rooms.number(name))
            self.model[fd] = name

    @rule(fd=DESCRIPTORS, name=NAMES)
    def enter(self, fd: int, name: bytes) -> None:
        if fd not in self.model:
            self.rooms.enter(fd, name)
            self.model[fd] = name

    @rule(fd=DESCRIPTORS)
    def leave(self, fd: int) -> None:
        assert (self.rooms.leave(fd) != 0) == (self.model.pop(fd, None) is not None)

    @invariant()
    def members_are_the_same(self) -> None:
        for name in set(self.model.values()):
            expected = {fd for fd, room in self.model.items() if room == name}
            assert set(self.rooms.members[self.rooms.find(name)]) == expected
        assert len(self.rooms) == len(set(self.model.values()))
        assert self.rooms.count() == len(self.model)


TestRooms = RoomsAgainstDictionary.TestCase


def test_there_are_no_more_rooms_than_allowed() -> None:
    """One room too many is refused; an empty room makes place."""
    rooms = Rooms(max_rooms=1)
    rooms.join(5, rooms.number(b"/rooms/a"))
    with pytest.raises(RoomsFull):
        rooms.number(b"/rooms/b")
    rooms.leave(5)
    rooms.join(6, rooms.number(b"/rooms/b"))
    assert rooms.names[rooms.room_of(6)] == b"/rooms/b"


@given(st.integers(6, 100_000))
def test_who_is_in_no_room_is_in_room_zero(fd: int) -> None:
    """Asking about a stranger is no error."""
    assert Rooms().room_of(fd) == 0
    assert Rooms().leave(fd) == 0
