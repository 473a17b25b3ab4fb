"""The journal's lines: what was written is read, what was torn is passed over, and what else is missing is a hole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.tuning import lines

RECORDS: list[dict[str, Any]] = [
    {"type": "begin", "txn": "1", "format": 2, "profile": "p"},
    {
        "type": "intent",
        "txn": "1",
        "n": 1,
        "act": "sysctl",
        "target": "net.core.somaxconn",
        "before": "1",
        "after": "2",
    },
    {"type": "done", "txn": "1", "n": 1, "live": "2"},
    {"type": "intent", "txn": "1", "n": 2, "act": "directory", "target": "/x", "before": "absent", "after": "present"},
    {"type": "done", "txn": "1", "n": 2},
    {"type": "commit", "txn": "1"},
]


def numbered(*records: dict[str, Any]) -> list[bytes]:
    return [lines.sealed(record, at) for at, record in enumerate(records or RECORDS, 1)]


def plain(*records: dict[str, Any]) -> list[bytes]:
    """As wstune 0.1.0 wrote them."""
    return [json.dumps(record, separators=(",", ":")).encode() + b"\n" for record in records or RECORDS]


def holes(data: bytes) -> tuple[str, ...]:
    found = lines.read(data)
    return lines.unacknowledged(found.records, [*found.holes, *lines.orphans(found.records)])


@pytest.mark.parametrize("written", [numbered, plain])
def test_what_was_written_is_read(written: Any) -> None:
    """With and without numbers, and the next one has the next number."""
    found = lines.read(b"".join(written()))
    assert [
        {key: record[key] for key in wanted} for record, wanted in zip(found.records, RECORDS, strict=True)
    ] == RECORDS
    assert (found.damaged, found.holes, found.number, found.torn) == (0, [], 7, 0)
    assert holes(b"".join(written())) == ()


@pytest.mark.parametrize("written", [numbered, plain])
def test_a_journal_that_a_crash_cut_has_no_hole(written: Any) -> None:
    """At every byte: the whole records are there, what was begun is torn, and what is appended then follows."""
    data = b"".join(written())
    for length in range(len(data)):
        found = lines.read(data[:length])
        assert holes(data[:length]) == (), length
        assert len(found.records) == found.number - 1
        then = data[: length - found.torn]
        then += b"" if then.endswith(b"\n") or not then else b"\n"
        assert holes(then + lines.sealed({"type": "end", "txn": "1", "why": "failed"}, found.number)) == (
            () if found.records else ("the beginning of transaction 1 is missing",)
        )


@pytest.mark.parametrize("gone", range(len(RECORDS) - 1))
def test_a_lost_line_is_a_hole_that_tells_where(gone: int) -> None:
    """Between which acts; the last one alone cannot be known to have been."""
    written = numbered()
    (first, *_) = holes(b"".join(written[:gone] + written[gone + 1 :]))
    assert first.startswith(f"record {gone + 1} cannot be read (")
    assert "of transaction 1" in first or "transaction 1" in first


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        ((0,), "the beginning of transaction 1 is missing"),
        ((1, 2), "act 1 of transaction 1 is missing"),
        ((1,), "act 1 of transaction 1 is missing"),
        ((3,), "act 2 of transaction 1 is missing"),
    ],
)
def test_a_hole_of_a_journal_without_numbers_is_seen_where_it_shows(gone: tuple[int, ...], words: str) -> None:
    """Acts are numbered there too: 1, 3, 4 lack one; an outcome without its intent, an act without a beginning."""
    assert words in holes(b"".join(line for at, line in enumerate(plain()) if at not in gone))


@pytest.mark.parametrize("written", [numbered, plain])
def test_a_whole_line_that_cannot_be_read_is_a_hole(written: Any) -> None:
    """Also where nothing else shows it."""
    found = written()
    found[2] = b"#" + found[2][1:]
    assert any("record 3 cannot be read" in words for words in holes(b"".join(found)))


def test_a_line_that_was_torn_in_the_middle_of_an_old_journal_is_none() -> None:
    """wstune 0.1.0 ended it with a new line, and went on."""
    written = plain()
    assert holes(b"".join([*written[:2], b'{"type":"done","tx\n', *written[2:]])) == ()


def test_what_is_known_is_no_hole_any_more() -> None:
    """Only what came before the record that says so; what comes later is one again."""
    written = numbered(
        *RECORDS, {"type": "acknowledge", "txn": "1"}, {"type": "end", "txn": "1"}, {"type": "begin", "txn": "2"}
    )
    assert holes(b"".join(written[:2] + written[3:])) == ()
    assert len(holes(b"".join(written[:2] + written[3:7] + written[8:]))) == 1


@given(st.lists(st.sampled_from(RECORDS), max_size=6), st.data())
def test_any_byte_that_is_changed_is_seen_or_changes_nothing(
    records: list[dict[str, Any]], data: st.DataObject
) -> None:
    """Whatever it becomes."""
    whole = b"".join(numbered(*records)) if records else b""
    if not whole:
        return
    at = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255))
    changed = whole[:at] + bytes([byte]) + whole[at + 1 :]
    before, after = lines.read(whole), lines.read(changed)
    assert after.holes or after.records == before.records


@given(st.binary(max_size=300))
def test_no_bytes_are_a_defect(data: bytes) -> None:
    """All are read as far as they can be."""
    lines.read(data)
    lines.read(b"".join(numbered()) + data)
