"""How a WebSocket connection ends: close codes and reasons, RFC 6455 §5.5.1 and §7.4, and the error that ends it."""

from __future__ import annotations

from _codecs import utf_8_decode  # what `codecs` wraps

MAX_CONTROL = 125  # bytes of payload of a control frame, RFC 6455 §5.5

NORMAL, GOING_AWAY, PROTOCOL_ERROR, UNSUPPORTED, NO_STATUS = 1000, 1001, 1002, 1003, 1005
INVALID_DATA, POLICY, TOO_BIG, INTERNAL, TRY_AGAIN = 1007, 1008, 1009, 1011, 1013


class ProtocolError(Exception):
    """The peer broke the protocol: fail the connection with close code ``code`` (1002, 1007 or 1009).

    ``frames`` holds what the same :meth:`Receiver.feed` had completed before it met the error, in its order: it was
    received in good faith, and is to be handled before the connection is closed.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason
        self.frames: list[tuple[int, bytes]] = []

    def __str__(self) -> str:
        return f"{self.code} {self.reason}"


def _may_be_sent(code: int) -> bool:
    """Whether ``code`` may stand in a CLOSE frame: RFC 6455 §7.4, and IANA's registry, which has 1012 to 1014 too.

    1004 is reserved without a meaning; 1005, 1006 and 1015 are for reports within a program; 1016 to 2999 unassigned.
    """
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


def close_code(payload: bytes) -> tuple[int, str]:
    """``(code, reason)`` of a CLOSE frame's payload; ``(1005, "")`` for an empty one (RFC 6455 §7.1.5).

    An endpoint answers with the same code, ``payload[:2]`` (§5.5.1). Raises ProtocolError: 1002 for a payload of 1 byte
    or a code that may not be sent (such as Tsung's payload ``close``, which reads as 25452), 1007 for a reason that is
    not UTF-8.
    """
    if not payload:
        return NO_STATUS, ""
    if len(payload) == 1:
        raise ProtocolError(PROTOCOL_ERROR, "a close payload has 1 byte")
    code = payload[0] << 8 | payload[1]
    if not _may_be_sent(code):
        raise ProtocolError(PROTOCOL_ERROR, f"close code {code} may not be sent")
    try:
        return code, utf_8_decode(payload[2:], "strict", True)[0]
    except UnicodeDecodeError as error:
        raise ProtocolError(INVALID_DATA, "a close reason is not UTF-8") from error


def close_payload(code: int, reason: bytes = b"") -> bytes:
    """The payload of a CLOSE frame. Raises ValueError for what may not be sent, or is over 123 bytes of reason."""
    if not _may_be_sent(code):
        raise ValueError(f"close code {code} may not be sent (RFC 6455 §7.4)")
    if len(reason) > MAX_CONTROL - 2:
        raise ValueError("a close reason is at most 123 bytes (RFC 6455 §5.5)")
    utf_8_decode(reason, "strict", True)
    return code.to_bytes(2, "big") + reason
