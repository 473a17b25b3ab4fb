"""A few servers of many have the next connections, each its share, and in the end all have them again."""

from __future__ import annotations

import select
import socket
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.burst.steering import Steering, turns
from wstune.chat.listeners import listen
from wstune.chat.options import Options

pytestmark = pytest.mark.live


@given(st.integers(1, 300), st.integers(1, 64), st.integers(1, 2_000_000))
def test_every_server_has_one_turn_and_an_equal_share(servers: int, at_once: int, connections: int) -> None:
    """The blocks follow each other without a gap, differ by one server at most, and last as long as they are large."""
    found = turns(servers, at_once, connections)
    assert [server for _, first, count in found for server in range(first, first + count)] == list(range(servers))
    counts = [count for _, _, count in found]
    assert max(counts) <= at_once
    assert max(counts) - min(counts) <= 1
    begins = [begin for begin, _, _ in found]
    assert begins == [connections * first // servers for _, first, _ in found]


def test_connections_go_where_it_is_said() -> None:
    """With real listeners: three blocks of two, then by the kernel's own choice."""
    first = listen("127.0.0.1", 0, 128, Options())
    port = first.getsockname()[1]
    listeners = [first, *(listen("127.0.0.1", port, 128, Options()) for _ in range(5))]
    by_fd = {listener.fileno(): number for number, listener in enumerate(listeners)}
    watch = select.epoll()
    for fd in by_fd:
        watch.register(fd, select.EPOLLIN)

    def taken(many: int) -> Counter[int]:
        """Which listeners have them."""
        found: Counter[int] = Counter()
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(many)]
        for client in clients:
            client.sendall(b"x")
        while found.total() < many:
            for fd, _ in watch.poll(5):
                listeners[by_fd[fd]].accept()[0].close()
                found[by_fd[fd]] += 1
        for client in clients:
            client.close()
        return found

    steering = Steering(first.dup(), 6, 2, 300)
    for started, block in ((0, {0, 1}), (99, {0, 1}), (100, {2, 3}), (250, {4, 5}), (300, {4, 5})):
        steering.move(started)
        assert set(taken(40)) == block
    steering.end()
    assert len(taken(100)) > 2
    watch.close()
    for listener in listeners:
        listener.close()
