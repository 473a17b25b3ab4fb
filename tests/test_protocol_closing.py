"""Close codes and reasons."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.protocol import closing
from wstune.protocol.closing import ProtocolError, close_code, close_payload

REGISTERED = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014}
"""IANA's WebSocket Close Code Number Registry, without those that it marks as not to be sent."""


def refused(payload: bytes) -> int:
    """The code with which a payload is refused, 0 if it is not."""
    try:
        close_code(payload)
    except ProtocolError as error:
        return error.code
    return 0


def test_every_code_is_what_the_registry_says() -> None:
    """Of all 65,536 codes exactly the registered ones and 3000 to 4999 may come and may be sent."""
    for code in range(65536):
        payload = code.to_bytes(2, "big")
        try:
            sent: bytes | None = close_payload(code)
        except ValueError:
            sent = None
        may = code in REGISTERED or 3000 <= code <= 4999
        assert (refused(payload), sent) == ((0, payload) if may else (1002, None))


def test_no_payload_is_1005() -> None:
    """A CLOSE without a payload reads as 1005, which itself can never come (§7.1.5)."""
    assert close_code(b"") == (closing.NO_STATUS, "")


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"\x03", 1002),
        (b"close", 1002),
        (b"\x03\xe8\xff", 1007),
        (b"\x03\xe8\xe2\x82", 1007),
        (b"\x03\xe8\xed\xa0\x80", 1007),
    ],
    ids=["one byte", "Tsung's", "reason not UTF-8", "reason cut", "reason with a surrogate"],
)
def test_a_bad_payload_is_refused_with_its_code(payload: bytes, code: int) -> None:
    """Structure is 1002, text is 1007."""
    assert refused(payload) == code


def test_tsungs_payload_reads_as_a_code_that_nobody_may_send() -> None:
    """Tsung ends with the 5 bytes `close` and no code; the report of that is the code it reads as."""
    with pytest.raises(ProtocolError, match="1002 close code 25452 may not be sent"):
        close_code(b"close")


def test_a_reason_fits_in_a_control_frame_or_is_refused() -> None:
    """123 bytes of reason fit behind the code, 124 do not (§5.5)."""
    assert len(close_payload(1000, b"x" * 123)) == 125
    with pytest.raises(ValueError, match="at most 123"):
        close_payload(1000, b"x" * 124)


def test_a_reason_that_is_not_utf8_is_not_sent() -> None:
    """The peer would have to fail the connection for it."""
    with pytest.raises(UnicodeDecodeError):
        close_payload(1000, b"\xff")


@given(
    st.sampled_from(sorted(REGISTERED)) | st.integers(3000, 4999), st.text().filter(lambda t: len(t.encode()) <= 123)
)
def test_reading_is_the_inverse_of_writing(code: int, reason: str) -> None:
    """Law: close_code ∘ close_payload = identity."""
    assert close_code(close_payload(code, reason.encode())) == (code, reason)


@given(st.binary(max_size=130))
def test_no_payload_raises_anything_else(payload: bytes) -> None:
    """Whatever comes is read, or is a ProtocolError of 1002 or 1007."""
    try:
        code, reason = close_code(payload)
    except ProtocolError as error:
        code, reason = error.code, ""
    assert code in (1002, 1007) or payload in (b"", code.to_bytes(2, "big") + reason.encode())
