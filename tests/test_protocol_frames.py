"""Frames: writing them, and reading them in any pieces."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.protocol import frames
from wstune.protocol.frames import BINARY, CLOSE, CONT, PING, PONG, TEXT, ProtocolError, Receiver, encode, mask_payload

MASK = b"\x37\xfa\x21\x3d"
LENGTHS = (0, 1, 2, 3, 4, 125, 126, 127, 128, 2047, 2048, 2049, 65535, 65536, 70001)
ROLES = pytest.mark.parametrize("role", ["server", "client"])

masks = st.binary(min_size=4, max_size=4)
Message = tuple[int, bytes]


def masked_for(role: str) -> bytes | None:
    return MASK if role == "server" else None


def failure(receiver: Receiver, data: bytes) -> ProtocolError:
    with pytest.raises(ProtocolError) as error:
        receiver.feed(data)
    return error.value


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """A message, or a control frame that is not CLOSE; mostly small, now and then over each form of length."""
    opcode = draw(st.sampled_from((TEXT, BINARY, PING, PONG)))
    if opcode == TEXT:
        return opcode, draw(st.text(max_size=40)).encode() * draw(st.sampled_from((1, 1, 1, 4, 900)))
    if opcode == BINARY:
        return opcode, draw(st.binary(max_size=40)) * draw(st.sampled_from((1, 1, 1, 4, 900)))
    return opcode, draw(st.binary(max_size=125))


@st.composite
def streams(draw: st.DrawFn, role: str) -> tuple[list[Message], bytes]:
    """Messages, and bytes that carry them: fragmented anywhere, also within a character, control frames in between."""
    mask = (lambda: draw(masks)) if role == "server" else (lambda: None)
    said: list[Message] = []
    wire = b""
    for opcode, payload in draw(st.lists(messages(), max_size=6)):
        cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=4))) if opcode in (TEXT, BINARY) else []
        pieces = [payload[a:b] for a, b in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
        for at, piece in enumerate(pieces):
            last = at == len(pieces) - 1
            wire += encode(CONT if at else opcode, piece, last, mask())
            if not last and draw(st.booleans()):
                said.append((PING, b"between"))
                wire += encode(PING, b"between", mask=mask())
        said.append((opcode, payload))
    return said, wire


@st.composite
def chunked(draw: st.DrawFn, data: bytes) -> list[bytes]:
    if len(data) < 400 and draw(st.booleans()):
        return [data[i : i + 1] for i in range(len(data))]
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


# Laws.


@given(st.binary(max_size=5000), masks)
def test_masking_twice_is_the_identity(payload: bytes, mask: bytes) -> None:
    """Law: mask ∘ mask = identity, and the length stays (§5.3)."""
    once = mask_payload(payload, mask)
    assert len(once) == len(payload)
    assert mask_payload(once, mask) == payload


@pytest.mark.parametrize("length", LENGTHS)
def test_masking_is_the_rfcs_formula(length: int) -> None:
    """Octet i becomes octet i XOR mask[i mod 4] (§5.3), on both sides of the change of method."""
    payload = os.urandom(length)
    assert mask_payload(payload, MASK) == bytes(byte ^ MASK[i % 4] for i, byte in enumerate(payload))


@ROLES
@given(data=st.data())
def test_feeding_what_was_encoded_gives_it_back_under_any_chunking(role: str, data: st.DataObject) -> None:
    """Law: feed ∘ encode = identity, however the bytes are cut, and afterwards nothing is held."""
    said, wire = data.draw(streams(role))
    receiver = Receiver(role, 1 << 20)
    heard = [message for chunk in data.draw(chunked(wire)) for message in receiver.feed(chunk)]
    assert heard == said
    assert receiver.idle
    assert receiver.buffered == 0


@ROLES
@given(junk=st.binary(max_size=400), cut=st.integers(1, 50))
def test_random_bytes_raise_nothing_but_protocol_errors(role: str, junk: bytes, cut: int) -> None:
    """Whatever comes: messages, or a ProtocolError with one of three codes; never more held than was fed."""
    receiver = Receiver(role, 1000)
    for at in range(0, len(junk), cut):
        code = 0
        try:
            receiver.feed(junk[at : at + cut])
        except ProtocolError as error:
            code = error.code
        assert code in (0, 1002, 1007, 1009)
        assert receiver.buffered <= min(len(junk), 1000 + 14 + 125 + 3)


@ROLES
@given(data=st.data())
def test_cutting_changes_neither_messages_nor_the_error(role: str, data: st.DataObject) -> None:
    """Law: what comes of bytes, error included, does not depend on how they are cut."""
    _, wire = data.draw(streams(role))
    spoilt = bytearray(wire[:2000] or b"\x81")
    for _ in range(data.draw(st.integers(1, 3))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))

    def heard(chunks: list[bytes]) -> tuple[list[Message], int]:
        receiver, out = Receiver(role), []
        for chunk in chunks:
            try:
                out += receiver.feed(chunk)
            except ProtocolError as error:
                return out + error.frames, error.code
        return out, 0

    assert heard(data.draw(chunked(bytes(spoilt)))) == heard([bytes(spoilt)])


@ROLES
@given(data=st.data())
def test_the_fast_path_agrees_with_the_receiver(role: str, data: st.DataObject) -> None:
    """Whatever read_one reads, a Receiver reads alike, and is idle afterwards."""
    wire = data.draw(st.binary(max_size=12) | streams(role).map(lambda s: s[1][:200]))
    one = frames.read_one(wire, role)
    if one is not None:
        receiver = Receiver(role)
        assert receiver.feed(wire) == [one]
        assert receiver.idle


# Writing.


@pytest.mark.parametrize("length", LENGTHS)
def test_a_length_is_written_in_its_shortest_form(length: int) -> None:
    """Up to 125 in the second byte, up to 65,535 in two more, above in eight more (§5.2)."""
    head = encode(BINARY, bytes(length))[: -length or None]
    assert head[0] == 0x82
    if length < 126:
        assert head[1:] == bytes((length,))
    elif length < 65536:
        assert head[1:] == b"\x7e" + length.to_bytes(2, "big")
    else:
        assert head[1:] == b"\x7f" + length.to_bytes(8, "big")


@pytest.mark.parametrize(
    ("opcode", "payload", "fin", "mask"),
    [
        (3, b"", True, None),
        (7, b"", True, None),
        (0xB, b"", True, None),
        (0xF, b"", True, None),
        (16, b"", True, None),
        (-1, b"", True, None),
        (PING, bytes(126), True, None),
        (CLOSE, b"", False, None),
        (TEXT, b"", True, b"abc"),
    ],
    ids=["3", "7", "B", "F", "16", "-1", "long ping", "close in parts", "mask of 3"],
)
def test_what_may_not_be_sent_is_not_encoded(opcode: int, payload: bytes, fin: bool, mask: bytes | None) -> None:
    """A program that would break the protocol learns it where it does."""
    with pytest.raises(ValueError, match="RFC 6455"):
        encode(opcode, payload, fin, mask)


# The state of a receiver.


def test_a_receiver_is_idle_only_between_messages() -> None:
    """An owner may drop it exactly when it is idle."""
    receiver = Receiver("server")
    assert receiver.idle
    wire = encode(TEXT, b"ab", fin=False, mask=MASK) + encode(PING, b"", mask=MASK) + encode(CONT, b"", mask=MASK)
    for at in range(len(wire) - 1):
        receiver.feed(wire[at : at + 1])
        assert not receiver.idle
    assert receiver.feed(wire[-1:]) == [(TEXT, b"ab")]
    assert receiver.idle


def test_frames_are_counted_though_they_complete_nothing() -> None:
    """A flood may be of fragments and of empty frames; the one under way does not count yet."""
    receiver = Receiver("server")
    receiver.feed(encode(TEXT, b"", fin=False, mask=MASK) + encode(CONT, b"", fin=False, mask=MASK) * 9 + b"\x89")
    assert receiver.frames == 10


def test_an_empty_chunk_changes_nothing() -> None:
    """Feeding no bytes is allowed in any state."""
    receiver = Receiver("server")
    for byte in encode(TEXT, b"hello", mask=MASK)[:-1]:
        assert receiver.feed(bytes((byte,))) == []
        assert receiver.feed(b"") == []
    assert receiver.feed(encode(TEXT, b"hello", mask=MASK)[-1:]) == [(TEXT, b"hello")]


def test_after_a_close_nothing_is_read() -> None:
    """What follows a CLOSE, in the same bytes or later, is discarded, be it wrong or right (§5.5.1)."""
    receiver = Receiver("server")
    wire = encode(CLOSE, b"\x03\xe8", mask=MASK) + b"\xff" * 50 + encode(TEXT, b"x", mask=MASK)
    assert receiver.feed(wire) == [(CLOSE, b"\x03\xe8")]
    assert receiver.closed
    assert not receiver.idle
    assert receiver.feed(wire) == []
    assert receiver.buffered == 0


def test_an_error_carries_what_was_complete_before_it() -> None:
    """Messages that came in good faith in the same bytes are not lost with the error."""
    receiver = Receiver("server")
    error = failure(receiver, encode(TEXT, b"one", mask=MASK) + encode(PING, b"two", mask=MASK) + b"\x83\x80")
    assert error.code == 1002
    assert error.frames == [(TEXT, b"one"), (PING, b"two")]


def test_after_an_error_nothing_is_read_and_nothing_is_held() -> None:
    """The error comes again, without the frames that the first one delivered, and memory is given back (§7.1.7)."""
    receiver = Receiver("server")
    receiver.feed(encode(TEXT, b"x" * 5000, fin=False, mask=MASK))
    first = failure(receiver, b"\xff")
    again = failure(receiver, encode(TEXT, b"fine", mask=MASK))
    assert (first.code, first.reason) == (again.code, again.reason)
    assert again.frames == []
    assert again is not first
    assert not receiver.idle
    assert receiver.buffered == 0


def test_an_oversized_message_is_refused_by_its_header() -> None:
    """1009 comes before a byte of payload, for one frame as for the sum of fragments; memory is never allocated."""
    receiver = Receiver("server", 1000)
    header = encode(BINARY, bytes(1001), mask=MASK)[:4]
    assert failure(receiver, header).code == 1009
    receiver = Receiver("server", 1000)
    receiver.feed(encode(BINARY, bytes(600), fin=False, mask=MASK))
    assert receiver.feed(encode(PING, bytes(125), mask=MASK)) == [(PING, bytes(125))]
    assert failure(receiver, encode(CONT, bytes(401), mask=MASK)[:4]).code == 1009


def test_a_message_of_exactly_the_limit_passes() -> None:
    """The limit is inclusive, in one frame and in fragments."""
    receiver = Receiver("client", 1000)
    assert receiver.feed(encode(BINARY, bytes(1000))) == [(BINARY, bytes(1000))]
    receiver.feed(encode(BINARY, bytes(999), fin=False))
    receiver.feed(encode(CONT, b"", fin=False))
    assert receiver.feed(encode(CONT, b"\0")) == [(BINARY, bytes(1000))]


@pytest.mark.parametrize("length", [2**63 - 1, 2**63, 2**64 - 1])
def test_an_absurd_length_is_refused_at_once(length: int) -> None:
    """A 64-bit length is 1009 by its size, 1002 by its top bit as soon as that is there (§5.2)."""
    receiver = Receiver("client")
    header = b"\x82\x7f" + length.to_bytes(8, "big")
    if length < 2**63:
        assert receiver.feed(header[:9]) == []
        assert failure(receiver, header[9:]).code == 1009
    else:
        assert receiver.feed(header[:2]) == []
        assert failure(receiver, header[2:3]).code == 1002


@ROLES
def test_the_mask_bit_belongs_to_the_role(role: str) -> None:
    """A server refuses what is not masked, a client what is, each by the second byte (§5.1)."""
    wrong = encode(TEXT, b"", mask=None if role == "server" else MASK)
    receiver = Receiver(role)
    assert receiver.feed(wrong[:1]) == []
    assert failure(receiver, wrong[1:2]).code == 1002
    assert frames.read_one(wrong, role) is None


def whole(data: bytes) -> bool:
    """Whether this is one character."""
    try:
        return len(data.decode()) == 1
    except UnicodeDecodeError:
        return False


def test_text_fails_at_its_first_impossible_byte() -> None:
    """1007 comes with the byte that no character can have there, within a frame that has not ended (§8.1).

    Tried for every way in which one to three bytes can begin a character, and every next byte.
    """
    points = [point for point in range(0, 0x110000, 64) if not 0xD800 <= point < 0xE000]  # all but the last byte varies
    begun = {chr(point).encode()[:size] for point in points for size in range(4)}
    begun = {start for start in begun if not whole(start)}
    for start in begun:
        for byte in (*range(0x7E, 0xC3), 0xF8, 0xFF):
            data = start + bytes((byte,))
            expected = data if data in begun else b"" if whole(data) else None
            try:
                tail: bytes | None = frames._utf8_tail(data)
            except ProtocolError:
                tail = None
            assert tail == expected
    for start, impossible in ((b"\xf4", b"\x90"), (b"\xed", b"\xa0"), (b"\xe0", b"\x9f"), (b"", b"\xc0")):
        receiver = Receiver("client")
        assert receiver.feed(b"\x81\x7e\x10\x00" + b"fine " + start) == []
        assert failure(receiver, impossible).code == 1007


def test_a_character_may_span_fragments_but_not_messages() -> None:
    """A cut within a character is no error until the message ends (§5.6)."""
    receiver = Receiver("client")
    euro = "€".encode()
    assert receiver.feed(
        encode(TEXT, euro[:1], fin=False) + encode(PING, b"") + encode(CONT, euro[1:2], fin=False)
    ) == [(PING, b"")]
    assert receiver.feed(encode(CONT, euro[2:])) == [(TEXT, euro)]
    receiver.feed(encode(TEXT, euro[:1], fin=False))
    assert failure(receiver, encode(CONT, euro[1:2])).code == 1007


def test_a_reason_for_failing_fits_into_a_close_frame() -> None:
    """Whatever went wrong, `close_payload(error.code, error.reason)` can be sent."""
    seen = set()
    for wire in (
        b"\xc1", b"\x83", b"\x8b", b"\x09", b"\x80", b"\x01\x80MASK\x01", b"\x81\x05", b"\x89\xfe", b"\x81\xff\x80",
        b"\x81\xfe\x00\x01", b"\x81\xff" + bytes(8), b"\x82\xff" + b"\x7f" * 8, b"\x81\x81" + MASK + b"\xff",
        b"\x81\x81" + MASK + bytes((0xC3 ^ MASK[0],)), b"\x88\x81MASK1", encode(CLOSE, b"close", mask=MASK),
    ):  # fmt: skip
        error = failure(Receiver("server"), wire)
        seen.add(error.reason)
        assert frames.close_code(frames.close_payload(error.code, error.reason.encode())) == (error.code, error.reason)
        assert str(error) == f"{error.code} {error.reason}"
    assert len(seen) >= 13


def test_a_receiver_wants_a_role_and_a_limit_that_make_sense() -> None:
    """A programming error is not taken for the peer's."""
    with pytest.raises(ValueError, match="server or client"):
        Receiver("proxy")
    with pytest.raises(ValueError, match="max_message"):
        Receiver("server", -1)
    assert Receiver("server", 0).feed(encode(TEXT, b"", mask=MASK)) == [(TEXT, b"")]


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x81", id="a byte"),
        pytest.param(encode(TEXT, b"ab", fin=False, mask=MASK), id="fragment"),
        pytest.param(encode(CONT, b"", mask=MASK), id="continuation"),
        pytest.param(encode(CLOSE, b"", mask=MASK), id="close"),
        pytest.param(encode(TEXT, bytes(126), mask=MASK), id="126 bytes"),
        pytest.param(encode(TEXT, b"ab", mask=MASK)[:-1], id="incomplete"),
        pytest.param(encode(TEXT, b"ab", mask=MASK) + b"\x81", id="more"),
        pytest.param(b"\x81\xfe\x00\x02" + MASK + b"ab", id="not minimal"),
        pytest.param(encode(TEXT, b"\xff", mask=MASK), id="not UTF-8"),
        pytest.param(b"\xc1\x80" + MASK, id="reserved bit"),
    ],
)
def test_the_fast_path_leaves_the_unusual_to_the_receiver(wire: bytes) -> None:
    """None, and never an error, for whatever is not one small whole valid frame."""
    assert frames.read_one(wire) is None


@ROLES
@pytest.mark.parametrize("size", [0, 1, 124, 125])
def test_the_fast_path_takes_every_small_frame(role: str, size: int) -> None:
    """From nothing to the largest that a control frame can be."""
    for opcode, payload in ((TEXT, b"x" * size), (BINARY, bytes(size)), (PING, bytes(size)), (PONG, bytes(size))):
        assert frames.read_one(encode(opcode, payload, mask=masked_for(role)), role) == (opcode, payload)


def test_the_rfcs_own_examples_read_and_write_as_printed() -> None:
    """RFC 6455 §5.7."""
    hello = bytes.fromhex("8105 4865 6c6c 6f")
    masked = bytes.fromhex("8185 37fa 213d 7f9f 4d51 58")
    assert encode(TEXT, b"Hello") == hello
    assert encode(TEXT, b"Hello", mask=MASK) == masked
    assert frames.read_one(hello, "client") == frames.read_one(masked) == (TEXT, b"Hello")
    assert encode(TEXT, b"Hel", fin=False) + encode(CONT, b"lo") == bytes.fromhex("0103 4865 6c 8002 6c6f")
    assert encode(PING, b"Hello") == bytes.fromhex("8905 4865 6c6c 6f")
    assert encode(PONG, b"Hello", mask=MASK) == bytes.fromhex("8a85 37fa 213d 7f9f 4d51 58")
    assert encode(BINARY, bytes(256))[:4] == bytes.fromhex("827e 0100")
    assert encode(BINARY, bytes(65536))[:10] == bytes.fromhex("827f 0000 0000 0001 0000")
