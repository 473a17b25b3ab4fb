"""A plan made by hand that shows every case a renderer must know."""

from __future__ import annotations

from tests.tuning_scene import MACHINE
from wstune.changes import Change, FileChange, Plan, Refusal
from wstune.model import Severity, Store
from wstune.tunables import find
from wstune.tuning.persist import SYSCTL_FILE, render

ENTRIES = (
    ("net.core.somaxconn", "65535", "4096"),
    ("net.ipv4.ip_local_reserved_ports", "8080", ""),
    ("net.ipv4.tcp_rmem", "4096 131072 16777216", "4096 131072 6291456"),
)


def plan_of_everything() -> Plan:
    """Changes of each store, refusals, a claim, a new file, an edited one that is overridden, one as it is already."""
    changes = (
        _sysctl("net.ipv4.ip_local_reserved_ports", "", "8080"),
        _sysctl("fs.nr_open", "1048576", "2000000"),
        _sysctl("net.ipv4.tcp_rmem", "4096\t131072\t6291456", "4096 131072 16777216"),
        _sysctl("net.core.somaxconn", "4096", "65535", Severity.WARN),
        Change("nofile", Store.RLIMIT, "1024 4096", "70000 70000", Severity.ERROR, "a test", 60, pid=4711, started=9),
    )
    refused = (
        _sysctl("fs.file-max", str(2**63 - 1), "1000000", refusal=Refusal.LOWERS, reason="it would lower it"),
        _sysctl("net.netfilter.nf_conntrack_max", "", "", refusal=Refusal.ABSENT, reason="the key is not there"),
        _sysctl("net.ipv4.tcp_mem", "1\t2\t3", "4 5 6", Severity.WARN, Refusal.READ_ONLY, "/proc/sys is read-only"),
    )
    text = render("sysctl", ENTRIES, MACHINE)
    unit = render("unit", (("LimitNOFILE", "70000 70000", ""),), MACHINE)
    files = (
        FileChange(
            "sysctl", f"/etc/{SYSCTL_FILE}", render("sysctl", ENTRIES[:1], MACHINE), text, ENTRIES, "at boot",
            (("net.core.somaxconn", "/etc/sysctl.d/99-zz.conf:2", "128 (99-zz.conf is read after 99-wstune.conf)"),),
        ),
        FileChange(
            "unit", "/etc/systemd/system/chat.service.d/50-wstune.conf", None, unit,
            (("LimitNOFILE", "70000 70000", ""),), "at a restart of chat.service",
        ),
        FileChange("limits", "/etc/security/limits.d/99-wstune.conf", "as it is", "as it is", (), "at the next login"),
    )  # fmt: skip
    claims = (_sysctl("net.ipv4.tcp_max_syn_backlog", "20000", "20000"),)
    return Plan("sample", changes, refused, claims, files, ("here no hard file limit can be raised: a sentence",))


def _sysctl(
    key: str, before: str, after: str, severity: Severity = Severity.ERROR, refusal: Refusal | None = None,
    reason: str = "",
) -> Change:  # fmt: skip
    tunable = find(key)
    return Change(
        key, Store.SYSCTL, before, after, severity, "the reason why it is required", tunable.order,
        refusal=refusal, reason=reason, takes_effect=tunable.latched,
    )  # fmt: skip
