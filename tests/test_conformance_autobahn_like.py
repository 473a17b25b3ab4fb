"""The ground that groups 1 to 7 of the Autobahn test suite cover, as tables written for this project.

A case has the number that its like has there. It says what a client sends, in which pieces, what must come back and
with which code the connection must end. 1000 means that all was well: the client closes then, and the server answers
alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.conformance import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    Live,
    Pure,
    Server,
    chat_server,
    frame,
    octets,
    upgrade,
)

GOODBYE = b"\x03\xe8"
BINARY_PING = bytes.fromhex("00 ff fe fd fc fb 00 ff")
FOREVER = 65536
"""The largest message that the built-in server takes; the largest of the Autobahn suite's groups 1 to 7 is as large."""


class Case(NamedTuple):
    number: str
    what: str
    send: list[bytes]
    back: list[tuple[int, bytes]]
    code: int = 1000
    rules: tuple[str, ...] = ()


def framing() -> Iterator[Case]:
    """Group 1: text and binary messages of every form of length, whole and in pieces."""
    for part, opcode, byte in ((1, TEXT, b"*"), (2, BINARY, b"\xfe")):
        for at, size in enumerate((0, 125, 126, 127, 128, 65535, 65536), 1):
            payload = byte * size
            rules = ("5.2-length", "5.4-both", "5.3-mask", "6.2-unmask", "5.6-text" if opcode == TEXT else "5.6-binary")
            yield Case(f"1.{part}.{at}", f"{size} bytes", [frame(opcode, payload)], [(opcode, payload)], rules=rules)
        wire, payload = frame(opcode, byte * FOREVER), byte * FOREVER
        chopped = [wire[i : i + 997] for i in range(0, len(wire), 997)]
        yield Case(f"1.{part}.8", "65536 bytes in chops of 997", chopped, [(opcode, payload)], rules=("6.2-frames",))


def pings() -> Iterator[Case]:
    """Group 2."""
    pong, unasked = ("5.5.2-pong", "5.5.3-same"), ("5.5.3-unsolicited",)
    many = [b"payload-%d" % i for i in range(10)]
    yield Case("2.1", "a ping without payload", [frame(PING)], [(PONG, b"")], rules=pong)
    yield Case("2.2", "a ping with text", [frame(PING, b"Hello, world!")], [(PONG, b"Hello, world!")], rules=pong)
    yield Case("2.3", "a ping that is not UTF-8", [frame(PING, BINARY_PING)], [(PONG, BINARY_PING)], rules=pong)
    yield Case("2.4", "a ping of 125 bytes", [frame(PING, b"\xfe" * 125)], [(PONG, b"\xfe" * 125)], rules=pong)
    yield Case("2.5", "a ping of 126 bytes", [frame(PING, b"\xfe" * 126)], [], 1002, ("5.5-length",))
    yield Case(
        "2.6", "a ping in octets", octets(frame(PING, b"\xfe" * 125)), [(PONG, b"\xfe" * 125)], rules=("6.2-frames",)
    )
    yield Case("2.7", "an unsolicited pong", [frame(PONG)], [], rules=unasked)
    yield Case("2.8", "an unsolicited pong with payload", [frame(PONG, b"pong")], [], rules=unasked)
    yield Case(
        "2.9", "an unsolicited pong, a ping", [frame(PONG, b"x"), frame(PING, b"y")], [(PONG, b"y")], rules=unasked
    )
    yield Case("2.10", "10 pings", [frame(PING, one) for one in many], [(PONG, one) for one in many], rules=pong)
    yield Case("2.11", "10 pings in octets", [byte for one in many for byte in octets(frame(PING, one))],
               [(PONG, one) for one in many], rules=pong)  # fmt: skip


def reserved_bits() -> Iterator[Case]:
    """Group 3: what came before the wrong frame is answered, what comes after it is not."""
    hello, echo = frame(TEXT, b"Hello"), (TEXT, b"Hello")
    rules = ("5.2-rsv", "5.8-negotiate", "7.1.7-fail", "7.1.7-stop")
    for at, cut in ((2, "whole"), (3, "frames"), (4, "octets")):
        stream = [hello, frame(TEXT, b"Hello", rsv=at), frame(PING)]
        send = {"whole": [b"".join(stream)], "frames": stream, "octets": octets(b"".join(stream))}[cut]
        yield Case(f"3.{at}", f"a message, one with RSV {at}, a ping; in {cut}", send, [echo], 1002, rules)
    yield Case("3.1", "a text message with RSV 1", [frame(TEXT, b"Hello", rsv=1)], [], 1002, rules)
    yield Case("3.5", "a binary message with RSV 5", [frame(BINARY, BINARY_PING, rsv=5)], [], 1002, rules)
    yield Case("3.6", "a ping with RSV 6", [frame(PING, b"Hello", rsv=6)], [], 1002, rules)
    yield Case("3.7", "a close with RSV 7", [frame(CLOSE, GOODBYE, rsv=7)], [], 1002, rules)


def opcodes() -> Iterator[Case]:
    """Group 4."""
    rules = ("5.2-opcode", "5.8-negotiate", "7.1.7-fail", "7.1.7-stop")
    hello, echo = frame(TEXT, b"Hello"), (TEXT, b"Hello")
    for part, reserved in ((1, range(3, 8)), (2, range(11, 16))):
        for at, opcode in enumerate(reserved, 1):
            payload = b"" if at in (1, 3) else b"reserved payload"
            wrong = frame(opcode, payload)
            if at < 3:
                yield Case(f"4.{part}.{at}", f"opcode {opcode:X}", [wrong], [], 1002, rules)
                continue
            stream = [hello, wrong, frame(PING)]
            send = octets(b"".join(stream)) if at == 5 else stream
            yield Case(f"4.{part}.{at}", f"a message, opcode {opcode:X}, a ping", send, [echo], 1002, rules)


def fragmentation() -> Iterator[Case]:
    """Group 5: each stream of frames in one piece, frame by frame, octet by octet."""

    def cuts(
        first: int, what: str, stream: list[bytes], back: list[tuple[int, bytes]], code: int, rules: tuple[str, ...]
    ) -> Iterator[Case]:
        whole = b"".join(stream)
        for at, (cut, send) in enumerate((("whole", [whole]), ("in frames", stream), ("in octets", octets(whole)))):
            yield Case(f"5.{first + at}", f"{what}, {cut}", send, back, code, rules)

    one, two = frame(TEXT, b"fragment1", fin=False), frame(CONT, b"fragment2")
    joined = (TEXT, b"fragment1fragment2")
    ping, pong = frame(PING, b"ping"), (PONG, b"ping")
    good = ("5.4-both", "5.4-order", "6.2-type")
    stray = ("5.4-continuation", "7.1.7-stop")
    control = ("5.5-fragment", "7.1.7-stop")
    yield Case("5.1", "a fragmented ping", [frame(PING, b"a", fin=False), frame(CONT, b"b")], [], 1002, control)
    yield Case("5.2", "a fragmented pong", [frame(PONG, b"a", fin=False), frame(CONT, b"b")], [], 1002, control)
    yield from cuts(3, "two fragments", [one, two], [joined], 1000, good)
    yield from cuts(6, "a ping between fragments", [one, ping, two], [pong, joined], 1000, ("5.4-control", *good))
    for first, fin in ((9, True), (12, False)):
        stream = [frame(CONT, b"nothing to continue", fin=fin), frame(TEXT, b"Hello")]
        yield from cuts(first, f"a continuation of nothing, FIN {fin:d}, a message", stream, [], 1002, stray)
    after = [one, two, frame(CONT, b"stray", fin=False), frame(TEXT, b"Hello")]
    yield Case("5.15", "a message, a continuation of nothing, a message", after, [joined], 1002, stray)
    for number, fin in (("5.16", False), ("5.17", True)):
        twice = [frame(CONT, b"stray", fin=fin), one, two] * 2
        yield Case(number, f"a continuation of nothing, FIN {fin:d}, and fragments, twice", twice, [], 1002, stray)
    yield Case(
        "5.18", "a second beginning within a message", [one, frame(TEXT, b"fragment2")], [], 1002, ("5.4-interleave",)
    )
    parts = [b"fragment%d" % i for i in range(1, 6)]
    stream = [frame(CONT if at else TEXT, part, fin=at == 4) for at, part in enumerate(parts)]
    stream[4:4] = [frame(PING, b"pongme 2")]
    stream[2:2] = [frame(PING, b"pongme 1")]
    back = [(PONG, b"pongme 1"), (PONG, b"pongme 2"), (TEXT, b"".join(parts))]
    yield Case("5.19", "five fragments, pings between, whole", [b"".join(stream)], back, rules=("5.4-control", *good))
    yield Case("5.20", "five fragments, pings between, in frames", stream, back, rules=("5.4-control", *good))


GREEK = "κόσμε".encode()
HELLO = "Hello-µ@ßöäüàá-UTF-8!!".encode()


def in_fragments(payload: bytes, size: int = 1) -> list[bytes]:
    pieces = [payload[at : at + size] for at in range(0, len(payload), size)]
    return [frame(CONT if at else TEXT, piece, fin=at == len(pieces) - 1) for at, piece in enumerate(pieces)]


def utf8_handling() -> Iterator[Case]:
    """Groups 6.1 to 6.4: fragments, and failing before a message ends: nothing more is sent than what is impossible."""
    good, bad = ("5.6-text",), ("8.1-utf8", "5.6-text", "7.1.7-fail")
    empty = [frame(TEXT, fin=False), frame(CONT, fin=False), frame(CONT)]
    yield Case("6.1.1", "an empty message", [frame(TEXT)], [(TEXT, b"")], rules=good)
    yield Case("6.1.2", "three empty fragments", empty, [(TEXT, b"")], rules=good)
    middle = [empty[0], frame(CONT, b"middle frame payload", fin=False), empty[2]]
    yield Case("6.1.3", "an empty fragment on either side", middle, [(TEXT, b"middle frame payload")], rules=good)
    yield Case("6.2.1", "text whole", [frame(TEXT, HELLO)], [(TEXT, HELLO)], rules=good)
    cut = HELLO.index("ö".encode())
    halves = [frame(TEXT, HELLO[:cut], fin=False), frame(CONT, HELLO[cut:])]
    yield Case("6.2.2", "text in fragments between characters", halves, [(TEXT, HELLO)], rules=good)
    yield Case("6.2.3", "text in fragments of an octet", in_fragments(HELLO), [(TEXT, HELLO)], rules=good)
    yield Case("6.2.4", "Greek in fragments of an octet", in_fragments(GREEK), [(TEXT, GREEK)], rules=good)
    surrogate = GREEK + b"\xed\xa0\x80" + b"edited"
    yield Case("6.3.1", "a surrogate whole", [frame(TEXT, surrogate)], [], 1007, bad)
    yield Case("6.3.2", "a surrogate in fragments of an octet", in_fragments(surrogate), [], 1007, bad)
    beyond = [frame(TEXT, GREEK, fin=False), frame(CONT, b"\xf4\x90\x80\x80", fin=False)]
    yield Case("6.4.1", "beyond U+10FFFF in a fragment, and no end", beyond, [], 1007, bad)
    split = [frame(TEXT, GREEK + b"\xf4", fin=False), frame(CONT, b"\x90", fin=False)]
    yield Case("6.4.2", "impossible by the first octet of a fragment, and no end", split, [], 1007, bad)
    wire = frame(TEXT, GREEK + b"\xf4\x90\x80\x80" + b"edited")
    at = 6 + len(GREEK)
    yield Case("6.4.3", "impossible within a frame, and no end", [wire[:at], wire[at : at + 4]], [], 1007, bad)
    by_octet = [wire[: at + 1], wire[at + 1 : at + 2]]
    yield Case("6.4.4", "impossible by an octet within a frame, and no end", by_octet, [], 1007, bad)


FIRST = (b"\0", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80")
LAST = (b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf")
MISSING = (
    b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xf8\x80\x80\x80", b"\xfc\x80\x80\x80\x80",
    b"\xdf", b"\xef\xbf", b"\xf7\xbf\xbf", b"\xfb\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf",
)  # fmt: skip
HIGH = (b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf")
LOW = (b"\xed\xb0\x80", b"\xed\xbf\xbf")
SEQUENCES: tuple[tuple[int, str, bool, tuple[bytes, ...]], ...] = (
    (5, "valid text", True, (GREEK, GREEK * 20, HELLO, "日本語 🎉 text".encode(), "\ufeffBOM".encode())),
    (7, "the first character of a length", True, FIRST),
    (8, "the first of 5 and 6 octets", False, (b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80")),
    (9, "the last character of a length", True, LAST),
    (10, "the last of 4 to 6 octets", False, (b"\xf7\xbf\xbf\xbf", b"\xfb" + b"\xbf" * 4, b"\xfd" + b"\xbf" * 5)),
    (11, "at a boundary", True, (b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf")),
    (11, "behind the last boundary", False, (b"\xf4\x90\x80\x80",)),
    (12, "a continuation without start", False,
     (b"\x80", b"\xbf", *((b"\x80\xbf" * 4)[:size] for size in range(2, 8)), bytes(range(0x80, 0xC0)))),
    (13, "starts without continuation", False,
     tuple(b"".join(bytes((start, 0x20)) for start in range(first, end))
           for first, end in ((0xC0, 0xE0), (0xE0, 0xF0), (0xF0, 0xF8), (0xF8, 0xFC), (0xFC, 0xFE)))),
    (14, "the last continuation is missing", False, MISSING),
    (15, "all of those in a row", False, (b"".join(MISSING),)),
    (16, "octets that never are", False, (b"\xfe", b"\xff", b"\xfe\xfe\xff\xff")),
    (17, "a slash written too long", False,
     (b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf", b"\xfc\x80\x80\x80\x80\xaf")),
    (18, "the longest too long", False,
     (b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xf8\x87\xbf\xbf\xbf", b"\xfc\x83\xbf\xbf\xbf\xbf")),
    (19, "NUL written too long", False,
     (b"\xc0\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80", b"\xf8\x80\x80\x80\x80", b"\xfc\x80\x80\x80\x80\x80")),
    (20, "a single surrogate", False, (*HIGH, b"\xed\xb0\x80", b"\xed\xbe\x80", b"\xed\xbf\xbf")),
    (21, "a pair of surrogates", False, tuple(high + low for high in HIGH for low in LOW)),
    (22, "a noncharacter", True,
     tuple(chr(plane << 16 | last).encode() for plane in range(17) for last in (0xFFFE, 0xFFFF))),
    (23, "a special of Unicode", True, tuple(chr(point).encode() for point in range(0xFFF9, 0xFFFE))),
)  # fmt: skip


def utf8_sequences() -> Iterator[Case]:
    """Groups 6.5 to 6.23, each sequence as a message of its own."""
    numbers: dict[int, int] = {}
    for group, what, valid, sequences in SEQUENCES:
        for sequence in sequences:
            numbers[group] = numbers.get(group, 0) + 1
            back = [(TEXT, sequence)] if valid else []
            shown = sequence.hex(" ") if len(sequence) < 12 else f"{len(sequence)} octets"
            yield Case(f"6.{group}.{numbers[group]}", f"{what}: {shown}", [frame(TEXT, sequence)], back,
                       1000 if valid else 1007, ("8.1-utf8", "5.6-text"))  # fmt: skip
    for size in range(1, len(GREEK) + 1):
        start = GREEK[:size]
        valid = start.decode(errors="ignore").encode() == start
        yield Case(f"6.6.{size}", f"the first {size} octets of {len(GREEK)}", [frame(TEXT, start)],
                   [(TEXT, start)] if valid else [], 1000 if valid else 1007, ("8.1-utf8", "5.6-text"))  # fmt: skip


def closing() -> Iterator[Case]:
    """Group 7. The first CLOSE is answered alike, and nothing behind it is looked at."""
    bye = frame(CLOSE, GOODBYE)
    hello, echo = frame(TEXT, b"Hello"), (TEXT, b"Hello")
    answer = ("5.5.1-answer", "5.5.1-tcp", "7.1.5-code")
    last = ("5.5.1-last", "6.1-open", "5.5.1-answer")
    large = frame(TEXT, b"*" * FOREVER)
    yield Case("7.1.1", "a message, a close", [hello], [echo], rules=answer)
    yield Case("7.1.2", "two closes", [bye], [], rules=answer)
    yield Case("7.1.3", "a ping behind a close", [bye, frame(PING)], [], rules=("5.5.2-pong", *last))
    yield Case("7.1.4", "a message behind a close", [bye, hello], [], rules=last)
    yield Case(
        "7.1.5", "a close within a message", [frame(TEXT, b"a", fin=False), bye, frame(CONT, b"b")], [], rules=last
    )
    yield Case(
        "7.1.6", "a large message, a close, a ping", [large, bye, frame(PING)], [(TEXT, b"*" * FOREVER)], rules=last
    )
    body, bad = ("5.5.1-body", "7.1.6-reason"), ("5.5.1-body", "7.1.7-fail")
    yield Case("7.3.1", "a close without payload", [frame(CLOSE)], [], 1005, ("7.1.5-code", *answer))
    yield Case("7.3.2", "a close of one byte", [frame(CLOSE, b"\x03")], [], 1002, bad)
    yield Case("7.3.3", "a close with a code", [bye], [], 1000, answer)
    yield Case("7.3.4", "a close with a reason", [frame(CLOSE, GOODBYE + b"Hello World!")], [], 1000, body)
    yield Case("7.3.5", "a reason of 123 bytes", [frame(CLOSE, GOODBYE + b"*" * 123)], [], 1000, body)
    yield Case("7.3.6", "a reason of 124 bytes", [frame(CLOSE, GOODBYE + b"*" * 124)], [], 1002, ("5.5-length",))
    yield Case("7.5.1", "a reason that is not UTF-8", [frame(CLOSE, GOODBYE + GREEK + b"\xed\xa0\x80")], [], 1007,
               ("8.1-utf8", *bad))  # fmt: skip
    valid = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999)
    for at, code in enumerate(valid, 1):
        yield Case(
            f"7.7.{at}", f"code {code}", [frame(CLOSE, code.to_bytes(2, "big"))], [], code, ("7.4.2-ranges", *answer)
        )
    wrong = (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999)
    for at, code in enumerate(wrong, 1):
        yield Case(f"7.9.{at}", f"code {code}", [frame(CLOSE, code.to_bytes(2, "big"))], [], 1002,
                   ("7.4.1-reserved", "7.4.2-ranges"))  # fmt: skip
    for at, code in enumerate((5000, 65535), 1):
        yield Case(f"7.13.{at}", f"code {code}", [frame(CLOSE, code.to_bytes(2, "big"))], [], 1002, ("7.4.2-ranges",))
    yield Case("7.13.3", "Tsung's close: text where the code should be", [frame(CLOSE, b"close")], [], 1002,
               ("5.5.1-body", "7.4.2-ranges"))  # fmt: skip


GROUPS = (framing, pings, reserved_bits, opcodes, fragmentation, utf8_handling, utf8_sequences, closing)
CASES = [case for group in GROUPS for case in group()]


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with chat_server() as server:
        yield server


def run(server: Server, case: Case) -> None:
    goodbye = [frame(CLOSE, GOODBYE)] if case.code == 1000 else []
    answer = server.talk([upgrade(server.path()), *case.send, *goodbye])
    assert answer.status == 101
    heard = answer.frames
    assert heard[: len(case.back)] == case.back
    assert answer.close_code == case.code
    assert len(heard) == len(case.back) + 1
    assert answer.end in ("eof", "reset"), "the server did not close"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.number)
def test_pure(case: Case) -> None:
    """What comes back is what must, from the protocol alone."""
    run(Pure(), case)


@pytest.mark.live
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.number)
def test_live(case: Case, live: Live) -> None:
    """What comes back is what must, from a server over TCP."""
    run(live, case)


def test_cases_are_numbered_apart() -> None:
    """So that one can be run by its number."""
    assert len({case.number for case in CASES}) == len(CASES) > 200
