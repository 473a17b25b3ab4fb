"""Stock clients talk to the server: each joins, talks, hears itself and another, and leaves in its own way."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import need, required
from tests.live.chat import BINARY, PATIENCE, TEXT, Client, Server, serve

pytestmark = pytest.mark.live

LONG = "ünï " * 5000
"""25,000 bytes of UTF-8: a frame with a 16-bit length, larger than a read."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serve("--workers", "2") as running:
        yield running


def websocket_client(url: str) -> None:
    import websocket

    connection = websocket.create_connection(url, timeout=PATIENCE)
    for text in ("hello", LONG):
        connection.send(text)
        assert connection.recv() == text
    connection.send_binary(b"\x00\xff")
    assert connection.recv() == b"\x00\xff"
    connection.ping("are you there")
    opcode, frame = connection.recv_data_frame(control_frame=True)
    assert (opcode, frame.data) == (websocket.ABNF.OPCODE_PONG, b"are you there")
    connection.close(timeout=PATIENCE)


def websockets(url: str) -> None:
    from websockets.sync.client import connect

    with connect(url, open_timeout=PATIENCE, proxy=None) as connection:
        for message in ("hello", LONG, b"\x00\xff"):
            connection.send(message)
            assert connection.recv(PATIENCE) == message
        connection.send(iter(["in ", "frag", "ments"]))
        assert connection.recv(PATIENCE) == "in fragments"
        connection.ping().wait(PATIENCE)
    assert (connection.close_code, connection.close_reason) == (1000, "")


def aiohttp(url: str) -> None:
    import aiohttp as library

    async def talk() -> None:
        async with library.ClientSession() as session, session.ws_connect(url, compress=15) as connection:
            for text in ("hello", LONG):
                await connection.send_str(text)
                assert await connection.receive_str(timeout=PATIENCE) == text
            await connection.send_bytes(b"\x00\xff")
            assert await connection.receive_bytes(timeout=PATIENCE) == b"\x00\xff"
            await connection.close(code=4001)
            assert connection.close_code == 4001

    asyncio.run(asyncio.wait_for(talk(), 3 * PATIENCE))


def wsproto(url: str) -> None:
    from wsproto import ConnectionType, WSConnection
    from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Ping, Pong, Request, TextMessage

    host, _, path = url.removeprefix("ws://").partition("/")
    name, _, port = host.partition(":")
    protocol = WSConnection(ConnectionType.CLIENT)
    with socket.create_connection((name, int(port)), timeout=PATIENCE) as connection:

        def hear() -> object:
            while not (events := list(protocol.events())):
                data = connection.recv(65536)
                protocol.receive_data(data or None)
            (event,) = events
            return event

        connection.sendall(protocol.send(Request(host=host, target=f"/{path}")))
        assert isinstance(hear(), AcceptConnection)
        for message in (TextMessage(data="hello"), BytesMessage(data=b"\x00\xff")):
            connection.sendall(protocol.send(message))
            heard = hear()
            assert type(heard) is type(message)
            assert heard.data == message.data
        connection.sendall(protocol.send(Ping(payload=b"x")))
        assert hear() == Pong(payload=b"x")
        connection.sendall(protocol.send(CloseConnection(code=1000)))
        assert hear() == CloseConnection(code=1000, reason="")


def picows(url: str) -> None:
    import picows as library

    class Listener(library.WSListener):
        def __init__(self) -> None:
            self.heard: asyncio.Queue[bytes] = asyncio.Queue()

        def on_ws_frame(self, transport: library.WSTransport, frame: library.WSFrame) -> None:
            if frame.msg_type in (library.WSMsgType.TEXT, library.WSMsgType.BINARY):
                self.heard.put_nowait(frame.get_payload_as_bytes())

    async def talk() -> None:
        transport, listener = await library.ws_connect(Listener, url)
        assert isinstance(listener, Listener)
        for kind, payload in (
            (library.WSMsgType.TEXT, b"hello"),
            (library.WSMsgType.TEXT, LONG.encode()),
            (library.WSMsgType.BINARY, b"\x00\xff"),
        ):
            transport.send(kind, payload)
            assert await asyncio.wait_for(listener.heard.get(), PATIENCE) == payload
        transport.send_close(library.WSCloseCode.OK)
        await asyncio.wait_for(transport.wait_disconnected(), PATIENCE)

    asyncio.run(talk())


@pytest.mark.parametrize(
    "client", [websocket_client, websockets, aiohttp, wsproto, picows], ids=lambda one: one.__name__
)
def test_a_python_client(server: Server, client: Callable[[str], None]) -> None:
    """It joins, talks in text and binary, hears itself, is heard by another, and leaves cleanly."""
    path = f"/rooms/{client.__name__}"
    with Client(server, path) as other:
        before = server.until(lambda total: total["connections"] == 1)  # nobody is left of the test before
        client(server.url(path))
        assert other.hear() == (TEXT, b"hello")
        after = server.until(lambda total: total["closed"]["closed"] > before["closed"]["closed"])
    for reason in ("protocol", "reset", "eof"):
        assert after["closed"][reason] == before["closed"][reason], reason


def node_modules(tmp_path: Path) -> Path:
    """A folder with `ws` from npm; skips in words where that cannot be."""
    need("npm")
    install = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(tmp_path), "ws@8"],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    if install.returncode:
        if "npm" in required():
            pytest.fail(install.stderr)
        pytest.skip("npm could not fetch the package ws")
    return tmp_path


NODE = """
const WebSocket = require("ws");
const say = ["hello", "ünï ".repeat(5000), Buffer.from([0, 255])];
const heard = [];
const client = new WebSocket(process.argv[2]);
client.on("open", () => say.forEach((message) => client.send(message)));
client.on("message", (data, isBinary) => {
  heard.push(isBinary ? data.toString("hex") : data.toString().length);
  if (heard.length === 3) client.ping("x");
});
client.on("pong", (data) => client.close(4002, "bye " + data));
client.on("close", (code) => console.log(JSON.stringify({ heard, code })));
"""


def test_ws_from_npm(server: Server, tmp_path: Path) -> None:
    """`ws`, the usual client of Node.js: the same, with its offer of compression declined."""
    folder = node_modules(tmp_path)
    script = folder / "talk.js"
    script.write_text(NODE)
    with Client(server, "/rooms/node") as other:
        run = subprocess.run(
            ["node", str(script), server.url("/rooms/node")], capture_output=True, text=True, timeout=30, check=False
        )
        assert run.returncode == 0, run.stderr
        assert json.loads(run.stdout) == {"heard": [5, 20000, "00ff"], "code": 4002}
        assert other.hear() == (TEXT, b"hello")


TSUNG = """<?xml version="1.0"?>
<!DOCTYPE tsung SYSTEM "/usr/share/tsung/tsung-1.0.dtd">
<tsung loglevel="notice" version="1.0">
  <clients><client host="localhost" use_controller_vm="true" maxusers="100"/></clients>
  <servers><server host="127.0.0.1" port="{port}" type="tcp"/></servers>
  <load duration="20" unit="second">
    <arrivalphase phase="1" duration="10" unit="second">
      <users maxnumber="20" interarrival="0.05" unit="second"/>
    </arrivalphase>
  </load>
  <sessions>
    <session name="websocket" probability="100" type="ts_websocket">
      <request><websocket type="connect" path="/rooms/tsung"/></request>
      <request><websocket type="message">{{"name":"Tsung"}}</websocket></request>
      <thinktime value="1"/>
      <request><websocket type="message" ack="no_ack" frame="text">text</websocket></request>
      <request><websocket type="close"/></request>
    </session>
  </sessions>
</tsung>
"""


def test_tsung(tmp_path: Path) -> None:
    """Tsung, which the posts used: binary frames, a CLOSE without a code, no PONG; none of its sessions fails."""
    need("tsung")
    config = tmp_path / "tsung.xml"
    with serve("--workers", "1") as server, Client(server, "/rooms/tsung") as other:
        config.write_text(TSUNG.format(port=server.port))
        run = subprocess.run(
            [
                "tsung",
                "-f",
                str(config),
                "-l",
                str(tmp_path / "log"),
                "-i",
                str(tmp_path.name[-8:].strip("_-") or "t"),
                "start",
            ],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
            env={**os.environ, "HOME": str(tmp_path)},
        )
        assert run.returncode == 0, run.stdout + run.stderr
        (log,) = (tmp_path / "log").glob("*/tsung.log")
        figures = stats_of(log.read_text())
        assert figures["websocket_succ"] == figures["users_count"] == 20, log.read_text()
        assert "websocket_fail" not in figures
        assert not {name for name in figures if name.startswith("error")} - {
            "error_abort"
        }  # that is how it ends itself
        assert other.hear() == (BINARY, b'{"name":"Tsung"}')
        total = server.total()
        assert (total["opened"], total["messages"]) == (21, 40)


def stats_of(log: str) -> dict[str, int]:
    """The last value of each counter: lines `stats: name count total`."""
    figures = {}
    for line in log.splitlines():
        fields = line.split()
        if len(fields) == 4 and fields[0] == "stats:":
            figures[fields[1]] = int(float(fields[3]))
    return figures
