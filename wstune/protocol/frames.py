"""WebSocket frames, RFC 6455 §5, §6 and §8: bytes in, messages out, and the way back. No socket, no clock, no dice.

The two roles are ``"server"`` (what it receives must be masked) and ``"client"`` (what it receives must not be).
An owner that holds very many connections keeps no object for an idle one: :func:`read_one` reads the usual case, a
whole small frame, without any state; only what is incomplete, fragmented or unusual needs a :class:`Receiver`, which
says by ``idle`` when it can be dropped again.
"""

from __future__ import annotations

from _codecs import utf_8_decode  # the C function itself: `codecs` wraps it in a class per decoder

from wstune.protocol.closing import INVALID_DATA, MAX_CONTROL, PROTOCOL_ERROR, TOO_BIG
from wstune.protocol.closing import ProtocolError as ProtocolError
from wstune.protocol.closing import close_code as close_code
from wstune.protocol.closing import close_payload as close_payload

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

MAX_MESSAGE = 65536

_IDENTITY = bytes(range(256))
_TRANSLATE_FROM = 2048  # bytes; where four translations of a quarter each become faster than one large XOR


def mask_payload(payload: bytes, mask: bytes) -> bytes:
    """XOR ``payload`` with the 4 bytes of ``mask`` repeated (RFC 6455 §5.3); masking twice gives the payload back."""
    n = len(payload)
    if n < _TRANSLATE_FROM:
        from_bytes = int.from_bytes
        return (from_bytes(payload, "little") ^ from_bytes((mask * (n + 3 >> 2))[:n], "little")).to_bytes(n, "little")
    out = bytearray(n)
    for lane in range(4):
        out[lane::4] = payload[lane::4].translate(mask_payload(_IDENTITY, mask[lane : lane + 1] * 4))
    return bytes(out)


def encode(opcode: int, payload: bytes, fin: bool = True, mask: bytes | None = None) -> bytes:
    """One frame. ``mask`` (4 bytes) is for a client, which must mask with fresh random bytes each time (§5.3).

    Raises ValueError for what may not be sent: an unknown opcode, a control frame in parts or over 125 bytes, a mask
    that is not 4 bytes.
    """
    n = len(payload)
    if opcode > 7:
        if n > MAX_CONTROL or not fin:
            raise ValueError("a control frame is one frame of at most 125 bytes (RFC 6455 §5.5)")
        if opcode > PONG:
            raise ValueError(f"opcode {opcode:#x} is reserved (RFC 6455 §5.2)")
    elif not 0 <= opcode <= BINARY:
        raise ValueError(f"opcode {opcode:#x} is reserved (RFC 6455 §5.2)")
    first = opcode | 0x80 if fin else opcode
    masked = 0
    if mask is not None:
        if len(mask) != 4:
            raise ValueError("a mask is 4 bytes (RFC 6455 §5.3)")
        masked = 0x80
        payload = mask + mask_payload(payload, mask)
    if n < 126:
        return bytes((first, masked | n)) + payload
    if n < 65536:
        return bytes((first, masked | 126, n >> 8, n & 0xFF)) + payload
    return bytes((first, masked | 127)) + n.to_bytes(8, "big") + payload


def read_one(data: bytes, role: str = "server") -> tuple[int, bytes] | None:
    """``(opcode, payload)`` if ``data`` is exactly one whole, valid TEXT, BINARY, PING or PONG frame of ≤ 125 bytes.

    Otherwise None: feed ``data`` to a :class:`Receiver`, which tells incomplete from wrong. None too for CLOSE frames.
    For a connection that has no Receiver, or an idle one.
    """
    n = len(data)
    if n < 2:
        return None
    first = data[0]
    size = data[1]
    if role == "server":
        size -= 0x80
        if not 0 <= size < 126 or n != size + 6:
            return None
        payload = mask_payload(data[6:], data[2:6])
    else:
        if size > 125 or n != size + 2:
            return None
        payload = data[2:]
    if first == 0x81:
        try:
            utf_8_decode(payload, "strict", True)
        except UnicodeDecodeError:
            return None
        return TEXT, payload
    if first == 0x82 or first == 0x89 or first == 0x8A:
        return first & 0x0F, payload
    return None


class Receiver:
    """What one connection has received and not yet completed.

    Memory is bounded by ``max_message`` plus one control frame plus one header, whatever is fed and in whatever pieces;
    time is linear in the bytes fed.
    """

    __slots__ = (
        "_control",
        "_error",
        "_fin",
        "_head",
        "_mask",
        "_masked",
        "_max",
        "_message",
        "_opcode",
        "_remaining",
        "_tail",
        "_type",
        "closed",
        "frames",
    )

    def __init__(self, role: str, max_message: int = MAX_MESSAGE) -> None:
        """``role`` is ``"server"`` or ``"client"``; ``max_message`` bounds a data message, in bytes of payload."""
        if role not in ("server", "client"):
            raise ValueError(f"role is server or client, not {role!r}")
        if max_message < 0:
            raise ValueError("max_message is at least 0")
        self._masked = role == "server"
        self._max = max_message
        self.closed = False  # a CLOSE came: whatever follows is not looked at (§5.5.1)
        self.frames = 0  # that were read to their end, of any kind: a flood may be of frames that complete nothing
        self._error: tuple[int, str] | None = None
        self._head = bytearray()  # of a header, what has come: at most 14 bytes
        self._remaining = -1  # payload bytes of the present frame still to come; -1 between frames
        self._opcode = CONT  # of the present frame
        self._fin = True
        self._mask = b""  # turned so that its first byte is for the next payload byte
        self._type = CONT  # TEXT or BINARY while a message is open, else CONT
        self._message = bytearray()
        self._control = bytearray()
        self._tail = b""  # of a text message, the start of a character whose end has not come: at most 3 bytes

    @property
    def idle(self) -> bool:
        """Nothing is incomplete, so the object can be dropped, and a new one made when more bytes come."""
        return self._remaining < 0 and not self._head and self._type == CONT and not self.closed and self._error is None

    @property
    def buffered(self) -> int:
        """Bytes held for what is incomplete."""
        return len(self._head) + len(self._message) + len(self._control) + len(self._tail)

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """What ``data`` completes: ``(TEXT | BINARY, whole message)``, ``(PING | PONG | CLOSE, payload)``, in order.

        The payload of a CLOSE is valid for :func:`close_code`. After a CLOSE nothing more is read: ``closed`` is True.
        Raises ProtocolError as early as the bytes allow, and again each time it is fed after that.
        """
        if self._error is not None:
            raise ProtocolError(*self._error)  # not the first one again: its traceback would hold on to data, and grow
        out: list[tuple[int, bytes]] = []
        if self.closed:
            return out
        try:
            self._read(data, out)
        except ProtocolError as error:
            error.frames = out
            self._error = (error.code, error.reason)
            self._head, self._message, self._control, self._tail = bytearray(), bytearray(), bytearray(), b""
            raise
        return out

    def _read(self, data: bytes, out: list[tuple[int, bytes]]) -> None:
        at = 0
        end = len(data)
        while not self.closed:
            if self._remaining < 0:
                if at == end:
                    return
                at = self._header(data, at)
                if self._remaining < 0:
                    return
            take = min(self._remaining, end - at)
            if take:
                self._payload(data[at : at + take])
                at += take
                self._remaining -= take
            if self._remaining:
                return
            self._remaining = -1
            self._end_of_frame(out)

    def _header(self, data: bytes, at: int) -> int:
        """Read header bytes from ``data[at:]``; give the place of the first payload byte, or the end of ``data``.

        ``_remaining`` stays -1 when the header is not whole yet. Each byte is judged as soon as it is there.
        """
        head = self._head
        had = len(head)
        head += data[at : at + 14 - had]
        have = len(head)
        first = head[0]
        self._judge_first(first)
        if have < 2:
            return len(data)
        second = head[1]
        if (second >= 0x80) != self._masked:
            wrong = "client is not masked" if self._masked else "server is masked"
            raise ProtocolError(PROTOCOL_ERROR, f"a frame from a {wrong}")
        opcode = first & 0x0F
        length = second & 0x7F
        if opcode >= CLOSE and length > MAX_CONTROL:
            raise ProtocolError(PROTOCOL_ERROR, "a control frame is over 125 bytes")
        size = 2
        if length > 125:
            size = 4 if length == 126 else 10
            if size == 10 and have > 2 and head[2] & 0x80:
                raise ProtocolError(PROTOCOL_ERROR, "a payload length has its top bit set")
            if have < size:
                return len(data)
            length = int.from_bytes(head[2:size], "big")
            if length < (126 if size == 4 else 65536):
                raise ProtocolError(PROTOCOL_ERROR, "a payload length is not in the shortest form")
        if opcode < CLOSE and len(self._message) + length > self._max:
            raise ProtocolError(TOO_BIG, f"a message is over {self._max} bytes")
        if self._masked:
            if have < size + 4:
                return len(data)
            self._mask = bytes(head[size : size + 4])
            size += 4
        if CONT < opcode < CLOSE:
            self._type = opcode
        self._opcode = opcode
        self._fin = first >= 0x80
        self._remaining = length
        head.clear()
        return at + size - had

    def _judge_first(self, first: int) -> None:
        """Raise for a first byte that cannot begin a frame here: reserved bits and opcodes (§5.2), fragments (§5.4)."""
        opcode = first & 0x0F
        if first & 0x70:
            raise ProtocolError(PROTOCOL_ERROR, "a reserved bit is set and no extension was agreed")
        if BINARY < opcode < CLOSE or opcode > PONG:
            raise ProtocolError(PROTOCOL_ERROR, f"opcode {opcode:#x} is reserved")
        if opcode >= CLOSE:
            if first < 0x80:
                raise ProtocolError(PROTOCOL_ERROR, "a control frame is fragmented")
        elif opcode == CONT:
            if self._type == CONT:
                raise ProtocolError(PROTOCOL_ERROR, "a continuation frame continues nothing")
        elif self._type != CONT:
            raise ProtocolError(PROTOCOL_ERROR, "a new message began before the last one ended")

    def _payload(self, chunk: bytes) -> None:
        """Take payload bytes of the present frame: unmask, and judge text as far as it has come (§8.1)."""
        if self._masked:
            mask = self._mask
            turn = len(chunk) & 3
            chunk = mask_payload(chunk, mask)
            self._mask = mask[turn:] + mask[:turn]
        if self._opcode >= CLOSE:
            self._control += chunk
            return
        if self._type == TEXT:
            self._tail = _utf8_tail(self._tail + chunk if self._tail else chunk)
        self._message += chunk

    def _end_of_frame(self, out: list[tuple[int, bytes]]) -> None:
        opcode = self._opcode
        self.frames += 1
        if opcode >= CLOSE:
            payload = bytes(self._control)
            self._control.clear()
            if opcode == CLOSE:
                close_code(payload)
                self.closed = True
            out.append((opcode, payload))
        elif self._fin:
            if self._tail:
                raise ProtocolError(INVALID_DATA, "a text message ends within a character")
            out.append((self._type, bytes(self._message)))
            self._type = CONT
            self._message = bytearray()  # not clear(): a large one is given back at once


def _utf8_tail(data: bytes) -> bytes:
    """The bytes at the end of ``data`` that begin a character and do not end it, at most 3; raises ProtocolError 1007.

    A character that cannot be is refused at its first impossible byte (§8.1). CPython's decoder does that too, but for
    the surrogates, ED A0 to ED BF, for whose third byte it waits.
    """
    try:
        tail = data[utf_8_decode(data, "strict", False)[1] :]
    except UnicodeDecodeError as error:
        raise ProtocolError(INVALID_DATA, "a text message is not UTF-8") from error
    if len(tail) == 2 and tail[0] == 0xED and tail[1] >= 0xA0:
        raise ProtocolError(INVALID_DATA, "a text message has a surrogate")
    return tail
