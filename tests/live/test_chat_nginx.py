"""`wstune serve` behind a real nginx: what a proxy on the same host asks for is not what this host asks for."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.live.chat import PATIENCE, parse_answer, read_all, request, serve
from tests.live.namespace import wait_until

pytestmark = [pytest.mark.live, pytest.mark.nginx]

NOTHING = ""
FIVE = """
proxy_http_version 1.1;
proxy_set_header Host $host;
proxy_set_header X-Real-IP $remote_addr;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
proxy_set_header X-Forwarded-Proto $scheme;
proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection "upgrade";
"""
SITE = "chat.example.org"
TOKEN = "0123456789abcdef" * 2


@contextmanager
def nginx(upstream: int, headers: str, directory: Path) -> Iterator[int]:
    """A proxy on loopback in front of that port; its own port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    places = "".join(
        f"{kind}_temp_path {directory}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    (directory / "nginx.conf").write_text(
        f"{user}daemon off;\npid {directory}/pid;\nerror_log {directory}/error.log;\nevents {{}}\nhttp {{\n"
        f"access_log off;\n{places}server {{\nlisten 127.0.0.1:{port};\nlocation / {{\n"
        f"proxy_pass http://127.0.0.1:{upstream};\n{headers}}}\n}}\n}}\n"
    )
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    arguments = [program, "-e", str(directory / "error.log"), "-p", str(directory), "-c", str(directory / "nginx.conf")]
    process = subprocess.Popen(arguments)

    def answers() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
        return True

    try:
        assert wait_until(answers, PATIENCE), (directory / "error.log").read_text()
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)


def get(port: int, path: str, *lines: str) -> tuple[int, bytes]:
    """Status and body of what a browser elsewhere gets."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        head = [f"GET {path} HTTP/1.1", f"Host: {SITE}", "Connection: close", *lines, ""]
        connection.sendall("".join(f"{line}\r\n" for line in head).encode())
        status, _, body = parse_answer(read_all(connection))
        return status, body


@pytest.mark.parametrize("headers", [NOTHING, FIVE], ids=["nothing but proxy_pass", "the usual five headers"])
@pytest.mark.parametrize("origin", [(), ("--origin", f"https://{SITE}")], ids=["as it is", "with --origin"])
def test_the_world_does_not_see_the_figures(headers: str, origin: tuple[str, ...], tmp_path: Path) -> None:
    """Nothing in a request tells that it came by a proxy: Host is 127.0.0.1:PORT, the peer is loopback."""
    with serve("--workers", "1", *origin) as server, nginx(server.port, headers, tmp_path) as port:
        for path in ("/stats", "/metrics", "/stats?x", "//stats", "/%73tats", "/./stats"):
            for lines in ((), ("Authorization: Bearer",), ("Authorization: Bearer x",), ("Authorization:",)):
                status, body = get(port, path, *lines)
                assert status in (403, 404), (path, lines)
                assert b"boot_id" not in body
                assert b"wstune_chat" not in body
        assert get(port, "/healthz") == (200, b"ok\n")


def test_the_site_works(tmp_path: Path) -> None:
    """With --origin and the five headers: the page, who is there, and a browser's upgrade."""
    with (
        serve("--workers", "1", "--origin", f"https://{SITE}") as server,
        nginx(server.port, FIVE, tmp_path) as port,
    ):
        assert get(port, "/")[0] == 200
        assert get(port, "/page.js")[0] == 200
        assert json.loads(get(port, "/who")[1])["here"] == 0
        for origin, status in ((f"https://{SITE}", 101), ("https://evil.example", 403)):
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
                connection.sendall(request("/chat", f"Origin: {origin}", host=SITE))
                assert int(connection.recv(4096)[9:12]) == status


@pytest.mark.parametrize("headers", [NOTHING, FIVE], ids=["nothing but proxy_pass", "the usual five headers"])
def test_who_has_the_token_sees_them(headers: str, tmp_path: Path) -> None:
    """--metrics-token: through the proxy as well; another token, and none, see nothing."""
    secret = tmp_path / "token"
    secret.write_text(TOKEN + "\n")
    secret.chmod(0o600)
    with (
        serve("--workers", "1", "--metrics-token", f"@{secret}") as server,
        nginx(server.port, headers, tmp_path) as port,
    ):
        assert get(port, "/stats", f"Authorization: Bearer {TOKEN}")[0] == 200
        assert get(port, "/metrics", f"Authorization: bearer {TOKEN}")[0] == 200
        for wrong in ((), (f"Authorization: Bearer {TOKEN}x",), (f"Authorization: Basic {TOKEN}",)):
            assert get(port, "/stats", *wrong)[0] == 403
        assert TOKEN.encode() not in Path(f"/proc/{server.process.pid}/cmdline").read_bytes()
        assert TOKEN.encode() not in Path(f"/proc/{server.process.pid}/environ").read_bytes()


@pytest.mark.parametrize("headers", [NOTHING, FIVE], ids=["nothing but proxy_pass", "the usual five headers"])
def test_figures_may_be_exposed(headers: str, tmp_path: Path) -> None:
    """--expose-metrics: everybody sees them."""
    with serve("--workers", "1", "--expose-metrics") as server, nginx(server.port, headers, tmp_path) as port:
        assert json.loads(get(port, "/stats")[1])["workers"] == 1
        assert get(port, "/metrics")[0] == 200
