"""What a listener hands on to the connections that it accepts."""

from __future__ import annotations

import socket
import struct
from contextlib import closing

import pytest

from wstune.chat.listeners import listen, port_is_taken
from wstune.chat.options import Options

pytestmark = pytest.mark.live


def accepted(options: Options, address: str = "127.0.0.1") -> socket.socket:
    """The server's end of a connection, whose client has said something."""
    listener = listen(address, 0, 16, options)
    with listener, socket.create_connection(listener.getsockname()[:2]) as client:
        client.sendall(b"x")
        listener.setblocking(True)
        return listener.accept()[0]


def test_peers_that_vanished_are_looked_for() -> None:
    """A half-open connection is found: an idle one by probes in two minutes, one that takes nothing in one."""
    with accepted(Options(keepalive=True, kernel_send_buffer=65_536)) as connection:
        option = connection.getsockopt
        assert option(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        idle = option(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
        probes = option(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) * option(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL)
        assert (idle, probes) == (60, 60)
        assert option(socket.IPPROTO_TCP, 18) == 60_000  # TCP_USER_TIMEOUT, milliseconds
        assert option(socket.SOL_SOCKET, socket.SO_SNDBUF) == 131_072  # doubled, socket(7)
        assert option(socket.SOL_SOCKET, socket.SO_LINGER) == 0


def test_a_bursts_server_resets_what_it_closes() -> None:
    """SO_LINGER 1,0 and nothing else is handed on."""
    with accepted(Options(reset_on_close=True)) as connection:
        linger = connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
        assert struct.unpack("ii", linger) == (1, 0)
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0


def test_workers_share_a_port_and_others_see_that_it_is_taken() -> None:
    """Two listeners at one address; whoever asks beforehand is told."""
    with closing(listen("127.0.0.1", 0, 16, Options())) as first:
        port = first.getsockname()[1]
        with closing(listen("127.0.0.1", port, 16, Options())) as second:
            assert second.getsockname() == first.getsockname()
            assert port_is_taken("127.0.0.1", port)
    assert not port_is_taken("127.0.0.1", port)


def test_ipv6() -> None:
    """An address with colons is one of IPv6."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this host has no IPv6")
    with accepted(Options(), "::1") as connection:
        assert connection.family == socket.AF_INET6
