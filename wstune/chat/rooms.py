"""Who is in which room: pure, and lean enough for a million idle members.

A member is a file descriptor. A room is an array of its members' descriptors, and one array for all rooms says where in
its room a descriptor stands, so that joining and leaving cost the same at any size and an idle member costs ten bytes
and no Python object.
"""

from __future__ import annotations

from array import array

MAX_ROOMS = 65_535  # a room's number fits 16 bits; number 0 means "in no room"


class RoomsFull(Exception):
    """There are as many rooms as are allowed."""


class Rooms:
    """Rooms by name, members by file descriptor.

    Attributes:
        members: for each room number an array('i') of descriptors; iterate over a copy while members may leave.
        room: for each descriptor that was ever a member the number of its room, 0 for none.
    """

    __slots__ = ("_free", "_numbers", "_place", "max_rooms", "members", "names", "room")

    def __init__(self, max_rooms: int = 1024) -> None:
        self.max_rooms = min(max_rooms, MAX_ROOMS)
        self.members: list[array[int]] = [array("i")]
        self.names: list[bytes] = [b""]
        self._numbers: dict[bytes, int] = {}
        self._free: list[int] = []
        self.room = array("H")
        self._place = array("i")

    def number(self, name: bytes) -> int:
        """The number of the room of that name, made if it does not exist. Raises RoomsFull."""
        known = self._numbers.get(name)
        if known is not None:
            return known
        if len(self._numbers) >= self.max_rooms:
            raise RoomsFull
        if self._free:
            number = self._free.pop()
            self.names[number] = name
        else:
            number = len(self.members)
            self.members.append(array("i"))
            self.names.append(name)
        self._numbers[name] = number
        return number

    def find(self, name: bytes) -> int:
        """The number of the room of that name, 0 if there is none."""
        return self._numbers.get(name, 0)

    def enter(self, fd: int, name: bytes) -> None:
        """Put a descriptor that is in no room into the room of that name, made if need be. Raises RoomsFull.

        The hot path's join(): one call, and each field looked up once.
        """
        number = self._numbers.get(name)
        room = self.room
        if number is None or fd >= len(room):
            self.join(fd, self.number(name))
            return
        members = self.members[number]
        room[fd] = number
        self._place[fd] = len(members)
        members.append(fd)

    def join(self, fd: int, number: int) -> None:
        """Put a descriptor that is in no room into a room."""
        if fd >= len(self.room):
            grow = max(1024, fd + 1 - len(self.room), len(self.room) // 4)
            self.room.frombytes(bytes(2 * grow))
            self._place.frombytes(bytes(4 * grow))
        members = self.members[number]
        self.room[fd] = number
        self._place[fd] = len(members)
        members.append(fd)

    def leave(self, fd: int) -> int:
        """Take a descriptor out of its room. Returns the room's number, 0 if it was in none."""
        number = self.room_of(fd)
        if number == 0:
            return 0
        members = self.members[number]
        last = members.pop()
        if last != fd:
            place = self._place[fd]
            members[place] = last
            self._place[last] = place
        self.room[fd] = 0
        if not members:
            del self._numbers[self.names[number]]
            self._free.append(number)
        return number

    def room_of(self, fd: int) -> int:
        """The number of the room that a descriptor is in, 0 for none."""
        return self.room[fd] if fd < len(self.room) else 0

    def count(self) -> int:
        """How many descriptors are in a room."""
        return sum(map(len, self.members))

    def __len__(self) -> int:
        return len(self._numbers)
