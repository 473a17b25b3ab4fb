"""The count of connections that may still come, over processes."""

from __future__ import annotations

import os

from wstune.chat.seats import Seats


def taken(seats: Seats) -> int:
    """How many can be had now."""
    count = 0
    while seats.take():
        count += 1
    return count


def test_no_more_than_there_are() -> None:
    """Each is had once; what is given back can be had again."""
    seats = Seats(3)
    assert taken(seats) == 3
    seats.give_back()
    seats.give_back(0)
    assert taken(seats) == 1


def test_a_seat_is_taken_by_one_process() -> None:
    """Processes that take all that they get have, together, exactly as many as there were."""
    seats = Seats(1000)
    reader, writer = os.pipe()
    children = []
    for _ in range(4):
        pid = os.fork()
        if pid == 0:
            os.write(writer, taken(seats).to_bytes(4, "little"))
            os._exit(0)
        children.append(pid)
    for pid in children:
        assert os.waitpid(pid, 0)[1] == 0
    shares = os.read(reader, 16)
    os.close(reader)
    os.close(writer)
    assert len(shares) == 16
    assert sum(int.from_bytes(shares[at : at + 4], "little") for at in range(0, 16, 4)) == 1000
