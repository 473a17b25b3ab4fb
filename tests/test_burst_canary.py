"""The canary against servers that behave, refuse, stall, drip and pour: every visit ends, and says how."""

from __future__ import annotations

import errno
import os
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.sync.server import ServerConnection, serve

from tests import sockets
from tests.live.chat import serve as our_serve
from wstune import verification
from wstune.burst import canary
from wstune.burst.canary import Canary, percentiles

pytestmark = pytest.mark.live

MS = 0.001


@contextmanager
def _chat(handler: Callable[[ServerConnection], None]) -> Iterator[str]:
    """A server of the `websockets` library; yields its URL."""
    with serve(handler, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        host, port = server.socket.getsockname()[:2]
        try:
            yield f"ws://{host}:{port}/chat"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def _raw(answer: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """A server that does with each connection what `answer` does; yields its URL."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20 * MS)

        def accept() -> None:
            while not over.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(1)
                    try:
                        answer(connection, over)
                    except OSError:
                        continue

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            over.set()
            thread.join()


def _echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


def _fly(url: str, visits: int, **options: float) -> verification.Canary:
    """Let a canary make so many visits at least, or take ten seconds."""
    bird = Canary(url, 1 * MS, **options)  # type: ignore[arg-type]
    bird.start()
    until = time.monotonic() + 10
    while sum(samples.attempts for samples in bird._phases.values()) < visits and time.monotonic() < until:
        time.sleep(2 * MS)
    result = bird.stop()
    assert not bird.is_alive()
    return result


def test_a_chat_that_works() -> None:
    """Against a stock server every visit succeeds, and each step of it has its latency."""
    with _chat(_echo) as url:
        seen = _fly(url, 20)
    assert seen.attempts >= 20
    assert seen.failed == 0
    assert seen.reasons == {}
    for numbers in (seen.join_ms, seen.rtt_ms, seen.leave_ms):
        assert numbers is not None
        assert numbers.count == seen.attempts
        assert 0 < numbers.p50 <= numbers.p90 <= numbers.p99 <= numbers.p999 <= numbers.max


def test_phases_are_counted_apart() -> None:
    """Visits are counted under the phase in which they began, and all together."""
    with _chat(_echo) as url:
        bird = Canary(url, 1 * MS)
        bird.start()
        for name in ("before", "while", "after"):
            bird.phase(name)
            until = time.monotonic() + 5
            while bird._phases[name].attempts < 3 and time.monotonic() < until:
                time.sleep(1 * MS)
        seen = bird.stop()
    assert list(seen.phases) == ["before", "while", "after"]
    assert all(phase.attempts >= 3 and phase.rtt_ms for phase in seen.phases.values())
    assert sum(phase.attempts for phase in seen.phases.values()) <= seen.attempts


def test_others_talk_too() -> None:
    """Somebody else's words and binary frames are not its echo."""

    def chatter(connection: ServerConnection) -> None:
        for message in connection:
            connection.send("hello, newcomer")
            connection.send(b"\x00\x01")
            connection.ping()
            connection.send(message)

    with _chat(chatter) as url:
        assert _fly(url, 3).failed == 0


def test_it_leaves_no_time_wait() -> None:
    """A visit ends by a reset, even where the server closes first, and waits for its peer as RFC 6455 §7.1.1 has it.

    One that does not wait can lose the reset: it is for nobody while the kernel puts a TIME_WAIT in the socket's place
    (net/ipv4/tcp_minisocks.c).
    """
    address = sockets.own_address()
    with our_serve("--workers", "1", "--bind", address) as server:
        seen = _fly(f"ws://{address}:{server.port}/rooms/canary", 30)
    assert seen.attempts >= 30
    assert seen.failed == 0
    assert sockets.count((address, server.port)) == 0


def test_a_time_wait_would_be_seen() -> None:
    """The count that the test above rests on does see a socket in TIME_WAIT."""
    with socket.create_server((sockets.own_address(), 0)) as listener:
        end = listener.getsockname()
        with socket.create_connection(end):
            listener.accept()[0].close()
    assert sockets.count(end, sockets.TIME_WAIT) == 1


def _answer(status: bytes) -> Callable[[socket.socket, threading.Event], None]:
    def answer(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")

    return answer


def _silent(connection: socket.socket, over: threading.Event) -> None:
    over.wait(5)


def _dripping(connection: socket.socket, over: threading.Event) -> None:
    """One byte of a header at a time: no single read ever times out."""
    connection.recv(4096)
    while not over.wait(5 * MS):
        connection.sendall(b"H")


def _pouring(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
    while not over.is_set():
        connection.sendall(bytes(65536))


def _hanging_up(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(4096)


def _redirecting(connection: socket.socket, over: threading.Event) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 301 Moved\r\nLocation: ws://192.0.2.1:9/\r\n\r\n")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(_answer(b"503 Busy"), "join: HTTP-503", id="turns-away"),
        pytest.param(_answer(b"200 OK"), "join: HTTP-200", id="is-a-page"),
        pytest.param(_answer(b"101 Switching"), "join: BAD-ANSWER", id="no-accept-value"),
        pytest.param(_silent, "join: TIMEOUT", id="never-answers"),
        pytest.param(_dripping, "join: TIMEOUT", id="drips"),
        pytest.param(_pouring, "join: EMSGSIZE", id="pours"),
        pytest.param(_hanging_up, "join: EOF", id="hangs-up"),
        pytest.param(_redirecting, "join: BAD-ANSWER", id="redirects-elsewhere"),
    ],
)
def test_a_server_that_does_not_play(answer: Callable[[socket.socket, threading.Event], None], reason: str) -> None:
    """Each way of not answering is a failed visit with its reason, and takes no longer than a visit may."""
    with _raw(answer) as url:
        began = time.monotonic()
        seen = _fly(url, 1, visit_seconds=300 * MS)
        assert time.monotonic() - began < 3
    assert seen.failed == seen.attempts >= 1
    assert reason in seen.reasons
    assert seen.rtt_ms is None


def test_nobody_listens() -> None:
    """A refused connection is a failed visit; it goes on trying."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    seen = _fly(f"ws://127.0.0.1:{port}/", 3)
    assert seen.failed == seen.attempts >= 3
    assert set(seen.reasons) == {"join: ECONNREFUSED"}


def test_a_server_that_keeps_its_words() -> None:
    """A room in which the echo never comes is `echo: TIMEOUT`; one that is closed on it, `echo: CLOSED`."""

    def hear(connection: ServerConnection) -> None:
        for _ in connection:
            pass

    with _chat(hear) as url:
        seen = _fly(url, 1, visit_seconds=300 * MS)
    assert set(seen.reasons) == {"echo: TIMEOUT"}
    assert seen.join_ms is not None
    with _chat(lambda connection: connection.close()) as url:
        seen = _fly(url, 1)
    assert set(seen.reasons) <= {"echo: CLOSED", "echo: EOF", "echo: ECONNRESET", "echo: EPIPE"}
    assert seen.failed == seen.attempts


def test_stop_does_not_wait_for_a_silent_server() -> None:
    """An abandoned visit ends at once and is not counted."""
    with _raw(_silent) as url:
        bird = Canary(url, 1 * MS)
        bird.start()
        time.sleep(50 * MS)
        began = time.monotonic()
        seen = bird.stop(abandon=True)
        assert time.monotonic() - began < 1
        assert not bird.is_alive()
    assert seen.attempts == 0


def test_stop_twice() -> None:
    """Stopping again gives the same figures."""
    with _chat(_echo) as url:
        bird = Canary(url, 1 * MS)
        bird.start()
        first = bird.stop()
        assert bird.stop() == first


def test_it_comes_from_the_address_it_is_given() -> None:
    """A source address is used, without taking a port from other addresses."""
    seen: list[str] = []

    def note(connection: ServerConnection) -> None:
        seen.append(connection.remote_address[0])
        _echo(connection)

    with _chat(note) as url:
        bird = Canary(url, 1 * MS, source="127.9.8.7")
        bird.start()
        while not seen:
            time.sleep(1 * MS)
        assert bird.stop().failed == 0
    assert set(seen) == {"127.9.8.7"}


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "wss://127.0.0.1/", "ws:///", "host"])
def test_what_is_no_url_of_a_chat(url: str) -> None:
    """Anything but ws://HOST is a ValueError before a thread is started."""
    with pytest.raises(ValueError, match="expected ws://HOST:PORT/PATH"):
        Canary(url)


def test_percentiles_of_nothing() -> None:
    """No samples, no percentiles."""
    assert percentiles([]) is None


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300))
def test_percentiles_are_values_that_were_seen(values: list[float]) -> None:
    """Every percentile is one of the samples, in rising order, with that share of the samples at or below it."""
    numbers = percentiles(values)
    assert numbers is not None
    found = (numbers.p50, numbers.p90, numbers.p99, numbers.p999, numbers.max)
    assert list(found) == sorted(found)
    assert numbers.count == len(values)
    assert numbers.max == max(values)
    for share, value in zip((0.5, 0.9, 0.99, 0.999), found, strict=False):
        assert value in values
        assert sum(sample <= value for sample in values) >= share * len(values) - 1e-6


def test_a_paused_canary_visits_nobody() -> None:
    """Between pause and resume no visit begins; a paused one can be stopped."""
    with _chat(_echo) as url:
        canary = Canary(url, 0.01)
        canary.start()
        try:
            _wait_for(canary, 3)
            canary.pause()
            before = canary.result().attempts
            time.sleep(0.1)
            assert canary.result().attempts == before
            canary.resume()
            _wait_for(canary, before + 1)
            canary.pause()
        finally:
            seen = canary.stop()
        assert seen.failed == 0


def _wait_for(canary: Canary, visits: int) -> None:
    until = time.monotonic() + 20
    while canary.result().attempts < visits:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_newcomer_without_a_socket_is_a_failed_visit(monkeypatch: pytest.MonkeyPatch) -> None:
    """At fs.file-max socket(2) says ENFILE: that is what the canary met, not its end."""

    def refused(_: float) -> None:
        raise OSError(errno.ENFILE, os.strerror(errno.ENFILE))

    monkeypatch.setattr(canary, "_BoundedSocket", refused)
    bird = canary.start("ws://127.0.0.1:9/", interval=0.001)
    while bird.result().attempts < 2:
        assert bird.is_alive()
    met = bird.stop()
    assert met.attempts == met.failed
    assert met.reasons == {"join: ENFILE": met.failed}


@pytest.mark.root
def test_no_thread_is_an_oserror() -> None:
    """As whatever else a burst cannot have when it starts; a real limit on processes, of a user who is not root."""
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        os.setresuid(65534, 65534, 65534)
        try:
            canary.start("ws://127.0.0.1:9/")
        except OSError as error:
            os._exit(error.errno or 0)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == errno.EAGAIN
