"""Who is where, over all workers: each publishes its rooms once a second in memory that all share. Lean.

No message passes between the workers for this: a join costs nothing, and who wants to know reads. What is read may be a
second old.
"""

from __future__ import annotations

import mmap

MAX_NAMES = 100
"""Names that are listed of one room, of each worker."""
MAX_NAME = 32
"""Characters of a name."""
_HEAD = 16
_NAMES_ROOM = 65_536


class Presence:
    """A region of shared memory for each worker: a sequence number, odd while it is written; a length; a snapshot."""

    def __init__(self, workers: int, max_rooms: int) -> None:
        self._size = (_HEAD + max_rooms * 136 + _NAMES_ROOM + 4095) // 4096 * 4096  # untouched pages cost nothing
        self._memory = memoryview(mmap.mmap(-1, workers * self._size))
        self._workers = workers
        self._seen: list[tuple[int, dict[bytes, tuple[int, list[bytes]]]]] = [(-1, {})] * workers

    def publish(self, worker: int, snapshot: bytes) -> None:
        """Replace what a worker has said."""
        start = worker * self._size
        head = self._memory[start : start + _HEAD].cast("Q")
        head[0] |= 1
        head[1] = len(snapshot)
        self._memory[start + _HEAD : start + _HEAD + len(snapshot)] = snapshot
        head[0] += 1

    def read(self, but: int = -1) -> dict[bytes, tuple[int, list[bytes]]]:
        """Each room's count and the names listed, summed over all workers `but` one."""
        rooms: dict[bytes, tuple[int, list[bytes]]] = {}
        for worker in range(self._workers):
            if worker != but:
                for name, count, names in _unpack(self._snapshot(worker)):
                    known, others = rooms.get(name, (0, []))
                    rooms[name] = (known + count, others + names)
        return rooms

    def room(self, name: bytes) -> tuple[int, list[bytes]]:
        """One room's count, and at most MAX_NAMES of its names. What a worker has published is taken apart once, not
        for each who asks."""
        here = 0
        listed: list[bytes] = []
        for worker in range(self._workers):
            count, names = self._rooms(worker).get(name, (0, []))
            here += count
            listed += names[: MAX_NAMES - len(listed)]
        return here, listed

    def _rooms(self, worker: int) -> dict[bytes, tuple[int, list[bytes]]]:
        number = self._memory[worker * self._size : worker * self._size + 8].cast("Q")[0]
        if self._seen[worker][0] != number:
            rooms = {name: (count, names) for name, count, names in _unpack(self._snapshot(worker))}
            self._seen[worker] = (number, rooms)
        return self._seen[worker][1]

    def _snapshot(self, worker: int) -> bytes:
        start = worker * self._size
        head = self._memory[start : start + _HEAD].cast("Q")
        for _ in range(100):
            before = head[0]
            if not before & 1:
                snapshot = bytes(self._memory[start + _HEAD : start + _HEAD + min(head[1], self._size - _HEAD)])
                if head[0] == before:
                    return snapshot
        return b""  # its writer died while it wrote

    @property
    def capacity(self) -> int:
        """Bytes that a snapshot may have."""
        return self._size - _HEAD


def pack(rooms: list[tuple[bytes, int, list[bytes]]], capacity: int) -> bytes:
    """A snapshot of (room's name, count, names in it), at most `capacity` bytes: names are left out first."""
    parts = []
    left = capacity - sum(len(name) + 6 for name, _, _ in rooms)
    for name, count, names in rooms:
        part = bytes((len(name),)) + name + count.to_bytes(4, "little")
        listed = b""
        number = 0
        for one in names[:MAX_NAMES]:
            if len(one) + 1 > left:
                break
            listed += bytes((len(one),)) + one
            left -= len(one) + 1
            number += 1
        parts.append(part + bytes((number,)) + listed)
    return b"".join(parts)[:capacity] if left >= 0 else b""


def _unpack(snapshot: bytes) -> list[tuple[bytes, int, list[bytes]]]:
    rooms = []
    at = 0
    while at < len(snapshot):
        name = snapshot[at + 1 : at + 1 + snapshot[at]]
        at += 1 + len(name)
        count = int.from_bytes(snapshot[at : at + 4], "little")
        number = snapshot[at + 4]
        at += 5
        names = []
        for _ in range(number):
            names.append(snapshot[at + 1 : at + 1 + snapshot[at]])
            at += 1 + snapshot[at]
        rooms.append((name, count, names))
    return rooms
