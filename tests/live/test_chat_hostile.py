"""Clients that mean harm: each is dropped with its reason, the others and the server live on."""

from __future__ import annotations

import os
import resource
import select
import signal
import socket
import struct
import time
from collections.abc import Callable

import pytest

from tests.live.chat import (
    BINARY,
    PING,
    TEXT,
    Client,
    Server,
    connect_many,
    cpu_seconds,
    frame,
    parse_answer,
    read_all,
    request,
    serve,
)
from wstune.host import guard
from wstune.protocol import frames

pytestmark = pytest.mark.live


def plain(server: Server) -> socket.socket:
    """A connection that has not said anything."""
    connection = socket.create_connection(server.address, timeout=10)
    server.sockets.append(connection)
    return connection


def lives(server: Server) -> None:
    """A newcomer is let in and is answered at once."""
    began = time.monotonic()
    with Client(server, "/rooms/alive") as client:
        client.say("alive?")
        assert client.hear() == (TEXT, b"alive?")
    assert time.monotonic() - began < 2


def open_files(pid: int) -> int:
    used = guard.open_files(pid)
    if used is None:
        pytest.skip("this kernel does not tell how many files a process has open")
    return used


def hear_all(client: Client) -> None:
    while True:
        client.hear()


def send_on(client: Client, data: bytes) -> None:
    for _ in range(100_000):
        client.send(data)


def closed(reason: str, count: int = 1) -> Callable[[dict[str, dict[str, int]]], bool]:
    """The fact that so many connections ended for that reason."""
    return lambda total: total["closed"][reason] >= count


def test_a_slow_reader_is_dropped_and_the_room_goes_on() -> None:
    """What a reader does not take is kept up to --send-buffer; then it goes, and the others have missed nothing."""
    with serve("--workers", "1", "--send-buffer", "64K", "--rate", "0") as server:
        slow = Client(server, receive_buffer=4096)
        talker, listener = Client(server), Client(server)
        count = 0
        while server.total()["closed"]["slow"] == 0:
            assert count < 2000
            for _ in range(20):
                talker.send(frame(BINARY, b"%6d" % count + bytes(4000)))
                assert talker.hear()[1][:6] == b"%6d" % count
                assert listener.hear()[1][:6] == b"%6d" % count
                count += 1
        assert server.total()["connections"] == 2
        assert server.total()["memory"]["buffered_bytes"] == 0
        with pytest.raises((ConnectionResetError, EOFError)):
            hear_all(slow)


def test_what_slow_readers_cost_together_is_bounded() -> None:
    """--buffers bounds what is kept for all of them; who needs more is dropped for memory."""
    with serve("--workers", "1", "--buffers", "1M", "--rate", "0") as server:
        slow = [Client(server, receive_buffer=4096) for _ in range(20)]
        talker = Client(server)
        for _ in range(80):
            talker.send(frame(BINARY, bytes(8000)))
            assert talker.hear() == (BINARY, bytes(8000))
        server.until(closed("memory", 10))
        time.sleep(1.2)
        assert server.total()["memory"]["buffered_bytes"] <= 1_048_576
        assert len(slow) == 20
        lives(server)


def test_incomplete_messages_together_are_bounded() -> None:
    """Messages that never end take no more than --buffers; who holds one too many is told to try again (1013)."""
    with serve("--workers", "1", "--buffers", "256K") as server:
        clients = [Client(server) for _ in range(8)]
        for client in clients:
            client.send(frame(BINARY, bytes(60_000))[:-100])
        server.until(closed("memory"))
        codes = [client.farewell()[0] for client in clients if not client.silent(0.5)]
        assert set(codes) == {1013}
        assert 3 <= len(codes) <= 5
        lives(server)


def test_a_slow_handshake_has_a_deadline() -> None:
    """A request that comes byte by byte gets 408 at the deadline, who says nothing is closed, both counted."""
    with serve("--workers", "1", "--handshake-deadline", "1") as server:
        silent, slow = plain(server), plain(server)
        began = time.monotonic()
        for byte in request()[:12]:
            slow.sendall(bytes((byte,)))
            time.sleep(0.1)
        assert parse_answer(read_all(slow))[0] == 408
        assert silent.recv(1) == b""
        assert 1 <= time.monotonic() - began < 4
        server.until(closed("handshake-deadline"))
        lives(server)


def test_a_slow_message_has_a_deadline() -> None:
    """A frame, and a message of fragments, must be whole within --frame-deadline; pings in between do not help."""
    with serve("--workers", "1", "--frame-deadline", "1") as server:
        half, fragments = Client(server), Client(server)
        began = time.monotonic()
        half.send(frame(TEXT, b"half")[:-1])
        fragments.send(frame(TEXT, b"never ", fin=False))
        while select.select([fragments.socket], [], [], 0.2)[0] == [] and time.monotonic() - began < 8:
            fragments.send(frame(0, b"", fin=False))
        assert half.farewell() == (1008, "a message took too long")
        assert fragments.farewell() == (1008, "a message took too long")
        assert 1 <= time.monotonic() - began < 5
        server.until(closed("frame-deadline", 2))


def test_long_messages_one_after_the_other_are_no_slow_message() -> None:
    """The deadline is a message's, not that of a connection that always has one under way."""
    with serve("--workers", "1", "--frame-deadline", "1", "--rate", "0") as server, Client(server) as client:
        until = time.monotonic() + 2.5
        half = frame(BINARY, bytes(60_000))
        client.send(half[:1000])
        while time.monotonic() < until:
            client.send(half[1000:] + half[:1000])
            assert client.hear() == (BINARY, bytes(60_000))
            time.sleep(0.05)
        assert server.total()["closed"]["frame-deadline"] == 0


def test_idle_is_without_a_byte() -> None:
    """--idle: who sends nothing is asked by PING and then closed; who answers, or talks without ponging, stays."""
    with serve("--workers", "1", "--idle", "2") as server:
        dead, ponging, talking = Client(server), Client(server), Client(server, "/rooms/tsung")
        began = time.monotonic()
        while time.monotonic() - began < 5:
            talking.say("no pong")
            if not ponging.silent(0.1) and ponging.hear()[0] == PING:
                ponging.send(frame(frames.PONG))
        assert dead.farewell() == (1008, "nothing was heard of you")
        total = server.total()
        assert (total["connections"], total["closed"]["idle"]) == (2, 1)


def test_nobody_is_idle_who_was_not_asked() -> None:
    """--idle: a worker that had no processor for so long does not take its own silence for that of its members."""
    with serve("--workers", "1", "--idle", "2") as server, Client(server) as ponging:
        ponging.say("here")
        assert ponging.hear() == (TEXT, b"here")
        (worker,) = server.workers()
        os.kill(worker, signal.SIGSTOP)
        try:
            time.sleep(3.5)
        finally:
            os.kill(worker, signal.SIGCONT)
        assert ponging.hear() == (PING, b"")
        ponging.send(frame(frames.PONG))
        assert ponging.hear() == (PING, b"")
        assert ponging.farewell() == (1008, "nothing was heard of you")


@pytest.mark.parametrize(
    "flood",
    [
        frame(TEXT, b"x"),
        frame(PING, b"x"),
        frame(TEXT, b"", fin=False) + frame(0, b"", fin=False) * 40 + frame(0),
        frame(BINARY, b"x" * 200),
    ],
    ids=["messages", "pings", "empty fragments", "longer ones"],
)
def test_a_flood_ends_its_connection(flood: bytes) -> None:
    """More than --rate frames a second, of any kind, beyond twice that in a burst: closed with 1008."""
    with serve("--workers", "1", "--rate", "50") as server, Client(server) as client:
        client.send(flood * 2)
        assert server.total()["connections"] == 1
        with pytest.raises(ConnectionError):
            send_on(client, flood * 20)
        server.until(closed("flood"))
        assert server.total()["delivered"] <= 101
        lives(server)


def test_the_budget_of_deliveries_delays_and_loses_nothing() -> None:
    """Above --deliveries a second messages wait, in order; a small room does not have to."""
    with serve("--workers", "2", "--deliveries", "2000", "--rate", "0") as server:
        crowd = [Client(server, "/rooms/crowd") for _ in range(100)]
        time.sleep(1.2)  # the workers know how many are in the room
        began = time.monotonic()
        for number in range(60):
            crowd[0].say(str(number))  # 6,000 deliveries: a second's worth at once, the others in two
        lives(server)
        assert time.monotonic() - began < 1.5
        for client in crowd:
            assert [client.hear()[1] for _ in range(60)] == [b"%d" % number for number in range(60)]
        assert time.monotonic() - began > 1.0
        assert server.total()["messages_delayed"] > 0
        assert server.total()["messages"] == 61


def test_who_must_wait_may_leave() -> None:
    """A talker that waits for the budget and vanishes, or closes, takes nothing with it."""
    with serve("--workers", "1", "--deliveries", "200", "--rate", "0") as server:
        crowd = connect_many(server, 100, "/rooms/crowd")
        for end in (Client.reset, Client.close):
            talker = Client(server, "/rooms/crowd")
            for _ in range(20):
                talker.say("x")
            end(talker)
        lives(server)
        server.until(lambda total: total["connections"] == len(crowd), 20)
        time.sleep(1.2)
        server.until(lambda total: total["memory"]["buffered_bytes"] == 0)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 100 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 100_000, 431),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000, 405),
        (b"\x00" * 100_000, 400),
    ],
    ids=["line", "field", "fields", "endless fields", "content", "zeros"],
)
def test_giant_requests_are_answered(head: bytes, status: int) -> None:
    """Nothing over 8 KiB is read, and the answer arrives although the rest was not."""
    with serve("--workers", "1") as server:
        connection = plain(server)
        try:
            connection.sendall(head)
        except OSError:
            pass  # it has heard enough
        assert parse_answer(read_all(connection))[0] == status
        server.until(closed("refused"))
        lives(server)


RST = struct.pack("ii", 1, 0)
STATES: dict[str, bytes] = {
    "connected": b"",
    "half a request": request()[:40],
    "a request": request(),
    "half a frame": request() + frame(TEXT, b"hello")[:3],
    "a message": request() + frame(TEXT, b"hello"),
    "a fragment": request() + frame(TEXT, b"hello", fin=False),
    "a CLOSE": request() + frame(frames.CLOSE, b"\x03\xe8"),
    "a mistake": request() + b"\xff" * 100,
    "a page": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "nonsense": b"nonsense\r\n\r\n",
}


def test_resets_in_every_state() -> None:
    """RST or FIN at any moment: no worker dies, nothing is left of the connection."""
    with serve("--workers", "1") as server:
        pid = server.workers()[0]
        for wait in (0.0, 0.01):
            for said in STATES.values():
                for reset in (True, False):
                    for _ in range(5):
                        connection = socket.create_connection(server.address, timeout=10)
                        connection.sendall(said)
                        time.sleep(wait)
                        if reset:
                            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
                        connection.close()
        lives(server)
        server.until(lambda total: total["connections"] == 0)
        time.sleep(3)  # farewells end
        assert server.workers() == [pid]
        assert open_files(pid) < 12
        assert server.total()["memory"]["buffered_bytes"] == 0


@pytest.mark.parametrize("end", [Client.reset, Client.close])
def test_who_speaks_and_vanishes_is_heard(end: Callable[[Client], None]) -> None:
    """What was said before a reset counts, also when the server learns of the reset by writing to who has gone.

    The worker stands still until everything is there: it then gives the first one's words to those who have gone.
    """
    with serve("--workers", "1", "--rate", "0") as server:
        listener, first = Client(server), Client(server)
        leaving = [Client(server) for _ in range(40)]
        (pid,) = server.workers()
        os.kill(pid, signal.SIGSTOP)
        first.say("first")
        for number, client in enumerate(leaving):
            client.send(frame(TEXT, b"%d" % number) + frame(BINARY, bytes(70)) * (number % 3))
            end(client)
        os.kill(pid, signal.SIGCONT)
        heard = [listener.hear() for _ in range(1 + 40 + 39)]
        assert heard[0] == (TEXT, b"first")
        assert sorted(int(text) for opcode, text in heard[1:] if opcode == TEXT) == list(range(40))
        total = server.until(lambda total: total["connections"] == 2)
        assert total["messages"] == 80
        assert total["closed"]["reset"] + total["closed"]["eof"] == 40
        assert total["memory"]["buffered_bytes"] == 0


def test_a_half_closed_peer_is_no_member() -> None:
    """Who has shut its sending side has left: an end of the stream is the end of a WebSocket."""
    with serve("--workers", "1") as server, Client(server) as client:
        client.socket.shutdown(socket.SHUT_WR)
        server.until(closed("eof"))
        assert server.total()["connections"] == 0


@pytest.mark.slow
def test_ten_thousand_connects_without_a_handshake() -> None:
    """They cost a deadline and nothing more; meanwhile newcomers are let in."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 12_000:
        pytest.skip(f"the hard file limit here is {hard:,}, and 12,000 files are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with serve("--workers", "1", "--handshake-deadline", "4") as server:
            pid = server.workers()[0]
            for at in range(10_000):
                connection = socket.socket()
                server.sockets.append(connection)
                connection.bind((f"127.0.0.{2 + at % 4}", 0))
                connection.connect(server.address)
                if at % 2:
                    connection.sendall(b"G")
                if at % 1000 == 999:
                    lives(server)
            server.until(closed("handshake-deadline", 5_000), 60)
            assert server.workers() == [pid]
            lives(server)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_descriptors_it_waits_and_does_not_spin() -> None:
    """EMFILE in accept: the members live, no processor time is burnt, and who waits is let in when there is room."""
    with serve("--workers", "1") as server:
        pid = server.workers()[0]
        member = Client(server)
        used = open_files(pid)
        hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 10, hard))
        members = [Client(server) for _ in range(10)]
        waiting = [plain(server) for _ in range(5)]
        for one in waiting:
            one.sendall(request())
        began, before = time.monotonic(), cpu_seconds(pid)
        for number in range(20):
            member.say(str(number))
            assert member.hear() == (TEXT, b"%d" % number)
            time.sleep(0.05)
        assert cpu_seconds(pid) - before < 0.25 * (time.monotonic() - began)
        assert select.select(waiting, [], [], 0)[0] == []
        for member in members:
            member.close()
        for late in waiting:
            assert late.recv(1000).startswith(b"HTTP/1.1 101")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
        total = server.total()
        assert total["accept_errors"] > 0
        assert total["connections"] == 6


def test_garbage_of_all_kinds_kills_no_worker() -> None:
    """Random bytes before and after the handshake, many at once."""
    with serve("--workers", "1", "--handshake-deadline", "2") as server:
        pid = server.workers()[0]
        for seed in range(300):
            connection = plain(server)
            noise = os.urandom(1 + seed * 7 % 900)
            try:
                connection.sendall((request() if seed % 2 else b"") + noise)
            except OSError:
                pass
        lives(server)
        for connection in server.sockets:
            connection.close()
        server.until(lambda total: total["connections"] == 0)
        assert server.workers() == [pid]


def test_a_stuck_worker_is_ended_and_replaced() -> None:
    """A worker that takes nothing from the bus while the others talk is killed after ten seconds; they lose nothing."""
    with serve("--workers", "2", "--rate", "0", "--deliveries", "0", "--send-buffer", "1G") as server:
        clients = [Client(server) for _ in range(10)]
        first = server.stats()["each"]
        stuck = server.workers()[0]
        os.kill(stuck, signal.SIGSTOP)
        talker = next(client for client in clients if heard_by_the_other(client))
        assert first[1]["connections"]
        deadline = time.monotonic() + 40
        unsent = b""
        for client in clients:
            client.socket.setblocking(False)
        while stuck in server.workers():
            assert time.monotonic() < deadline
            unsent = unsent or frame(BINARY, bytes(65_000))
            readable, writable, _ = select.select([client.socket for client in clients], [talker.socket], [], 0.1)
            if writable:
                unsent = unsent[talker.socket.send(unsent) :]
            for one in readable:
                try:
                    one.recv(1 << 20)
                except ConnectionResetError:  # of a client of the worker that was killed
                    clients = [client for client in clients if client.socket is not one]
        deadline = time.monotonic() + 10
        while len(server.workers()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def heard_by_the_other(client: Client) -> bool:
    """Whether a client is at the worker that is not stopped: that one answers pings."""
    client.send(frame(PING))
    return not client.silent(0.5)
