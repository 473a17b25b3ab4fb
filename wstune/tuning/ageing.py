"""Persisted values that have come to lower a default, because the machine or its kernel is another one now. Pure.

A kernel does not tell a default once it has been changed, so it is told from what the line replaced: that was the
machine's own value, under the kernel and the memory that the file's head names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from wstune.tunables import CATALOGUE
from wstune.tuning.persist import Machine, OwnFile
from wstune.values import Kind, Value, parse

BY_MEMORY = {
    "fs.file-max": None,
    "fs.epoll.max_user_watches": None,
    "kernel.threads-max": None,
    "net.ipv4.tcp_mem": None,
    "net.ipv4.tcp_max_orphans": 262144,
    "net.ipv4.tcp_max_tw_buckets": 262144,
    "net.netfilter.nf_conntrack_max": 262144,
}
"""Keys whose default grows with memory, and where it stops (tcp.c tcp_init, file_table.c files_maxfiles_init, fork.c
set_max_threads, eventpoll.c eventpoll_init, nf_conntrack_core.c nf_conntrack_init_start)."""

_TOLERANCE = 1.1
"""Memory differs a little from boot to boot; a default that is less than a tenth larger is the same."""


class Aged(NamedTuple):
    """A persisted line that lowers what the machine would have by itself.

    Attributes:
        ours, default: kernel texts; `default` is None when it is only known that it may have changed.
    """

    key: str
    ours: str
    default: str | None
    words: str


def aged(own: OwnFile, now: Machine, fresh: Mapping[str, str]) -> tuple[Aged, ...]:
    """The lines of our sysctl file that lower a default on the machine as it is now.

    Args:
        fresh: the texts of keys in a network namespace made just now, which has the kernel's own defaults.
    """
    found = (_aged(key, value, replaced, own.machine, now, fresh) for key, value, replaced in own.entries)
    return tuple(line for line in found if line is not None)


def _aged(key: str, value: str, replaced: str, then: Machine, now: Machine, fresh: Mapping[str, str]) -> Aged | None:
    tunable = CATALOGUE.get(key)
    if tunable is None or tunable.kind not in (Kind.INTEGER, Kind.TRIPLE):
        return None
    try:
        ours, old = parse(tunable.kind, value), parse(tunable.kind, replaced)
        young = parse(tunable.kind, fresh[key]) if key in fresh else None
    except ValueError:
        return None
    # What lowered a default on the day it was applied was agreed to; only what has come since is news.
    if young is not None and _below(ours, young) and not _below(ours, old):
        return Aged(key, value, str(young), f"this kernel's own value is {young}")
    grown = _grown(key, old, then, now)
    if grown is not None and _below(ours, grown) and not _below(ours, old):
        sizes = f"{_gib(then.ram_bytes)} when it was applied, {_gib(now.ram_bytes)} now"
        return Aged(key, value, str(grown), f"with this much memory ({sizes}) the kernel's own value is about {grown}")
    if young is None and grown is None and then.kernel != now.kernel:
        release = f"it was applied under kernel {then.kernel}, and this is {now.kernel}"
        return Aged(key, value, None, f"{release}, whose own value may be larger (then: {old})")
    return None


def _grown(key: str, old: Value, then: Machine, now: Machine) -> Value | None:
    """What the default has become by the growth of memory; None when it does not depend on it or is not known."""
    if key not in BY_MEMORY or not (then.ram_bytes and now.ram_bytes) or old.unlimited:
        return None
    most = BY_MEMORY[key]
    numbers = [number * now.ram_bytes // then.ram_bytes for number in old.numbers]
    if most is not None:
        numbers = [min(number, max(most, had)) for number, had in zip(numbers, old.numbers, strict=True)]
    return parse(old.kind, " ".join(map(str, numbers)))


def _below(ours: Value, default: Value) -> bool:
    return any(a * _TOLERANCE < b for a, b in zip(ours.numbers, default.numbers, strict=True))


def _gib(number: int) -> str:
    return f"{number / (1 << 30):.1f} GiB"
