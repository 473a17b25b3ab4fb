"""Where live, persisted and applied part: what the next boot will make of limits that are set by a file or by us."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from wstune.actions.next_boot import IN_CONTAINER, IN_NAMESPACE, next_boots
from wstune.host.files import Root
from wstune.host.host import Host
from wstune.model import HostFacts, NextBoot, Persisted, Reading, Store
from wstune.readiness.next_boot import OWN
from wstune.readiness.written import taken
from wstune.report.words import wrapped
from wstune.tunables import CATALOGUE


class Drift(NamedTuple):
    """One sysctl that does not stay what it is, or that somebody else sets too.

    Attributes:
        live, persisted, applied: kernel texts; None where there is none, or it is not known.
        source: `file:line` of the persisted one.
        lost: whether wstune persisted a value, and another one will win.
        managers: who else sets it, and when; sentences.
    """

    key: str
    live: str | None
    persisted: str | None
    source: str
    applied: str | None
    lost: bool
    managers: tuple[str, ...]
    note: str


def drifts(
    host: Host, facts: HostFacts, applied: Mapping[str, str], wished: Mapping[str, str], etc_root: str = "/"
) -> tuple[Drift, ...]:
    """Those of the catalogue's sysctls, in its order.

    Args:
        applied: what stands of wstune's live values. wished: what its own file is to set at boot.
    """
    readings = host.read_all(tunable for tunable in CATALOGUE.values() if tunable.store is Store.SYSCTL)
    boots = next_boots(host, facts, readings, None if etc_root == "/" else Root(etc_root))
    found = (_drift(key, readings[key], boots[key], applied.get(key), wished.get(key)) for key in boots)
    return tuple(each for each in found if each is not None)


def _drift(key: str, live: Reading, boot: NextBoot, applied: str | None, wished: str | None) -> Drift | None:
    persisted = boot.persisted
    from_file = persisted is not None and persisted.source != OWN
    counts = boot.why not in (IN_CONTAINER, IN_NAMESPACE)  # else no file says what will be
    lost = wished is not None and counts and not _is(key, persisted, wished)
    moves = persisted is not None and live.value is not None and not persisted.value.same(live.value)
    if not (lost or boot.managers or (moves and (from_file or applied is not None))):
        return None
    return Drift(
        key,
        live.value.raw if live.value else None,
        persisted.value.raw if persisted else None,
        persisted.source if persisted else "",
        applied,
        lost,
        boot.managers,
        boot.why,
    )


def _is(key: str, persisted: Persisted | None, text: str) -> bool:
    value = taken(CATALOGUE[key], text)
    return persisted is not None and value is not None and persisted.value.same(value)


def drift_lines(drift: Drift, *, width: int = 80) -> list[str]:
    """For people: the three columns in words, and who else is at it."""
    from wstune.tuning.undo import shown

    now = f"now {shown(drift.live)}" if drift.live is not None else "not here now"
    applied = f", applied was {shown(drift.applied)}" if drift.applied is not None else ""
    if drift.persisted is None:
        first = f"{drift.key}: nothing sets it; {now}{applied}"
    else:
        first = f"{drift.key} = {shown(drift.persisted)}, from {drift.source}; {now}{applied}"
    lines = wrapped(first, width, " " * 12, "at boot     ")
    for sentence in (*drift.managers, *([drift.note] if drift.note else ())):
        lines += wrapped(sentence, width, " " * 12)
    return lines
