"""Fan-out across workers loses and doubles nothing, and keeps the order of each sender."""

from __future__ import annotations

import resource
import select
import time

import pytest

from tests.live.chat import Client, connect_many, frame, serve
from wstune.protocol import frames

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(180)]

MESSAGES = 100


@pytest.mark.parametrize(
    ("count", "budget"), [(10_000, "0"), (2000, "100k")], ids=["as fast as it goes", "held back by the budget"]
)
def test_every_member_hears_a_hundred_messages_each_once_in_order(count: int, budget: str) -> None:
    """4 workers, 10,000 members: every member gets exactly the bytes of messages 0 to 99, in that order."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 1000:
        pytest.skip(f"the hard file limit here is {hard:,}, and {count + 1000:,} files are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with serve("--workers", "4", "--rate", "0", "--deliveries", budget, "--send-buffer", "1M") as server:
            members = connect_many(server, count, "/rooms/crowd")
            each = [worker["connections"] for worker in server.stats()["each"]]
            assert min(each) > count / 8, each
            talker = Client(server, "/rooms/crowd")
            messages = [b"message %08d" % number for number in range(MESSAGES)]
            expected = b"".join(frames.encode(frames.TEXT, message) for message in messages)
            poller = select.epoll()
            by_number = {one.fileno(): one for one in (*members, talker.socket)}
            heard = dict.fromkeys(by_number, 0)
            for number, one in by_number.items():
                one.setblocking(False)
                poller.register(number, select.EPOLLIN)
            waiting, deadline = len(heard), time.monotonic() + 120
            talker.send(b"".join(frame(frames.TEXT, message) for message in messages))
            while waiting:
                assert time.monotonic() < deadline, f"{waiting} members have not heard everything"
                for number, _ in poller.poll(1, 1000):
                    data = by_number[number].recv(65536)
                    at = heard[number]
                    assert data, "a member was dropped"
                    assert data == expected[at : at + len(data)]
                    heard[number] = at + len(data)
                    waiting -= heard[number] == len(expected)
            assert not poller.poll(0.5), "something came that was not said"
            poller.close()
            total = server.total()
            assert total["messages"] == MESSAGES
            assert total["delivered"] == MESSAGES * (count + 1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
