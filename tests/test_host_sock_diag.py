"""Listeners by netlink: what the kernel says of sockets that we made."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from tests.conftest import ROOT, need
from wstune.host.files import Root
from wstune.host.sock_diag import listeners
from wstune.host.usage import first_sockets

pytestmark = pytest.mark.live


@pytest.mark.parametrize(
    ("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["v4", "v6"]
)
def test_a_listener_of_ours(family: socket.AddressFamily, address: str) -> None:
    """Its address, port, backlog as listen() was given it, user and inode; what waits is counted."""
    with socket.socket(family) as server, socket.socket(family) as client:
        try:
            server.bind((address, 0))
        except OSError:
            pytest.skip(f"this machine has no {address}")
        server.listen(77)
        port = server.getsockname()[1]
        client.connect((address, port))
        (found,) = (each for each in listeners() if each.inode == os.fstat(server.fileno()).st_ino)
        assert found[:5] == (port, address, 77, 1, os.geteuid())
        assert found.inode in first_sockets(Root(), os.getpid())
        assert not [each for each in listeners() if each.inode == os.fstat(client.fileno()).st_ino]


@pytest.mark.usefixtures("many_files")
def test_many_listeners_come_whole() -> None:
    """More than fit into one datagram are all there."""
    servers = []
    try:
        for _ in range(400):
            server = socket.socket()
            servers.append(server)
            server.bind(("127.0.0.1", 0))
            server.listen(1)
        assert {server.getsockname()[1] for server in servers} <= {each.port for each in listeners()}
    finally:
        for server in servers:
            server.close()


def test_a_fin_that_nobody_answers_is_counted() -> None:
    """While the peer's namespace drops everything; of another port there is none."""
    need("netns")
    need("nft")
    code = f"""
import socket, subprocess, sys, time
sys.path.insert(0, {str(ROOT)!r})
from wstune.host.sock_diag import with_unanswered_fin
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
server = socket.create_server(("127.0.0.1", 0))
port = server.getsockname()[1]
clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
accepted = [server.accept() for _ in clients]
assert with_unanswered_fin(port) == 0
rules = "add table inet t; add chain inet t i {{ type filter hook input priority 0; policy drop; }}"
subprocess.run(["nft", rules], check=True)
for client in clients:
    client.close()
assert with_unanswered_fin(port) == 3, with_unanswered_fin(port)
assert with_unanswered_fin(port + 1) == 0
subprocess.run(["nft", "flush ruleset"], check=True)
until = time.monotonic() + 20
while with_unanswered_fin(port):
    assert time.monotonic() < until
    time.sleep(0.01)
"""
    run = subprocess.run(
        ["unshare", "-Urn", sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert run.returncode == 0, run.stderr


def test_another_network_namespace() -> None:
    """Those of a process elsewhere are seen there, and not here."""
    need("netns")
    code = (
        "import fcntl, socket, struct; c = socket.socket();"
        "fcntl.ioctl(c, 0x8914, struct.pack('16sh14x', b'lo', 1)); s = socket.socket(); s.bind(('127.0.0.1', 777));"
        "s.listen(5); print(flush=True); input()"
    )
    with subprocess.Popen(
        ["unshare", "-Urn", sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout
        child.stdout.readline()
        found = listeners(child.pid)
        child.communicate(b"\n")
    assert [each[:3] for each in found] == [(777, "127.0.0.1", 5)]
    assert 777 not in {each.port for each in listeners()}


def test_descriptors_of_nobody() -> None:
    """A process that is not there, or may not be looked at, has none."""
    assert first_sockets(Root(), 2**31 - 2) == frozenset()
