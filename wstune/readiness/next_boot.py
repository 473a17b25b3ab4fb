"""What sysctls will be after the next boot, and who says so. Pure: what the files say comes in.

The kernel's command line comes first (`sysctl.net.core.somaxconn=4096`, fs/proc/proc_sysctl.c), then the loader of
sysctl files, then programs that write sysctls when they start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from wstune.model import NextBoot, Persisted, Tunable
from wstune.readiness.sysctl_d import ConfigFile, Write, normalised, procps_writes, systemd_writes
from wstune.readiness.written import taken
from wstune.values import Kind, Value, parse

OWN = "the kernel's own value"
"""Source of a value that no file sets."""

REFUSES = "the kernel refuses"
"""Begins the `why` of a line that has no effect."""

_CONNTRACK = "nf_conntrack"
RAISES_ONLY = ">"
"""Before the text of a Hold: it is written only over something smaller."""


class Hold(NamedTuple):
    """What a program other than the loader does to a key.

    Attributes:
        text: what it writes, RAISES_ONLY in front where it never lowers (TuneD); None when that is not known.
        who, when: `TuneD (profile network-latency)`, `when it starts`.
        source: `file:line`, or the file that shows that the program is there.
    """

    key: str
    text: str | None
    who: str
    when: str
    source: str


class Boot(NamedTuple):
    """What files say of the next boot of a host.

    Attributes:
        loader: `systemd` or `procps`: who reads sysctl files; None when that is not known.
        command_line: the kernel's.
        early_modules: those that are there before sysctls are read.
        holds: in the order in which they act.
        elsewhere: why no file counts: the sentence for a container.
    """

    loader: str | None
    files: tuple[ConfigFile, ...] = ()
    command_line: str = ""
    early_modules: frozenset[str] = frozenset()
    holds: tuple[Hold, ...] = ()
    elsewhere: str = ""
    elsewhere_net: str = ""
    """The same for net.* only: why no file counts in this network namespace."""


def next_boot(boot: Boot, tunables: Iterable[Tunable], own: Mapping[str, str]) -> dict[str, NextBoot]:
    """What each sysctl will be. `own`: the texts of values that keys have when nothing sets them, as far as known."""
    every = {tunable.name: tunable for tunable in tunables}
    by_systemd = systemd_writes(boot.files, every)
    by_procps = procps_writes(boot.files, every)
    early = _command_line(boot.command_line, every)
    holds: dict[str, list[Hold]] = {}
    for hold in boot.holds:
        holds.setdefault(hold.key, []).append(hold)
    unread = [file.path for file in boot.files if file.text is None]
    found = {}
    for name, tunable in every.items():
        elsewhere = boot.elsewhere or (boot.elsewhere_net if name.startswith("net.") else "")
        if elsewhere:
            found[name] = NextBoot(settled=False, why=elsewhere)
            continue
        first = early.get(name, [])
        main, other = [*first, *by_systemd.get(name, [])], [*first, *by_procps.get(name, [])]
        if boot.loader == "procps":
            main = other
        found[name] = _decided(tunable, main, other, holds.get(name, []), own.get(name), boot, unread)
    return found


def _decided(
    tunable: Tunable,
    main: Sequence[Write],
    other: Sequence[Write],
    holds: Sequence[Hold],
    own: str | None,
    boot: Boot,
    unread: Sequence[str],
) -> NextBoot:
    own_value = _parsed(tunable, own)
    # systemd writes a key once, globs and other names of it aside; procps each line: the last that is taken stays.
    result, refused = _last(tunable, main)
    remark = f"{REFUSES} {_quoted(refused.text)} ({refused.source})" if refused else ""
    result = before = result or (Persisted(own_value, OWN) if own_value else None)
    managers, guesses = [], False
    for hold in holds:
        after = _held(tunable, hold, result)
        guesses = guesses or after is None
        if after is None:
            managers.append(f"{hold.who} sets it {hold.when} ({hold.source})")
        elif after is not result:
            if result is None or after.source != result.source:
                managers.append(f"{hold.who} sets it {hold.when}{_over(before, after)}")
            result = after
    doubts = list(_doubts(tunable, bool(main), bool(main or other), boot, unread))
    if result is not None and result.value.kind is not tunable.kind:
        doubts.append(f"{result.source} sets only its first numbers")
    elif result is None and not (doubts or guesses):
        none = "" if refused else "no file sets it, and "
        doubts.append(f"{none}the value that the kernel starts with is not known")
    other_result = _last(tunable, other)[0]
    differs = other_result is not None and (before is None or not _same(before.value, other_result.value))
    return NextBoot(
        persisted=result,
        by_procps=other_result if differs else None,
        settled=not (doubts or guesses),
        why="; ".join(filter(None, [remark, *doubts])),
        managers=tuple(managers),
    )


def _doubts(tunable: Tunable, set_: bool, set_by_any: bool, boot: Boot, unread: Sequence[str]) -> Iterable[str]:
    if boot.loader is None and set_by_any:
        yield "what reads sysctl files at boot here is not known"
    if set_ and tunable.name.startswith("net.netfilter.") and _CONNTRACK not in boot.early_modules:
        yield "nf_conntrack may not be there yet when sysctls are read: no modules-load.d file names it"
    if unread:
        yield f"{unread[0]} could not be read"


def _over(before: Persisted | None, after: Persisted) -> str:
    """What a file says, which a program does not leave so."""
    if before is None or before.source == OWN or _same(before.value, after.value):
        return ""
    return f", over the {before.value.raw} of {before.source}"


def _last(tunable: Tunable, writes: Sequence[Write]) -> tuple[Persisted | None, Write | None]:
    """The value that stays after the writes, and the write after it that the kernel refuses."""
    refused = None
    for write in reversed(writes):
        value = taken(tunable, write.text)
        if value is not None:
            return Persisted(value, write.source), refused
        refused = refused or write
    return None, refused


def _held(tunable: Tunable, hold: Hold, now: Persisted | None) -> Persisted | None:
    """The value after a program has acted; None when that is not known."""
    if hold.text is None:
        return None
    only_raised = hold.text.startswith(RAISES_ONLY)
    value = taken(tunable, hold.text.removeprefix(RAISES_ONLY))
    if value is None:
        return now
    if only_raised:
        if now is None or Kind.INTEGER not in (now.value.kind, value.kind):
            return None
        if now.value.numbers >= value.numbers:
            return now
    return Persisted(value, hold.source)


def _command_line(text: str, keys: Iterable[str]) -> dict[str, list[Write]]:
    paths = {key.replace(".", "/"): key for key in keys}
    found: dict[str, list[Write]] = {}
    for option in text.split():
        name, equals, value = option.partition("=")
        if equals and name.startswith(("sysctl.", "sysctl/")):
            key = paths.get(normalised(name[len("sysctl.") :]))
            if key:
                found.setdefault(key, []).append(Write(value, "/proc/cmdline:1"))
    return found


def _parsed(tunable: Tunable, text: str | None) -> Value | None:
    try:
        return None if text is None else parse(tunable.kind, text)
    except ValueError:
        return None


def _same(a: Value, b: Value) -> bool:
    return a.kind is b.kind and a.same(b)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 30 else text[:29] + "…")
