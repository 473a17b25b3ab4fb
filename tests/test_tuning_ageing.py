"""A machine that changes: lines that have come to lower a default."""

from __future__ import annotations

from pathlib import Path

from wstune.actions.status import aged_lines, aged_sentence
from wstune.host.host import Host
from wstune.model import HostFacts
from wstune.tuning.ageing import aged
from wstune.tuning.persist import Machine, OwnFile, render

GIB = 1 << 30
SMALL = Machine("6.1.0", 2 * GIB)


def own(*entries: tuple[str, str, str]) -> OwnFile:
    return OwnFile(True, SMALL, entries)


def test_persisted_on_2_gib_and_looked_at_on_64() -> None:
    """file-max and tcp_mem grow with memory, so what raised them on the small machine lowers them on the large one."""
    lines = own(
        ("fs.file-max", "300000", "195000"),
        ("net.ipv4.tcp_mem", "45000 60000 90000", "22500\t30000\t45000"),
        ("fs.nr_open", "2000000", "1048576"),
    )
    found = aged(lines, Machine("6.1.0", 64 * GIB), {})
    assert [(line.key, line.default) for line in found] == [
        ("fs.file-max", "6240005"),
        ("net.ipv4.tcp_mem", "720000 960000 1440000"),
    ]
    assert not aged(lines, SMALL, {})
    assert not aged(lines, Machine("6.1.0", int(2.05 * GIB)), {})


def test_a_default_that_stops_growing_is_not_multiplied() -> None:
    """tcp_max_orphans goes no further than the hash table."""
    found = aged(own(("net.ipv4.tcp_max_orphans", "300000", "8192")), Machine("6.1.0", 128 * GIB), {})
    assert not found


def test_an_upgrade_with_a_larger_default_is_seen_in_a_fresh_namespace() -> None:
    """somaxconn was 128 before 5.4; a line with 1024 raised it then, and lowers 4096 now."""
    found = aged(own(("net.core.somaxconn", "1024", "128")), Machine("6.12.0", 2 * GIB), {"net.core.somaxconn": "4096"})
    assert [(line.key, line.default) for line in found] == [("net.core.somaxconn", "4096")]
    assert not aged(
        own(("net.core.somaxconn", "8192", "128")), Machine("6.12.0", 2 * GIB), {"net.core.somaxconn": "4096"}
    )


def test_what_lowered_a_default_from_the_first_day_is_no_news() -> None:
    """It was agreed to, with --allow-lower."""
    lines = own(("net.core.somaxconn", "1024", "4096"))
    assert not aged(lines, Machine("6.12.0", 2 * GIB), {"net.core.somaxconn": "4096"})


def test_where_the_new_default_cannot_be_known_that_is_said() -> None:
    """rmem_max is the whole host's, and another kernel may have another default."""
    found = aged(own(("net.core.rmem_max", "300000", "212992")), Machine("6.18.0", 2 * GIB), {})
    assert [(line.key, line.default) for line in found] == [("net.core.rmem_max", None)]
    assert "may lower" in aged_sentence(found[0])


def test_a_captured_host_tells(tmp_path: Path) -> None:
    """The file is read in the tree; without one there is nothing to say."""
    host = Host(tmp_path)
    facts = HostFacts(kernel="6.1.0", ram_bytes=64 * GIB)
    assert aged_lines(host, facts) == ()
    path = tmp_path / "etc/sysctl.d/99-wstune.conf"
    path.parent.mkdir(parents=True)
    path.write_text(render("sysctl", (("fs.file-max", "300000", "195000"),), SMALL))
    (line,) = aged_lines(host, facts)
    assert "lowers a default: fs.file-max = 300000" in aged_sentence(line)
    assert "2.0 GiB when it was applied, 64.0 GiB now" in aged_sentence(line)
