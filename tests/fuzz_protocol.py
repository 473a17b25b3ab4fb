"""Valid inputs, spoilt, fed to the protocol in random pieces: `python -m tests.fuzz_protocol [COUNT [SEED]]`.

Held for each input: nothing is raised but the protocol's own errors, no more is kept than the limits allow, the work is
linear in the bytes fed, and how the bytes were cut makes no difference. Work is counted, not timed: calls of functions,
and bytes that are given to those that look at each byte. An input is made from SEED and its number alone, which a
failure names.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, SupportsIndex

from wstune.protocol import closing, frames, handshake, http1
from wstune.protocol.frames import BINARY, CLOSE, CONT, PING, PONG, TEXT, ProtocolError, Receiver, encode
from wstune.protocol.handshake import HandshakeError

MAX_MESSAGE = 2000
CALLS_PER_BYTE, BYTES_PER_BYTE = 40, 8
"""What is linear: a header byte that comes alone costs about 15 calls, and a byte of text is looked at 3 times."""
STATUSES = frozenset((400, 405, 413, 414, 426, 431, 501, 505))
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = handshake.accept_value(KEY)

Heard = tuple[list[tuple[int, bytes]], int]


class Work:
    """Counts what is done while it is entered, and says whether that was linear."""

    def __init__(self) -> None:
        self.calls = 0
        self.looked_at = 0

    def __enter__(self) -> Work:
        self._before = {name: vars(frames)[name] for name in ("mask_payload", "utf_8_decode")}
        vars(frames).update({name: self._counting(function) for name, function in self._before.items()})
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        vars(frames).update(self._before)

    def _note(self, _frame: object, event: str, _argument: object) -> None:
        self.calls += event in ("call", "c_call")

    def _counting(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(data: bytes, *rest: object) -> Any:
            self.looked_at += len(data)
            return function(data, *rest)

        return counted

    def check(self, fed: int, chunks: int) -> None:
        assert self.calls <= CALLS_PER_BYTE * (fed + chunks + 10), (
            f"{self.calls} calls for {fed} bytes in {chunks} pieces"
        )
        assert self.looked_at <= BYTES_PER_BYTE * (fed + chunks), f"{self.looked_at} bytes looked at for {fed}"


class Buffer(bytearray):
    """A buffer that counts how much of it is searched."""

    work = Work()

    def find(self, sub: Any, start: SupportsIndex | None = 0, end: SupportsIndex | None = None, /) -> int:
        self.work.looked_at += len(self) - int(start or 0)
        return super().find(sub, start, end)

    def count(self, sub: Any, start: SupportsIndex | None = 0, end: SupportsIndex | None = None, /) -> int:
        self.work.looked_at += len(self) - int(start or 0)
        return super().count(sub, start, end)


def spoil(dice: random.Random, data: bytes) -> bytes:
    """A few bytes changed, cut out, doubled, or put in; now and then nothing."""
    spoilt = bytearray(data)
    for _ in range(dice.choice((0, 1, 1, 1, 2, 3, 8))):
        at = dice.randrange(len(spoilt) + 1)
        match dice.randrange(6):
            case 0 if at < len(spoilt):
                spoilt[at] ^= 1 << dice.randrange(8)
            case 1 if at < len(spoilt):
                spoilt[at] = dice.choice((0, 9, 10, 13, 32, 0x7E, 0x7F, 0x80, 0xFE, 0xFF))
            case 2:
                del spoilt[at : at + dice.randrange(1, 12)]
            case 3:
                spoilt[at:at] = spoilt[at : at + dice.randrange(1, 30)]
            case 4:
                spoilt[at:at] = dice.randbytes(dice.randrange(1, 12))
            case _:
                spoilt[at:at] = dice.choice(
                    (
                        b"\r\n",
                        b"\n",
                        b"\r\n\r\n",
                        b"\0",
                        b": ",
                        b",",
                        b" ",
                        b'"',
                        b";",
                        b"\xc3",
                        b"\xed\xa0",
                        b"\xf4\x90",
                        b"\x7f",
                    )
                )
    return bytes(spoilt)


def cut(dice: random.Random, data: bytes) -> list[bytes]:
    """In octets, in two, in pieces of random lengths, or whole."""
    longest = dice.choice((1 if len(data) < 400 else 40, 3 if len(data) < 1200 else 200, max(len(data), 1)))
    chunks, at = [], 0
    while at < len(data):
        size = dice.randint(1, longest)
        chunks.append(data[at : at + size])
        at += size
    return chunks


def stream(dice: random.Random, masked: bool) -> bytes:
    """Frames of a well-behaved peer."""
    wire = b""
    for _ in range(dice.randint(1, 4)):
        opcode = dice.choice((TEXT, TEXT, BINARY, PING, PONG, CLOSE))
        size = dice.choice((0, 1, 3, 5, 9, 20, 125, 126, dice.choice((20, 300, 1500, 2001))))
        text = "aé€🎉"[dice.randrange(4) :].encode() * (size // 4 + 1)
        payload = text if opcode == TEXT else dice.randbytes(size)
        if opcode == CLOSE:
            payload = dice.choice(
                (
                    b"",
                    closing.close_payload(
                        dice.choice((1000, 1001, 3000, 4999)), text[:60].decode(errors="ignore").encode()
                    ),
                )
            )
        elif opcode > CLOSE:
            payload = payload[:125]
        parts = [payload]
        while opcode < CLOSE and dice.random() < 0.4:
            at = dice.randint(0, len(parts[-1]))
            parts[-1:] = [parts[-1][:at], parts[-1][at:]]
        for at, part in enumerate(parts):
            mask = dice.randbytes(4) if masked else None
            wire += encode(CONT if at else opcode, part, at == len(parts) - 1, mask)
            if at < len(parts) - 1 and dice.random() < 0.3:
                wire += encode(PING, b"", mask=mask)
    return wire


def hear(receiver: Receiver, chunks: list[bytes]) -> Heard:
    """What a receiver makes of it, and the code of its error or 0."""
    out: list[tuple[int, bytes]] = []
    for chunk in chunks:
        try:
            out += receiver.feed(chunk)
        except ProtocolError as error:
            assert receiver.buffered == 0
            return out + error.frames, error.code
        assert receiver.buffered <= MAX_MESSAGE + 14 + 125 + 3
        assert (
            receiver.idle or receiver.closed or receiver.buffered or receiver._remaining >= 0 or receiver._type != CONT
        )
    return out, 0


def fuzz_frames(dice: random.Random) -> None:
    role = dice.choice(("server", "client"))
    data = spoil(dice, stream(dice, role == "server"))
    chunks = cut(dice, data)
    with Work() as work:
        heard = hear(Receiver(role, MAX_MESSAGE), chunks)
    work.check(len(data), len(chunks))
    assert heard[1] in (0, 1002, 1007, 1009)
    assert heard == hear(Receiver(role, MAX_MESSAGE), [data]), "it depends on how it is cut"
    for opcode, payload in heard[0]:
        assert len(payload) <= (MAX_MESSAGE if opcode < CLOSE else 125)
        if opcode == TEXT:
            payload.decode()
        elif opcode == CLOSE:
            closing.close_code(payload)
    one = frames.read_one(data, role)
    assert one is None or heard == ([one], 0)


def request(dice: random.Random) -> bytes:
    lines = [
        b"GET " + dice.choice((b"/", b"/chat", b"/rooms/x?y=z", b"http://h:1/chat")) + b" HTTP/1.1",
        b"Host: " + dice.choice((b"h", b"h:3000", b"[::1]:3000", b"127.0.0.1")),
        b"Upgrade: websocket",
        b"Connection: " + dice.choice((b"Upgrade", b"keep-alive, Upgrade")),
        b"Sec-WebSocket-Key: " + KEY,
        b"Sec-WebSocket-Version: 13",
        *dice.sample(
            (
                b"Origin: http://h:3000",
                b"Origin: null",
                b"Sec-WebSocket-Protocol: a, b",
                b'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x; y="z"',
                b"Content-Length: 0",
                b"Transfer-Encoding: chunked",
                b"Cookie: " + b"c" * dice.choice((10, 300, 9000)),
                b"\r\n".join(b"X-%d: y" % at for at in range(dice.choice((1, 10, 70)))),
            ),
            dice.randrange(4),
        ),
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def read(chunks: list[bytes], buffer: bytearray) -> handshake.Request | int:
    """As a server reads it: a request, the status of an error, or 0 when it is not whole."""
    try:
        for chunk in chunks:
            seen = len(buffer)
            buffer += chunk
            length = http1.head_length(buffer, seen)
            assert 0 <= length <= http1.MAX_HEAD
            assert length or len(buffer) < http1.MAX_HEAD
            if length:
                return handshake.parse_request(bytes(buffer[:length]))
    except HandshakeError as error:
        return int(handshake.build_error(error)[9:12])
    return 0


def fuzz_request(dice: random.Random) -> None:
    data = spoil(dice, request(dice))
    chunks = cut(dice, data)
    with Work() as work:
        Buffer.work = work
        found = read(chunks, Buffer())
    work.check(len(data) + http1.MAX_HEADERS, len(chunks))
    if not isinstance(found, handshake.Request):
        assert found == 0 or found in STATUSES
        return
    whole = read([data], bytearray())
    assert isinstance(whole, handshake.Request), "it depends on how it is cut"
    assert (whole.target, whole.headers) == (found.target, found.headers)
    assert found.target.startswith(b"/")
    assert found.is_upgrade is bool(found.key)
    assert not any(
        control in field for pair in found.headers.items() for field in pair for control in (b"\r", b"\n", b"\0")
    )
    if found.is_upgrade:
        assert len(found.key) == 24
        assert found.host
    try:
        handshake.check_origin(found)
    except HandshakeError as error:
        assert error.status == 403  # noqa: PT017 — no pytest here
    else:
        assert not found.origin or found.host.lower() in found.origin.lower() + b":80:443"


def fuzz_response(dice: random.Random) -> None:
    extra = dice.choice(
        (b"", b"", b"Server: x\r\n", b"Sec-WebSocket-Protocol: a\r\n", b"Sec-WebSocket-Extensions: x\r\n")
    )
    right = handshake.build_response(ACCEPT, extra)
    head = spoil(dice, dice.choice((right, right, b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\n\r\n")))
    with Work() as work:
        try:
            handshake.check_response(head, ACCEPT, (b"a",))
        except HandshakeError as error:
            assert error.status == 0 or 100 <= error.status <= 999  # noqa: PT017
            refused = True
        else:
            refused = False
    work.check(len(head), 1)
    if not refused:
        assert head.startswith(b"HTTP/1.1 101 ") or head.startswith(b"HTTP/1.")
        assert ACCEPT in head
        assert head.endswith(b"\r\n\r\n")


def fuzz_values(dice: random.Random) -> None:
    payload = spoil(dice, closing.close_payload(dice.choice((1000, 4000)), "bye é".encode()))[:125]
    try:
        code, reason = closing.close_code(payload)
    except ProtocolError as error:
        assert error.code in (1002, 1007)  # noqa: PT017
    else:
        assert not payload or payload == closing.close_payload(code, reason.encode())
    value = spoil(dice, b'a, permessage-deflate; b=10; c; d="e", f')
    try:
        extensions = handshake.parse_extensions(value)
    except HandshakeError as error:
        assert error.status == 400  # noqa: PT017
    else:
        assert extensions
        assert all(http1.is_token(name) for name, _ in extensions)


TARGETS = (fuzz_frames, fuzz_frames, fuzz_request, fuzz_response, fuzz_values)


def run(count: int, seed: int) -> Iterator[int]:
    """Tries so many inputs; yields after each thousand. Raises AssertionError with a note that says which failed."""
    for number in range(count):
        dice = random.Random(f"{seed}/{number}")
        try:
            TARGETS[number % len(TARGETS)](dice)
        except BaseException as error:
            error.add_note(f"input {number} of seed {seed}: python -m tests.fuzz_protocol one {number} {seed}")
            raise
        if number % 1000 == 999:
            yield number + 1


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[:1] == ["one"]:
        number, seed = int(arguments[1]), int(arguments[2])
        TARGETS[number % len(TARGETS)](random.Random(f"{seed}/{number}"))
        return
    count = int(arguments[0]) if arguments else 100_000
    seed = int(arguments[1]) if len(arguments) > 1 else 1
    started = time.monotonic()
    for done in run(count, seed):
        if done % 100_000 == 0:
            sys.stdout.write(f"{done} inputs, {time.monotonic() - started:.0f} s\n")
            sys.stdout.flush()
    sys.stdout.write(f"{count} inputs of seed {seed}: nothing wrong, {time.monotonic() - started:.0f} s\n")


if __name__ == "__main__":
    main()
