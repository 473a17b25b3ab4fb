"""Our protocol against two others' implementations, each as client and as server."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Protocol

import pytest
import websockets.client
import websockets.frames
import websockets.http11
import websockets.server
import websockets.uri
import wsproto
import wsproto.events as wse
from hypothesis import given
from hypothesis import strategies as st
from websockets.typing import Subprotocol

from tests.test_protocol_frames import chunked, streams
from wstune.protocol import handshake
from wstune.protocol.frames import BINARY, CLOSE, CONT, PING, PONG, TEXT, ProtocolError, Receiver, close_payload, encode

Message = tuple[int, bytes]


class Peer(Protocol):
    """Another implementation. `request` and `established` of a client, `respond` of a server; the rest of both."""

    def request(self) -> bytes: ...
    def established(self, response: bytes) -> bool: ...
    def respond(self, request: bytes) -> bytes: ...
    def say(self, opcode: int, pieces: list[bytes]) -> bytes: ...
    def hear(self, data: bytes) -> list[Message]:
        """Whole messages; raises on what it finds wrong."""
        ...


class Wsproto:
    def __init__(self, role: str) -> None:
        server = role == "server"
        self.connection = wsproto.WSConnection(
            wsproto.ConnectionType.SERVER if server else wsproto.ConnectionType.CLIENT
        )
        self.parts: list[bytes] = []

    def request(self) -> bytes:
        return self.connection.send(wse.Request(host="h:3000", target="/chat", subprotocols=["a", "b"]))

    def established(self, response: bytes) -> bool:
        self.connection.receive_data(response)
        return [type(event) for event in self.connection.events()] == [wse.AcceptConnection]

    def respond(self, request: bytes) -> bytes:
        self.connection.receive_data(request)
        (event,) = self.connection.events()
        assert isinstance(event, wse.Request)
        assert (event.host, event.target) == ("h:3000", "/chat")
        return self.connection.send(wse.AcceptConnection())

    def say(self, opcode: int, pieces: list[bytes]) -> bytes:
        if opcode == PING:
            return self.connection.send(wse.Ping(b"".join(pieces)))
        if opcode == PONG:
            return self.connection.send(wse.Pong(b"".join(pieces)))
        if opcode == CLOSE:
            return self.connection.send(
                wse.CloseConnection(int.from_bytes(pieces[0][:2], "big"), pieces[0][2:].decode())
            )
        if opcode == TEXT:  # it takes whole characters only
            whole = b"".join(pieces).decode()
            return b"".join(
                self.connection.send(wse.TextMessage(part, message_finished=last))
                for part, last in ((whole[:3], False), (whole[3:], True))
            )
        ends = [False] * (len(pieces) - 1) + [True]
        return b"".join(
            self.connection.send(wse.BytesMessage(piece, message_finished=end))
            for piece, end in zip(pieces, ends, strict=True)
        )

    def hear(self, data: bytes) -> list[Message]:
        self.connection.receive_data(data)
        heard: list[Message] = []
        for event in self.connection.events():
            match event:
                case wse.TextMessage() | wse.BytesMessage():
                    self.parts.append(event.data.encode() if isinstance(event.data, str) else bytes(event.data))
                    if event.message_finished:
                        heard.append((TEXT if isinstance(event, wse.TextMessage) else BINARY, b"".join(self.parts)))
                        self.parts = []
                case wse.Ping():
                    heard.append((PING, bytes(event.payload)))
                case wse.Pong():
                    heard.append((PONG, bytes(event.payload)))
                case wse.CloseConnection():
                    # 1005 stands for an empty payload, and is never sent itself (RFC 6455 §7.4.1)
                    payload = b"" if event.code == 1005 else close_payload(event.code, (event.reason or "").encode())
                    heard.append((CLOSE, payload))
                case _:
                    pytest.fail(f"an event that nobody sent: {event}")
        return heard


class Websockets:
    def __init__(self, role: str) -> None:
        self.server = websockets.server.ServerProtocol()
        uri = websockets.uri.parse_uri("ws://h:3000/chat")
        self.client = websockets.client.ClientProtocol(uri, subprotocols=[Subprotocol("a"), Subprotocol("b")])
        self.connection: websockets.protocol.Protocol = self.server if role == "server" else self.client
        self.parts: list[Message] = []

    def sent(self) -> bytes:
        return b"".join(self.connection.data_to_send())

    def request(self) -> bytes:
        self.client.send_request(self.client.connect())
        return self.sent()

    def established(self, response: bytes) -> bool:
        self.client.receive_data(response)
        self.client.events_received()
        return self.client.handshake_exc is None and self.client.state is websockets.protocol.State.OPEN

    def respond(self, request: bytes) -> bytes:
        self.server.receive_data(request)
        (event,) = self.server.events_received()
        assert isinstance(event, websockets.http11.Request)
        assert (event.path, event.headers["Host"]) == ("/chat", "h:3000")
        self.server.send_response(self.server.accept(event))
        return self.sent()

    def say(self, opcode: int, pieces: list[bytes]) -> bytes:
        if opcode in (TEXT, BINARY):
            send = self.connection.send_text if opcode == TEXT else self.connection.send_binary
            send(pieces[0], fin=len(pieces) == 1)
            for at, piece in enumerate(pieces[1:], 2):
                self.connection.send_continuation(piece, fin=at == len(pieces))
        elif opcode == CLOSE:
            self.connection.send_close(int.from_bytes(pieces[0][:2], "big"), pieces[0][2:].decode())
        else:
            (self.connection.send_ping if opcode == PING else self.connection.send_pong)(b"".join(pieces))
        return self.sent()

    def hear(self, data: bytes) -> list[Message]:
        self.connection.receive_data(data)
        self.sent()
        if self.connection.parser_exc is not None:
            raise self.connection.parser_exc
        heard: list[Message] = []
        for event in self.connection.events_received():
            assert isinstance(event, websockets.frames.Frame)
            opcode, payload = int(event.opcode), bytes(event.data)
            if opcode >= CLOSE:
                heard.append((opcode, payload))
                continue
            self.parts.append((opcode, payload))
            if event.fin:
                whole = b"".join(part for _, part in self.parts)
                if self.parts[0][0] == TEXT:
                    whole.decode()  # it leaves that to its application
                heard.append((self.parts[0][0], whole))
                self.parts = []
        return heard


PEERS: dict[str, type[Wsproto] | type[Websockets]] = {"wsproto": Wsproto, "websockets": Websockets}
EACH = pytest.mark.parametrize("name", PEERS)
ROLES = pytest.mark.parametrize("role", ["server", "client"])
"""Ours; the peer has the other."""


def opened(name: str, role: str) -> Peer:
    """A peer after the handshake between it and us in `role`."""
    if role == "server":
        client = PEERS[name]("client")
        request = handshake.parse_request(client.request())
        assert request.is_upgrade
        assert (request.target, request.host, request.protocols) == (b"/chat", b"h:3000", (b"a", b"b"))
        handshake.check_origin(request)
        assert client.established(handshake.build_response(handshake.accept_value(request.key)))
        return client
    server = PEERS[name]("server")
    key = handshake.key_value(os.urandom(16))
    response = server.respond(handshake.build_request(b"h:3000", b"/chat", key))
    handshake.check_response(response, handshake.accept_value(key))
    return server


def heard_by(receiver: Receiver, chunks: Iterable[bytes]) -> list[Message]:
    return [message for chunk in chunks for message in receiver.feed(chunk)]


@EACH
@ROLES
def test_hands_are_shaken_with_a_peer(name: str, role: str) -> None:
    """Each end's handshake satisfies the other's checks, and a subprotocol that is not chosen does no harm."""
    assert opened(name, role)


@EACH
def test_a_peer_client_agrees_to_a_subprotocol_that_it_asked_for(name: str) -> None:
    """What `protocols` offers can be answered in `headers`."""
    client = PEERS[name]("client")
    request = handshake.parse_request(client.request())
    chosen = b"Sec-WebSocket-Protocol: %b\r\n" % request.protocols[1]
    assert client.established(handshake.build_response(handshake.accept_value(request.key), chosen))


@EACH
@pytest.mark.parametrize("wrong", [b"Sec-WebSocket-Protocol: c\r\n", b"Sec-WebSocket-Extensions: c\r\n"])
def test_peers_refuse_what_we_refuse(name: str, wrong: bytes) -> None:
    """Our check of an answer is no stricter than others' where the RFC leaves no choice."""
    client = PEERS[name]("client")
    request = handshake.parse_request(client.request())
    accept = handshake.accept_value(request.key)
    answer = handshake.build_response(accept, wrong)
    with pytest.raises(handshake.HandshakeError):
        handshake.check_response(answer, accept, request.protocols)
    try:
        agreed = client.established(answer)
    except wsproto.utilities.RemoteProtocolError:
        agreed = False
    assert not agreed


@EACH
@ROLES
@given(data=st.data())
def test_we_hear_what_a_peer_says(name: str, role: str, data: st.DataObject) -> None:
    """Messages of any kind, fragmented by the peer, cut by the network, arrive as they were said."""
    peer = opened(name, role)
    said, wire = [], b""
    for opcode in data.draw(st.lists(st.sampled_from((TEXT, BINARY, PING, PONG)), max_size=5)):
        if opcode in (PING, PONG):
            pieces = [data.draw(st.binary(max_size=125))]
        else:
            whole = data.draw(st.text(max_size=60).map(str.encode) if opcode == TEXT else st.binary(max_size=60))
            whole *= data.draw(st.sampled_from((1, 1, 3, 1200)))
            cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=3)))
            pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
        wire += peer.say(opcode, pieces)
        said.append((opcode, b"".join(pieces)))
    wire += peer.say(CLOSE, [close_payload(1000, b"bye")])
    said.append((CLOSE, close_payload(1000, b"bye")))
    receiver = Receiver(role, 1 << 20)
    assert heard_by(receiver, data.draw(chunked(wire))) == said
    assert receiver.closed


@EACH
@ROLES
@given(data=st.data())
def test_a_peer_hears_what_we_say(name: str, role: str, data: st.DataObject) -> None:
    """Messages of any kind, fragmented by us also within characters, cut by the network, arrive as they were said."""
    peer = opened(name, role)
    peer_role = "client" if role == "server" else "server"
    said, wire = data.draw(streams(peer_role))
    wire += encode(CLOSE, close_payload(1001), mask=b"mask" if role == "client" else None)
    heard = [message for chunk in data.draw(chunked(wire)) for message in peer.hear(chunk)]
    assert heard == [*said, (CLOSE, close_payload(1001))]


@EACH
@given(data=st.data())
def test_what_we_accept_a_peer_accepts_alike(name: str, data: st.DataObject) -> None:
    """Frames with a few bytes changed: where we find nothing wrong, neither does a peer, and it reads the same."""
    _, wire = data.draw(streams("server"))
    spoilt = bytearray(wire[:600] or encode(BINARY, b"", mask=b"mask"))
    for _ in range(data.draw(st.integers(0, 2))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    ours = Receiver("server")
    try:
        heard = ours.feed(bytes(spoilt))
    except ProtocolError:
        return
    request = handshake.build_request(b"h:3000", b"/chat", handshake.key_value(bytes(16)))
    peer = PEERS[name]("server")
    peer.respond(request)
    theirs = peer.hear(bytes(spoilt))
    if heard and heard[-1][0] == CLOSE and len(heard[-1][1]) < 2:
        heard, theirs = heard[:-1], theirs[: len(heard) - 1]  # each has its own word for a close without a code
    assert theirs == heard


@EACH
@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(encode(TEXT, b"x"), id="not masked"),
        pytest.param(b"\xc1\x80mask", id="reserved bit"),
        pytest.param(b"\x83\x80mask", id="reserved opcode"),
        pytest.param(b"\x09\x80mask", id="fragmented ping"),
        pytest.param(b"\x89\xfe\x00\x7emask" + bytes(126), id="long ping"),
        pytest.param(encode(CONT, b"x", mask=b"mask"), id="nothing to continue"),
        pytest.param(encode(TEXT, b"x", False, b"mask") + encode(TEXT, b"x", mask=b"mask"), id="interleaved"),
        pytest.param(encode(TEXT, b"\xff", mask=b"mask"), id="not UTF-8"),
        pytest.param(encode(CLOSE, b"x", mask=b"mask"), id="close of one byte"),
        pytest.param(encode(CLOSE, b"close", mask=b"mask"), id="Tsung's close"),
    ],
)
def test_peers_find_wrong_what_we_find_wrong(name: str, wire: bytes) -> None:
    """Our errors are others' errors too."""
    with pytest.raises(ProtocolError):
        Receiver("server").feed(wire)
    peer = PEERS[name]("server")
    peer.respond(handshake.build_request(b"h:3000", b"/chat", handshake.key_value(bytes(16))))
    try:
        heard: list[Message] | None = peer.hear(wire)
    except Exception:  # each has its own classes
        heard = None
    assert heard is None or heard[-1][:1] == (CLOSE,)  # wsproto reports its own failure as a close
