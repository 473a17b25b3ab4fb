"""`wstune serve` as a process: where it listens, what it answers, how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import ROOT
from tests.live.chat import (
    CLOSE,
    PATIENCE,
    TEXT,
    Client,
    Server,
    connect_many,
    frame,
    parse_answer,
    read_all,
    request,
    serve,
)
from tests.live.namespace import wait_until

pytestmark = pytest.mark.live


def test_messages_go_to_everybody_in_the_room_over_all_workers() -> None:
    """Text and binary, sender included, to members of every worker, and to nobody in another room."""
    with serve("--workers", "3") as server:
        members = [Client(server, "/") for _ in range(12)] + [Client(server, "/chat") for _ in range(12)]
        stranger = Client(server, "/rooms/other")
        figures = server.stats()
        assert sum(each["connections"] > 0 for each in figures["each"]) > 1, "all at one worker: nothing is shown"
        members[0].say("hello")
        members[5].send(frame(2, b"\x00\xff"))
        for member in members:
            assert sorted([member.hear(), member.hear()]) == [(1, b"hello"), (2, b"\x00\xff")]
        assert stranger.silent()
        assert server.total()["messages"] == 2
        assert server.total()["delivered"] == 48


def test_a_join_tells_nobody() -> None:
    """Joining and leaving broadcast nothing."""
    with serve() as server, Client(server) as first:
        with Client(server):
            assert first.silent()
        assert first.silent()


def test_a_first_frame_behind_the_request_is_heard() -> None:
    """Frames pipelined behind the handshake are answered behind its answer."""
    with serve() as server, Client(server, first=frame(TEXT, b"at once")) as client:
        assert client.hear() == (TEXT, b"at once")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_drains(number: int) -> None:
    """SIGTERM, SIGINT and SIGHUP: everybody hears 1001, the exit code is 128 + n, no process is left."""
    with serve("--workers", "2") as server:
        clients = [Client(server) for _ in range(20)]
        workers = server.workers()
        assert len(workers) == 2
        server.process.send_signal(number)
        for client in clients:
            assert client.farewell() == (1001, "the server is going away")
            client.close()
        assert server.process.wait(PATIENCE) == 128 + number
        assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_was_ignored_stays_ignored(number: int) -> None:
    """nohup, and a script's background: neither the supervisor nor a worker ends by it."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        server = Server("--workers", "2")
    finally:
        signal.signal(number, before)
    other = signal.SIGTERM if number != signal.SIGTERM else signal.SIGINT
    try:
        workers = server.workers()
        client = Client(server)
        server.process.send_signal(number)
        for pid in workers:
            os.kill(pid, number)
        client.say("still here")
        assert client.hear() == (TEXT, b"still here")
        assert server.workers() == workers
        client.close()
        assert server.stop(other) == 128 + other
    finally:
        server.process.kill()
        server.process.wait()
        assert server.process.stdout is not None
        server.process.stdout.close()


def test_a_peer_that_does_not_answer_holds_up_no_drain() -> None:
    """A server that goes away waits a few seconds for the last ones, and a second signal ends that at once."""
    with serve() as server, Client(server):
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert server.process.poll() is None, "the farewell had no time"
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(PATIENCE)
        assert time.monotonic() - began < 1.5


def test_workers_die_with_their_supervisor() -> None:
    """SIGKILL to the supervisor leaves no worker behind: each has a death signal, and goes first for the OOM killer."""
    with serve("--workers", "2") as server:
        workers = server.workers()
        for pid in workers:
            assert Path(f"/proc/{pid}/oom_score_adj").read_text() == "1000\n"
            os.kill(pid, signal.SIGSTOP)  # so that it cannot notice by itself
        server.process.kill()
        server.process.wait()
        deadline = time.monotonic() + PATIENCE
        while any(Path(f"/proc/{pid}").exists() for pid in workers):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_worker_that_is_lost_is_said_and_replaced(tmp_path: Path) -> None:
    """A killed worker is reported on stderr, another takes its place, the other's connections live on."""
    log = tmp_path / "stderr"
    with log.open("w") as stderr, serve("--workers", "2", stderr=stderr) as server:
        clients = [Client(server) for _ in range(16)]
        victim = server.stats()["each"]
        lost = max(range(2), key=lambda at: victim[at]["connections"])
        survivors = victim[1 - lost]["connections"]
        assert survivors
        os.kill(server.workers()[lost], signal.SIGKILL)
        server.until(lambda total: total["alive"] == 2 and total["connections"] == survivors)
        new = [Client(server) for _ in range(16)]
        new[0].say("still here")
        heard = 0
        for client in [*clients, *new]:
            try:
                heard += client.hear() == (TEXT, b"still here")
            except (EOFError, ConnectionResetError):
                pass
        assert heard == survivors + 16
    assert f"worker {lost} (process " in log.read_text()
    assert "was killed by signal 9; another starts in 0.1 s" in log.read_text()


def test_a_stopped_worker_does_not_hold_up_the_ends_of_others() -> None:
    """A worker that does not react (SIGSTOP) is ended with the rest."""
    with serve("--workers", "2") as server:
        os.kill(server.workers()[0], signal.SIGSTOP)
        assert server.stop() == 128 + signal.SIGTERM


def test_figures_of_all_workers() -> None:
    """/stats sums what its workers have, and /metrics says the same in Prometheus' format, by its own parser."""
    with serve("--workers", "2") as server:
        clients = [Client(server) for _ in range(10)]
        clients[0].say("x")
        for client in clients:
            client.hear()
        status, fields, body = server.figure("/stats")
        assert (status, fields["content-type"]) == (200, "application/json")
        stats = json.loads(body)
        for name in ("connections", "opened", "messages", "delivered"):
            assert stats["total"][name] == sum(each[name] for each in stats["each"])
        assert stats["total"]["connections"] == 10
        assert stats["total"]["fanout_seconds"] > 0
        assert stats["total"]["memory"]["anonymous_bytes"] > 100_000
        status, fields, body = server.figure("/metrics")
        families = {family.name: family for family in text_string_to_metric_families(body.decode())}
        assert sum(sample.value for sample in families["wstune_chat_connections"].samples) == 10
        assert sum(sample.value for sample in families["wstune_chat_deliveries"].samples) == 10
        buckets = [
            sample.value
            for sample in families["wstune_chat_fanout_seconds"].samples
            if sample.name.endswith("_bucket") and sample.labels["le"] == "+Inf"
        ]
        assert sum(buckets) == 2, "one broadcast at each worker"
        assert server.get("/healthz") == (200, server.get("/healthz")[1], b"ok\n")


def test_figures_of_the_kernel() -> None:
    """/stats and /metrics tell what the server's kernel counts, under the names that `verify` has for it."""
    with serve("--workers", "2") as server:

        def opens() -> tuple[int, float]:
            stats = json.loads(server.figure("/stats")[2])["kernel"]
            assert stats["netns"] == Path("/proc/self/ns/net").stat().st_ino
            families = text_string_to_metric_families(server.figure("/metrics")[2].decode())
            samples = {
                sample.labels["counter"]: sample.value
                for family in families
                for sample in family.samples
                if sample.name == "wstune_chat_kernel"
            }
            assert samples.keys() == stats["counters"].keys()
            assert "TcpExt.ListenOverflows" in samples
            return stats["counters"]["Tcp.PassiveOpens"], samples["Tcp.PassiveOpens"]

        before = opens()
        clients = [Client(server) for _ in range(20)]
        after = opens()
        assert len(clients) == 20
        assert after[0] >= before[0] + 20
        assert after[1] >= before[1] + 20


def test_who_is_here() -> None:
    """/who tells the count and the names of a room, over all workers, soon after a join and after a leave."""
    with serve("--workers", "2") as server:
        clients = [Client(server, f"/rooms/a?name=N%C3%A4me+{at}") for at in range(6)] + [Client(server, "/rooms/a")]

        def who(path: str) -> tuple[int, list[str]]:
            seen = json.loads(server.get(path)[2])
            return seen["here"], seen["names"]

        def until(path: str, wanted: tuple[int, list[str]]) -> None:
            deadline = time.monotonic() + PATIENCE
            while who(path) != wanted:
                assert time.monotonic() < deadline, who(path)
                time.sleep(0.05)

        until("/rooms/a/who", (7, [f"Näme {at}" for at in range(6)]))
        assert who("/who") == (0, [])
        clients[0].close()
        until("/rooms/a/who", (6, [f"Näme {at}" for at in range(1, 6)]))


def test_the_page_comes_with_a_strict_policy() -> None:
    """Our own script and style only, no inline, no frame, nothing of a foreign origin in any resource."""
    with serve() as server:
        for path in ("/", "/chat", "/rooms/kitchen"):
            status, fields, body = server.get(path)
            assert status == 200
            assert fields["content-type"] == "text/html; charset=utf-8"
            policy = fields["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert f"ws://127.0.0.1:{server.port}" in policy
            assert b"<script src=" in body
            assert b"style=" not in body
        for path, kind in (("/page.js", "javascript"), ("/page.css", "css"), ("/icon.svg", "svg")):
            status, fields, body = server.get(path)
            assert status == 200
            assert kind in fields["content-type"]
            assert b"//" not in body.replace(b"http://www.w3.org/2000/svg", b"").replace(b"// ", b"").replace(
                b"ws://", b""
            )
        status, fields, body = server.get("/", method="HEAD")
        assert (status, body) == (200, b"")
        assert int(fields["content-length"]) > 1000
        assert server.get("/nothing")[0] == 404


@pytest.mark.parametrize(
    ("origin", "host", "arguments", "status"),
    [
        (None, "127.0.0.1", (), 101),
        ("http://127.0.0.1", "127.0.0.1", (), 101),
        ("http://localhost:{port}", "localhost:{port}", (), 101),
        ("http://evil.example", "127.0.0.1:{port}", (), 403),
        ("http://127.0.0.1:1", "127.0.0.1:{port}", (), 403),
        ("null", "127.0.0.1:{port}", (), 403),
        ("http://evil.example", "evil.example", (), 403),
        ("https://chat.example", "127.0.0.1", ("--origin", "https://chat.example"), 101),
        ("https://chat.example", "chat.example", ("--origin", "https://chat.example"), 101),
        ("https://other.example", "127.0.0.1", ("--origin", "https://chat.example"), 403),
        ("https://other.example", "127.0.0.1", ("--origin", "*"), 101),
        ("127.0.0.1", "127.0.0.1", (), 101),
    ],
    ids=[
        "absent",
        "own",
        "localhost",
        "foreign",
        "another port",
        "sandboxed",
        "a foreign name that leads here",
        "allowed",
        "allowed behind a proxy",
        "not the allowed one",
        "all allowed",
        "as tsung sends it",
    ],
)
def test_origins(origin: str | None, host: str, arguments: tuple[str, ...], status: int) -> None:
    """A browser's page may connect if it is ours; who sends no Origin is no browser."""
    with serve(*arguments) as server:
        name = host.format(port=server.port)
        lines = [f"Origin: {origin.format(port=server.port)}"] if origin else []
        for _ in range(2):  # the second one would be let in by the short way
            with socket.create_connection(server.address, timeout=PATIENCE) as connection:
                connection.sendall(request("/chat", *lines, host=name))
                assert int(connection.recv(4096)[9:12]) == status


def test_figures_are_for_this_host() -> None:
    """They have a port of their own, on loopback, under this host's names; on the public port nobody sees them."""
    with serve("--bind", "0.0.0.0") as server:
        for path in ("/stats", "/metrics"):
            assert server.get(path)[0] == 403
            assert server.get(path, host="evil.example")[0] == 403
            assert server.figure(path)[0] == 200
            assert server.figure(path, "localhost")[0] == 200
            assert server.figure(path, "evil.example")[0] == 403
            assert server.figure(path, "evil.example", "Origin: http://evil.example")[0] == 403
        assert server.get("/healthz", host="evil.example")[0] == 200
        assert server.figure("/")[0] == 404
        with socket.create_connection(("127.0.0.1", server.figures), timeout=PATIENCE) as connection:
            connection.sendall(request("/chat"))
            assert connection.recv(4096).startswith(b"HTTP/1.1 404")
    with serve("--bind", "0.0.0.0", "--expose-metrics") as server:
        assert server.get("/metrics", host="chat.example")[0] == 200
        assert server.figure("/metrics", "chat.example")[0] == 200


def test_a_page_elsewhere_learns_nothing_of_who_is_here() -> None:
    """DNS rebinding: on loopback, /who and the page answer only to this host's names and those of --origin."""
    paths = ("/", "/who", "/chat/who", "/rooms/a", "/rooms/a/who", "/page.js", "/nothing")
    with serve("--workers", "1", "--origin", "https://chat.example") as server:
        for path in paths:
            assert server.get(path, "evil.example")[0] == 403
            assert server.get(path, f"evil.example:{server.port}")[0] == 403
            for own in ("localhost", "127.0.0.1", "[::1]:80", "chat.example", "CHAT.example:443"):
                assert server.get(path, own)[0] == (404 if path == "/nothing" else 200), (path, own)


def test_the_figures_outlive_a_worker_and_a_crowd() -> None:
    """Those who ask slowly or say nothing keep nobody else from asking; a worker that was lost is made up for."""
    with serve("--workers", "2", "--handshake-deadline", "1") as server:
        address = ("127.0.0.1", server.figures)
        server.sockets += [socket.create_connection(address, timeout=PATIENCE) for _ in range(100)]
        for silent in server.sockets[:50]:
            silent.sendall(b"GET /stats HTT")
        assert server.stats()["workers"] == 2
        os.kill(server.workers()[0], signal.SIGKILL)
        server.until(lambda total: total["alive"] == 2)
        with socket.create_connection(address, timeout=PATIENCE):  # the worker that was killed may have had all others
            assert wait_until(lambda: server.total()["closed"]["handshake-deadline"] > 0, PATIENCE)
        for silent in server.sockets[60:]:
            assert silent.recv(1) == b""


def test_figures_can_be_off() -> None:
    """--metrics off: no listener; the public port still takes the token's absence for a no."""
    with serve("--workers", "1", "--metrics", "off") as server:
        assert server.figures == 0
        assert server.get("/stats")[0] == 403


def test_limits_are_kept() -> None:
    """--max-connections and --max-rooms: one more is refused with 503, and let in when another has left."""
    with serve("--workers", "2", "--max-connections", "10", "--max-rooms", "2") as server:
        clients = [Client(server) for _ in range(10)]
        assert Client(server).status == 503
        clients.pop().close()
        server.until(lambda total: total["connections"] == 9)
        assert Client(server, "/rooms/a").status == 101
    with serve("--workers", "1", "--max-rooms", "2") as server:
        one, two = Client(server, "/rooms/a"), Client(server, "/rooms/b")
        assert (one.status, two.status) == (101, 101)
        assert Client(server, "/rooms/c").status == 503
        two.close()
        server.until(lambda total: total["connections"] == 1)
        assert Client(server, "/rooms/c").status == 101


def test_a_rush_at_the_limit() -> None:
    """In a rush over all workers exactly --max-connections get in, and the seats of a lost worker are free again."""
    with serve("--workers", "4", "--max-connections", "20") as server:
        for connection in (rush := [socket.create_connection(server.address, timeout=PATIENCE) for _ in range(200)]):
            connection.setblocking(True)
        server.sockets += rush
        for connection in rush:
            connection.sendall(request("/chat"))
        answers = [connection.recv(4096)[9:12] for connection in rush]
        assert (answers.count(b"101"), answers.count(b"503")) == (20, 180)
        os.kill(lost := server.workers()[0], signal.SIGKILL)
        # Another is there: the loss was noticed. Before that all four still count as alive.
        assert wait_until(lambda: len(now := server.workers()) == 4 and lost not in now, PATIENCE)
        left = server.until(lambda total: total["alive"] == 4)["connections"]
        assert [Client(server).status for _ in range(21 - left)] == [101] * (20 - left) + [503]


def test_a_message_may_be_as_long_as_said() -> None:
    """--max-message to the byte; one more is closed with 1009."""
    with serve("--max-message", "1000") as server, Client(server) as client:
        client.send(frame(TEXT, b"x" * 1000))
        assert client.hear() == (TEXT, b"x" * 1000)
        client.send(frame(TEXT, b"x" * 1001))
        assert client.farewell()[0] == 1009


def test_the_largest_message_crosses_the_bus() -> None:
    """128 KiB, the most that --max-message takes, arrives at every worker."""
    with serve("--workers", "2", "--max-message", "128K") as server:
        clients = [Client(server) for _ in range(12)]
        assert all(each["connections"] for each in server.stats()["each"])
        clients[0].send(frame(2, bytes(131_072)))
        assert [client.hear()[1] for client in clients] == [bytes(131_072)] * 12


def test_the_access_log_is_off_unless_wanted(tmp_path: Path) -> None:
    """No line without --access-log, a line a request with it."""
    for arguments, lines in (((), 0), (("--access-log",), 3)):
        log = tmp_path / "log"
        with log.open("w") as stderr, serve(*arguments, stderr=stderr) as server:
            for _ in range(2):
                Client(server, "/rooms/a").close()
            server.get("/healthz")
        assert len(log.read_text().splitlines()) == lines
    assert '127.0.0.1 "GET /rooms/a" 101' in log.read_text()


def test_systemd_hands_over_its_socket_and_hears_that_we_are_ready(tmp_path: Path) -> None:
    """LISTEN_FDS: the workers share the given socket; READY=1 when they run, STOPPING=1 when they drain."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, socket.socket() as listener:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE)
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        # what systemd does between fork and exec: descriptor 3, and our own process number
        start = (
            "import os, sys; fd = int(sys.argv[1]); os.dup2(fd, 3); os.environ['LISTEN_PID'] = str(os.getpid());"
            "os.environ['LISTEN_FDS'] = '1';"
            "os.execv(sys.executable, [sys.executable, '-m', 'wstune', 'serve', '--workers', '2'])"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", start, str(listener.fileno())],
            cwd=ROOT,
            env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")},
            pass_fds=[listener.fileno()],
            stdout=subprocess.DEVNULL,
        )
        try:
            assert manager.recv(100) == b"READY=1"
            for _ in range(20):
                with socket.create_connection(listener.getsockname(), timeout=PATIENCE) as client:
                    client.sendall(request("/chat"))
                    assert client.recv(1000).startswith(b"HTTP/1.1 101")
            process.terminate()
            assert manager.recv(100) == b"STOPPING=1"
            assert process.wait(PATIENCE) == 128 + signal.SIGTERM
        finally:
            process.kill()
            process.wait()


def test_what_is_wrong_with_an_address_is_one_sentence() -> None:
    """A port that is taken, an address of another host: exit 2, a sentence and a tip, no traceback."""
    with serve() as server:
        for arguments, words in (
            (["--port", str(server.port)], f"port {server.port} of 127.0.0.1 is taken"),
            (["--bind", "192.0.2.1"], "192.0.2.1 is no address of this host"),
            (["--bind", "fe80::1"], "--bind fe80::1: the address is good on one link only, and which is not said"),
            (
                ["--metrics", "0.0.0.0:0"],
                "whoever reaches 0.0.0.0 could read the server's figures",
            ),
        ):
            run = subprocess.run(
                [sys.executable, "-m", "wstune", "serve", *arguments],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
            assert run.returncode == 2
            assert words in run.stderr
            assert "TIP" in run.stderr
            assert "Traceback" not in run.stderr


@pytest.mark.usefixtures("many_files")
def test_an_idle_connection_costs_no_python_object() -> None:
    """2,000 idle members: under 400 bytes of a worker's own memory each, the interpreter's slack included."""
    with serve("--workers", "1") as server:
        time.sleep(1.2)
        before = server.stats()["total"]["memory"]["anonymous_bytes"]
        clients = connect_many(server, 2000)
        time.sleep(1.5)
        after = server.stats()["total"]["memory"]["anonymous_bytes"]
        assert (after - before) / 2000 < 400
        for client in clients:
            client.close()


def test_closing_ends_with_the_clients_own_code() -> None:
    """The server answers a CLOSE with its code, and closes first."""
    with serve() as server, Client(server) as client:
        client.send(frame(CLOSE, (4000).to_bytes(2, "big") + b"bye"))
        assert client.hear() == (CLOSE, (4000).to_bytes(2, "big"))
        assert client.socket.recv(1) == b""
        client.close()
        server.until(lambda total: total["closed"]["closed"] == 1)


def test_what_is_not_http_is_told_so() -> None:
    """TLS to a plain port gets an answer in words rather than silence."""
    with serve() as server, socket.create_connection(server.address, timeout=PATIENCE) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        status, _, body = parse_answer(read_all(connection))
        assert status == 400
        assert b"TLS" in body
