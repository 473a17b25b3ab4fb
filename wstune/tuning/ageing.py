"""Persisted values that have come to lower a default, because the machine or its kernel is another one now. Pure.

A kernel does not tell a default once it has been changed, so it is told from what the line replaced: that was the
machine's own value, under the kernel and the memory that the file's head names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from wstune.tunable import Size
from wstune.tunables import CATALOGUE, stock
from wstune.tuning.persist import Machine, OwnFile
from wstune.values import Kind, Value, parse

_PAGE = 4096
"""Whichever: it is the same then and now."""
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
    if not (then.ram_bytes and now.ram_bytes) or old.unlimited:
        return None
    had, has = (stock(CATALOGUE[key], Size(machine.ram_bytes, _PAGE)) for machine in (then, now))
    if had is None or has is None or had == has:
        return None
    numbers = [mine * new // max(1, own) for mine, own, new in zip(old.numbers, had.numbers, has.numbers, strict=True)]
    return parse(old.kind, " ".join(map(str, numbers)))


def _below(ours: Value, default: Value) -> bool:
    return any(a * _TOLERANCE < b for a, b in zip(ours.numbers, default.numbers, strict=True))


def _gib(number: int) -> str:
    return f"{number / (1 << 30):.1f} GiB"
