"""What a record may hold: everything that wstune writes, and nothing on which undoing could founder."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tuning_scene import HERE, ORIGIN, change, journal_in, make_host, records_of, sysctl_plan
from wstune.tuning.apply import apply_plan
from wstune.tuning.record_types import sound, sound_image
from wstune.tuning.records import replay
from wstune.tuning.rollback import rollback

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)

INTENT = {
    "type": "intent", "txn": "1", "n": 1, "act": "sysctl", "target": "net.core.somaxconn", "before": "1", "after": "2",
    "kind": "integer", "local": True,
}  # fmt: skip


def test_what_is_written_is_sound(tmp_path: Any) -> None:
    """Each record of an apply and of a rollback."""
    host, journal = make_host(tmp_path / "host"), journal_in(tmp_path)
    apply_plan(sysctl_plan("test", change("net.core.somaxconn", "4096", "65535")), host, journal, ORIGIN)
    rollback(journal, host, HERE)
    records = records_of(journal)
    assert [record["type"] for record in records] == ["begin", "intent", "done", "commit", "undone", "end"]
    assert all(map(sound, records))


@pytest.mark.parametrize(
    "field",
    [
        {"n": 0}, {"n": True}, {"n": 1.0}, {"n": 10**9}, {"n": "1"}, {"txn": 1}, {"txn": "x"}, {"txn": "1" * 19},
        {"act": "x"}, {"target": "../x"}, {"target": 7}, {"target": ""}, {"before": "x"}, {"after": None},
        {"kind": "x"}, {"local": 1}, {"target": "net.core\n"}, {"before": "\ud800"}, {"act": "file"},
        {"act": "rlimit"}, {"act": "directory"}, {"act": "rlimit", "target": "1:2"},
        {"act": "file", "target": "/x", "before": "", "after": "", "pre": "../../etc/shadow"},
        {"act": "file", "target": "/a/../b", "before": "", "after": ""}, {"type": ["intent"]}, {"type": None},
    ],
    ids=str,
)  # fmt: skip
def test_what_does_not_fit_is_not(field: dict[str, Any]) -> None:
    """One field at a time."""
    assert sound(INTENT)
    assert not sound(INTENT | field)


@given(st.sampled_from(["begin", "intent", "done", "undone", "commit", "end", "acknowledge", "other"]), st.data())
def test_no_value_of_any_field_is_a_defect(what: str, data: st.DataObject) -> None:
    """Whatever JSON has in it: it is sound and can be replayed, or it is not sound."""
    fields = [
        "format", "txn", "n", "act", "target", "before", "after", "claim", "kind", "local", "pre", "style", "entries",
        "live", "how", "sha", "why", "boot_id", "netns", "netns_cookie", "initial_netns", "ram_bytes", "argv", "at",
    ]  # fmt: skip
    record = dict(INTENT) | {"type": what}
    for name in data.draw(st.lists(st.sampled_from(fields), max_size=3)):
        record[name] = data.draw(JSON)
    if sound(record):
        replay([{"type": "begin", "txn": str(record.get("txn"))}, record])


@given(JSON)
def test_no_image_is_a_defect(image: object) -> None:
    """A file as it was has five fields of their types."""
    assert not sound_image(image)
    good = {"content": "", "mode": 0o644, "uid": 0, "gid": 0, "xattrs": {}}
    assert sound_image(good)
    assert not sound_image(good | {"mode": 0o10000})
