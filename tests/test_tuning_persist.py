"""What our own files say, and that they are read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tuning_scene import MACHINE
from wstune.tuning.persist import Machine, read_own, render, valid_name

ENTRIES = (("net.core.somaxconn", "65535", "4096"), ("net.netfilter.nf_conntrack_max", "500000", "262144"))


def test_a_sysctl_file_as_it_is_written() -> None:
    """A hash first, then the machine, then what each line replaced; a key that comes with a module may be missing."""
    lines = render("sysctl", ENTRIES, MACHINE).splitlines()
    assert lines[0].startswith("# Written by wstune.")
    assert lines[1:] == [
        "# machine: kernel=6.12.0 ram_bytes=8589934592",
        "# replaced: 4096",
        "net.core.somaxconn = 65535",
        "# replaced: 262144",
        "-net.netfilter.nf_conntrack_max = 500000",
    ]


def test_limits_and_units_are_numbers_for_one_name() -> None:
    """Never a wildcard, never infinity; soft and hard both."""
    assert render("limits", (("alice", "4000 70000", ""),), MACHINE).splitlines()[2:] == [
        "alice soft nofile 4000",
        "alice hard nofile 70000",
    ]
    assert render("unit", (("LimitNOFILE", "4000 70000", ""),), MACHINE).splitlines()[2:] == [
        "[Service]",
        "LimitNOFILE=4000:70000",
    ]


@pytest.mark.parametrize(
    "name", ["*", "@wheel", "%staff", "1000:", "a b", "a/b", "..", "", "root\n* hard nofile 1", "#x"]
)
def test_what_a_loader_would_read_as_more_than_a_name_is_none(name: str) -> None:
    """No wildcard, group, range, path or second line gets into a file."""
    assert not valid_name(name)


@pytest.mark.parametrize("name", ["alice", "www-data", "chat@1.service", "my-app.socket", r"dev-\x2d.service"])
def test_names_of_users_and_units(name: str) -> None:
    """Those that there are."""
    assert valid_name(name)


numbers = st.integers(0, 2**63 - 1).map(str)
sysctls = st.tuples(st.sampled_from(["net.core.somaxconn", "net.netfilter.nf_conntrack_max", "fs.file-max"]), numbers,
                    st.one_of(st.just(""), st.just("1\t2\t3"), numbers))  # fmt: skip
users = st.tuples(st.sampled_from(["alice", "bob"]), st.tuples(numbers, numbers).map(" ".join), st.just(""))


@given(st.lists(sysctls, unique_by=lambda entry: entry[0], min_size=1), st.integers(0, 2**50))
def test_what_is_written_is_read_back(entries: list[tuple[str, str, str]], ram: int) -> None:
    """Entries and machine; and the same entries give the same bytes."""
    machine = Machine("6.1.0-x", ram)
    text = render("sysctl", entries, machine)
    own = read_own(text)
    assert own is not None
    assert own.intact
    assert (own.entries, own.machine) == (tuple(entries), machine)
    assert render("sysctl", own.entries, own.machine) == text


@given(st.lists(users, unique_by=lambda entry: entry[0], min_size=1))
def test_limits_are_read_back(entries: list[tuple[str, str, str]]) -> None:
    """The same for limits.d."""
    own = read_own(render("limits", entries, MACHINE))
    assert own is not None
    assert own.entries == tuple(entries)


@given(st.integers(0, 400), st.characters(codec="ascii"))
def test_a_hand_edit_is_seen(place: int, letter: str) -> None:
    """Any change after the first line, and a file of somebody else is not ours at all."""
    text = render("sysctl", ENTRIES, MACHINE)
    place = min(place, len(text) - 1)
    edited = text[:place] + letter + text[place + 1 :]
    own = read_own(edited)
    assert edited == text or own is None or not own.intact
    assert read_own("net.core.somaxconn = 1\n") is None
