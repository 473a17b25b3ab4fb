"""A host made of files, for tests that write: sysctls are files below a root, so nothing of this machine is touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from wstune.changes import Change, Plan
from wstune.host.host import Host
from wstune.model import Finding, HostFacts, Profile, Reading, Requirement, Role, Severity, Store
from wstune.readiness.judge import judge
from wstune.tunable import InUse
from wstune.tunables import find
from wstune.tuning import lines
from wstune.tuning.apply import Origin
from wstune.tuning.journal import Journal
from wstune.tuning.persist import Machine
from wstune.tuning.plan import Circumstances
from wstune.tuning.records import Place
from wstune.values import parse

SYSCTLS = {
    "net.ipv4.tcp_mem": "287901\t383868\t575802",
    "net.ipv4.tcp_rmem": "4096\t131072\t6291456",
    "net.ipv4.ip_local_port_range": "32768\t60999",
    "net.ipv4.ip_local_reserved_ports": "",
    "net.core.somaxconn": "4096",
    "net.core.netdev_max_backlog": "1000",
    "fs.nr_open": "1048576",
    "fs.file-max": "2466177",
}

FACTS = HostFacts(
    kernel="6.12.0", boot_id="boot-1", ram_bytes=8 << 30, netns=4026531840, initial_netns=True, euid=0,
    capabilities=("CAP_SYS_RESOURCE", "CAP_NET_ADMIN"),
)  # fmt: skip
HERE = Place("boot-1", 4026531840, 1, True)
MACHINE = Machine("6.12.0", 8 << 30)
ORIGIN = Origin(HERE, "2026-11-24T05:00:00Z", "6.12.0", 8 << 30, ("apply", "test"))


def make_host(root: Path, sysctls: Mapping[str, str] = SYSCTLS) -> Host:
    """A host below `root` with these values."""
    for key, text in sysctls.items():
        path = root / "proc" / "sys" / Path(*key.split("."))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    (root / "proc/sys/kernel").mkdir(exist_ok=True)
    (root / "proc/sys/kernel/osrelease").write_text("6.12.0\n")
    return Host(root)


def values(host: Host, keys: Mapping[str, str] = SYSCTLS) -> dict[str, str]:
    """The texts of the keys, byte for byte."""
    return {key: host.root.read_text("/proc/sys/" + key.replace(".", "/")) for key in keys}


def put(host: Host, key: str, text: str) -> None:
    """Somebody else changes a key."""
    host.root.write_text("/proc/sys/" + key.replace(".", "/"), text + "\n")


def change(key: str, before: str, after: str, severity: Severity = Severity.ERROR) -> Change:
    """A change of a sysctl."""
    return Change(key, Store.SYSCTL, before, after, severity, "a test wants it", find(key).order)


def sysctl_plan(profile: str, *changes: Change) -> Plan:
    """A plan of these changes alone."""
    return Plan(profile, changes)


def journal_in(path: Path) -> Journal:
    """A prepared journal."""
    journal = Journal(str(path / "state"))
    journal.prepare()
    return journal


def records_of(journal: Journal) -> list[dict[str, Any]]:
    """The journal's records, without number and sum."""
    found = lines.read(journal.index.read_bytes()).records
    return [{name: value for name, value in record.items() if name not in ("seq", "sum")} for record in found]


def write_records(journal: Journal, records: Iterable[Mapping[str, Any]]) -> None:
    """A journal of these records, as if wstune had written them."""
    journal.close()
    journal.index.write_bytes(b"".join(lines.sealed(record, at) for at, record in enumerate(records, 1)))


def findings(requirements: tuple[Requirement, ...], readings: Mapping[str, Reading]) -> tuple[Finding, ...]:
    """What judging these requirements gives."""
    profile = Profile("test", "a test", requirements, {"connections": 1, "processes": 1})
    return judge(profile, readings, role=Role.SERVER)


def reading(key: str, text: str) -> Reading:
    """A reading of a sysctl or rlimit."""
    return Reading(parse(find(key).kind, text))


def circumstances(**more: object) -> Circumstances:
    """A host of its own, with nothing in the way."""
    in_use = {InUse.HARD_NOFILE: 1024, InUse.FILES: 2000}
    return Circumstances(**({"facts": FACTS, "nr_open": 1048576, "in_use": in_use} | more))  # type: ignore[arg-type]
