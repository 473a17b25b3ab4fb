"""The listeners beside a server's own are those of that very process, and of none that only says so."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import need
from tests.live.chat import serve
from wstune.host.beside import listeners_beside

pytestmark = pytest.mark.live

_LISTENING = """
import socket, sys
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(each.getsockname()[1] for each in held), flush=True)
sys.stdin.read()
"""


@contextmanager
def process(*words: str) -> Iterator[tuple[int, int]]:
    """A process with two listeners and these words in its command line; the ports."""
    command = [sys.executable, "-c", _LISTENING, *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        one, two = map(int, other.stdout.readline().split())
        yield one, two
        other.communicate()


@pytest.mark.parametrize("bind", ["127.0.0.1", "0.0.0.0", "::"])
def test_the_listener_of_the_figures_is_found(bind: str) -> None:
    """Of the server that listens at the port, at whatever address it is bound to."""
    with serve("--bind", bind, "--workers", "2") as server, serve("--workers", "1"):
        found = listeners_beside("127.0.0.1", server.port)
        assert [(each.address, each.port) for each in found] == [("127.0.0.1", server.figures)]
        assert [each.port for each in listeners_beside("127.0.0.9", server.port)] == (
            [] if bind == "127.0.0.1" else [server.figures]
        )


def test_off_and_nobody_are_nothing() -> None:
    """--metrics off; a port at which nobody listens."""
    with serve("--workers", "1", "--metrics", "off") as server:
        assert listeners_beside("127.0.0.1", server.port) == ()
    assert listeners_beside("127.0.0.1", 1) == ()


def test_another_program_is_not_asked_elsewhere() -> None:
    """Only a `wstune serve` has a listener of figures; and a process is taken at its word only for what it holds."""
    with process() as (one, _):
        assert listeners_beside("127.0.0.1", one) == ()
    with process("wstune.chat.serve") as (one, two), socket.create_server(("127.0.0.1", 0)) as foreign:
        assert [each.port for each in listeners_beside("127.0.0.1", one)] == [two]
        assert listeners_beside("127.0.0.1", foreign.getsockname()[1]) == ()


def test_another_users_server_is_nothing() -> None:
    """Without root its descriptors cannot be seen, so it is not believed."""
    need("root")
    with serve("--workers", "1") as server:
        fork = os.fork()
        if fork == 0:
            os.setgid(65_534)
            os.setuid(65_534)
            os._exit(0 if listeners_beside("127.0.0.1", server.port) == () else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]) == 0
