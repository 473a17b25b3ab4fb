"""/stats is another's text: whatever it is, it is figures of ours or a ValueError with a reason."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.actions import server_figures
from wstune.chat import figures
from wstune.chat import stats as s


def document(**changes: Any) -> dict[str, Any]:
    total = {"opened": 5, "handshakes_failed": 1, "accept_errors": 2, "messages": 3, "memory": {"anonymous_bytes": 9}}
    kernel = {"boot_id": "a-b", "netns": 7, "counters": {"TcpExt.ListenDrops": 4, "file-nr.allocated": 1}}
    return {
        "total": {**total, **changes.pop("total", {})},
        "kernel": {**kernel, **changes.pop("kernel", {})},
        **changes,
    }


def test_our_own_answer_is_read() -> None:
    """What `wstune serve` says of itself comes back, each field."""
    stats = s.Stats(2)
    stats.row(0)[s.OPENED], stats.row(1)[s.OPENED] = 3, 4
    read = server_figures.read(figures.stats_json(stats))
    assert (read.opened, read.messages, read.anonymous_bytes) == (7, 0, 0)
    assert read.kernel is not None
    assert "TcpExt.ListenOverflows" in read.kernel.counters


def test_what_an_older_server_leaves_out_is_not_known() -> None:
    """Neither memory nor kernel; nor a kernel that does not know who it is."""
    said = document()
    del said["kernel"], said["total"]["memory"]
    read = server_figures.read(json.dumps(said).encode())
    assert (read.opened, read.anonymous_bytes, read.kernel) == (5, None, None)
    assert server_figures.read(json.dumps(document(kernel={"boot_id": "", "netns": 0})).encode()).kernel is None


NO_MEMORY: tuple[object, ...] = ([], 1, {"anonymous_bytes": "x"}, {})
NO_BOOT: tuple[object, ...] = (None, 1, [], {}, ["x"], "\x1b[2J", "\ud800", "x" * 65, "a b", "\n")
NO_NETNS: tuple[object, ...] = (None, "1", [], {}, -1, True, 2**64)
NO_NAMES = ("\x1b[2J", "`x`", "<script>", "a b", "", "x" * 81, 'a"b', "a\nb", "ä", "\u202e", "$(x)", "{x}")
NO_COUNTERS: tuple[object, ...] = (None, [], 1, {"a": -1}, {"a": "1"})
WRONG: list[bytes] = [
    b"",
    b"\xff\xfe",
    b"[" * 200_000,
    b'{"a":' * 100_000,
    b"[]",
    b"null",
    b'"total"',
    b"{}",
    b'{"total": []}',
    b'{"total": {"opened": 1}}',
    b'{"total": {}, "total": {}}',
    json.dumps(document()).encode().replace(b'"opened": 5', b'"opened": 5, "opened": 6'),
    *(
        json.dumps(document()).encode().replace(b'"opened": 5', b'"opened": ' + value)
        for value in (
            *(b"Infinity", b"-Infinity", b"NaN", b"1e999", b"-1e999", b"-1", b"5.0", b"1e3", b"true", b"null", b'"5"'),
            *(b"[5]", b"{}", b"9" * 5000, b"-" + b"9" * 5000, str(2**64).encode()),
        )
    ),
    *(json.dumps(document(total={"memory": said})).encode() for said in NO_MEMORY),
    *(json.dumps(document(kernel={"boot_id": said})).encode() for said in NO_BOOT),
    *(json.dumps(document(kernel={"netns": said})).encode() for said in NO_NETNS),
    *(json.dumps(document(kernel={"counters": {name: 1}})).encode() for name in NO_NAMES),
    *(json.dumps(document(kernel={"counters": said})).encode() for said in NO_COUNTERS),
    json.dumps(document(kernel={"counters": {f"a{number}": 1 for number in range(5000)}})).encode(),
]  # fmt: skip


@pytest.mark.parametrize("text", WRONG, ids=lambda text: repr(text[:60]))
def test_what_is_wrong_is_a_reason(text: bytes) -> None:
    """Bombs, numbers that are none, wrong types, keys twice, names that are none: one exception, printable words."""
    with pytest.raises(ValueError, match=r"/stats") as caught:
        server_figures.read(text)
    assert str(caught.value).isprintable()
    assert str(caught.value).isascii()


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(st.sampled_from(["total", "kernel", "opened", "messages", "memory", "boot_id", "netns", "counters"]), VALUES)
def test_no_value_anywhere_is_another_exception(name: str, value: object) -> None:
    """Each field may be anything at all."""
    said = document()
    for place in (said, said["total"], said["kernel"]):
        if name in place:
            place[name] = value
    with contextlib.suppress(ValueError):
        read = server_figures.read(json.dumps(said).encode())
        assert type(read.opened) is int


@given(st.binary(max_size=200))
def test_no_bytes_are_another_exception(data: bytes) -> None:
    """Nor may anything else than JSON."""
    with pytest.raises(ValueError, match="/stats"):
        server_figures.read(data)
