"""The catalogue: every row complete, in the order of applying, and true of the kernel that runs the test."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from wstune.errors import UsageError
from wstune.host import probe
from wstune.model import Direction, Scope, Store
from wstune.tunable import Size, Tunable
from wstune.tunables import CATALOGUE, FAMILIES, called, ceilings, find, nearest, stock
from wstune.values import Kind, parse

ROWS = [pytest.param(row, id=name) for name, row in CATALOGUE.items()]
NAMESPACED = [row for row in CATALOGUE.values() if row.writable_in_netns]


def test_no_name_twice() -> None:
    """A limit has one row, in one family."""
    assert len(CATALOGUE) == sum(len(rows) for rows in FAMILIES.values())
    assert len(CATALOGUE) >= 55


@pytest.mark.parametrize("row", ROWS)
def test_row_is_complete(row: Tunable) -> None:
    """A row says what it is, what it caps, how that shows, what too much harms, its default, and who says so."""
    for text in (row.name, row.unit, row.summary, row.symptom, row.risk, row.default, *row.sources):
        assert text == text.strip()
        assert text
    assert row.sources
    for text in (row.summary, row.caps, row.symptom, row.risk, row.default, row.latched, row.absent):
        assert not text.endswith(".")
        assert "\n" not in text
    assert (row.kind is Kind.TRIPLE) == (len(row.fields) == 3)
    assert row.minimum is None or row.maximum is None or row.minimum < row.maximum


@pytest.mark.parametrize("row", ROWS)
def test_row_is_consistent(row: Tunable) -> None:
    """What a namespace may write is of a namespace; what is elsewhere says so when it is absent."""
    if row.writable_in_netns:
        assert row.scope is Scope.NETNS
        assert row.name.startswith("net.")
        assert not row.read_only
    if row.scope is Scope.NETNS:
        assert row.store is Store.SYSCTL
        assert row.writable_in_netns or row.read_only
    if row.scope is not Scope.NETNS:
        assert row.absent
    if row.store is Store.SYSCTL:
        assert "." in row.name
        assert not row.name.startswith("/")
    if row.direction is not Direction.NONE and not row.caps:
        assert row.name.startswith(("net.ipv4.tcp_", "net.netfilter."))


def test_order_of_applying() -> None:
    """Reserved ports go before the port range, ceilings before what they bound, queues after memory, processes last."""
    order = [
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_local_port_range",
        "fs.file-max",
        "fs.nr_open",
        "net.netfilter.nf_conntrack_buckets",
        "net.netfilter.nf_conntrack_max",
        "net.ipv4.tcp_mem",
        "net.ipv4.tcp_rmem",
        "net.core.rmem_max",
        "net.core.somaxconn",
        "net.core.netdev_max_backlog",
        "nofile",
        "nofile.soft",
    ]
    ranks = [CATALOGUE[name].order for name in order]
    assert ranks == sorted(set(ranks))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("net.core.somaxconn", "net.core.somaxconn"),
        ("net/core/somaxconn", "net.core.somaxconn"),
        ("/proc/sys/net/core/somaxconn", "net.core.somaxconn"),
        (" fs.file-max ", "fs.file-max"),
        ("nofile", "nofile"),
    ],
)
def test_find(name: str, found: str) -> None:
    """A tunable is found by its name, with dots or slashes."""
    assert find(name).name == found


@pytest.mark.parametrize(
    ("name", "close"),
    [
        ("somaxconn", "net.core.somaxconn"),
        ("net.core.somaxcon", "net.core.somaxconn"),
        ("tcp_rmen", "net.ipv4.tcp_rmem"),
        ("file-max", "fs.file-max"),
        ("fs.file_max", "fs.file-max"),
        ("RLIMIT_NOFILE", "nofile"),
        ("EMFLE", "nofile.soft"),
        ("", ""),
        ("snow", ""),
    ],
)
def test_nearest(name: str, close: str) -> None:
    """A wrong name is answered with the nearest right one, by its last part too."""
    assert nearest(name) == close
    with pytest.raises(UsageError) as caught:
        find(name)
    assert (f"did you mean {close}?" if close else "lists every name") in caught.value.tip


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("EMFILE", "nofile.soft"),
        ("ulimit -n", "nofile.soft"),
        ("Too many open files", "nofile.soft"),
        ("LimitNOFILE", "nofile"),
        ("enfile", "fs.file-max"),
        ("TasksMax", "cgroup.pids.max"),
        ("somaxconn", "net.core.somaxconn"),
        ("net/core/somaxconn", "net.core.somaxconn"),
    ],
)
def test_what_people_call_it(said: str, meant: str) -> None:
    """A command, a setting, an errno, a message, in capitals or not; its own name of course."""
    assert called(said).name == meant


def test_no_synonym_is_of_two() -> None:
    """Nor the name of another."""
    said = [word.casefold() for row in CATALOGUE.values() for word in row.synonyms]
    assert len(said) == len(set(said))
    assert not set(said) & CATALOGUE.keys()


@pytest.mark.parametrize("row", ROWS)
def test_what_binds_is_whole(row: Tunable) -> None:
    """Who bounds it and what it looks at are in the catalogue; what points to a wall belongs to one that has words."""
    assert all(name in CATALOGUE for name in (*row.needs, *ceilings(row.name)))
    assert not row.needs or row.allows
    assert row.wall or not (row.causes or row.plateaus)
    assert not any(cause.limit for cause in row.causes), "an entry's own"
    assert not any(plateau.limit for plateau in row.plateaus)
    assert (row.store is Store.CGROUP) == bool(row.raised_by)


@pytest.mark.parametrize("row", [row for row in CATALOGUE.values() if row.stock is not None], ids=lambda row: row.name)
def test_the_stock_value_is_one_that_the_kernel_takes(row: Tunable) -> None:
    """Of a machine of 512 MB and of 1 TB; more memory never makes it less."""
    small, large = (stock(row, Size(ram, 4096)) for ram in (512 << 20, 1 << 40))
    assert small is not None
    assert large is not None
    for value in (small, large):
        assert all((row.minimum or 0) <= number for number in value.numbers)
        assert all(number <= (row.maximum or number) for number in value.numbers)
    assert all(old <= new for old, new in zip(small.numbers, large.numbers, strict=True))


@pytest.mark.netns
def test_the_kernel_refuses_what_lies_outside() -> None:
    """One below the minimum, and one above the maximum, is EINVAL in a private namespace, for every key of one."""
    for step, bound in ((-1, "minimum"), (1, "maximum")):
        values = {}
        for row in NAMESPACED:
            limit = getattr(row, bound)
            if limit is not None and row.kind in (Kind.INTEGER, Kind.TRIPLE):
                values[row.name] = " ".join([str(limit + step)] * (3 if row.kind is Kind.TRIPLE else 1))
        answers = probe.refused(values)
        assert "net.core.somaxconn" in answers
        assert {name: answer for name, answer in answers.items() if answer != "EINVAL"} == {}


@pytest.mark.netns
def test_the_kernel_takes_its_own_bounds() -> None:
    """The minimum and the maximum themselves are taken, where no other value bounds them and no version is stricter."""
    bounded_by_others = {"net.ipv4.tcp_rmem", "net.ipv4.ip_unprivileged_port_start", "net.ipv4.tcp_child_ehash_entries"}
    for bound in ("minimum", "maximum"):
        values = {
            row.name: " ".join([str(limit)] * (3 if row.kind is Kind.TRIPLE else 1))
            for row in NAMESPACED
            if (limit := getattr(row, bound)) is not None
            and row.kind in (Kind.INTEGER, Kind.TRIPLE)
            and row.name not in bounded_by_others
        }
        answers = probe.refused(values)
        assert "net.core.somaxconn" in answers
        assert {name: answer for name, answer in answers.items() if answer is not None} == {}


LIST = """
import os, sys
for name in sys.stdin.read().split():
    try:
        print(name, os.stat("/proc/sys/" + name.replace(".", "/")).st_mode)
    except OSError:
        print(name, 0)
"""


@pytest.mark.netns
@pytest.mark.root
def test_what_a_namespace_may_write() -> None:
    """In a child network namespace exactly the keys marked so are there and writable."""
    names = [name for name, row in CATALOGUE.items() if name.startswith("net.")]
    command = ["unshare", "-n", sys.executable, "-S", "-c", LIST]
    listed = subprocess.run(
        command, input=" ".join(names), capture_output=True, text=True, timeout=20, check=True
    ).stdout
    modes = {name: int(mode) for name, mode in (line.split() for line in listed.splitlines())}
    assert modes.keys() == set(names)
    shared_before_6_12 = {"net.core.optmem_max"}
    for name in names:
        row = CATALOGUE[name]
        if modes[name] & stat.S_IWUSR:
            assert row.writable_in_netns, name
        elif row.writable_in_netns and name not in shared_before_6_12:
            assert not modes[name], f"{name} is there and read-only"
    assert modes["net.ipv4.ip_local_port_range"] & stat.S_IWUSR
    assert not modes["net.ipv4.tcp_mem"]


def test_values_here_are_of_their_kind() -> None:
    """What this kernel shows for a key parses as the row's kind, and lies in the range that the row gives."""
    read = 0
    for row in CATALOGUE.values():
        path = "/proc/sys/" + row.name.replace(".", "/")
        if row.store is not Store.SYSCTL or not os.access(path, os.R_OK):
            continue
        with open(path) as file:  # noqa: PTH123  as plain as the other readers of /proc
            value = parse(row.kind, file.read())
        read += 1
        if row.kind is not Kind.PORTS:
            assert all(row.minimum is None or number >= row.minimum for number in value.numbers), row.name
            assert all(row.maximum is None or number <= row.maximum for number in value.numbers), row.name
    assert read > 10
