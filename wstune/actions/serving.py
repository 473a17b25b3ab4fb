"""Who serves: this shell, a new login, a unit, a running process; what each is held to, and whose limits are judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from wstune.errors import UsageError
from wstune.host.files import Root
from wstune.host.host import Host
from wstune.model import HostFacts, Persisted, Reading
from wstune.service import Limits
from wstune.tunables import CATALOGUE
from wstune.values import UNLIMITED, Kind, Value, make, parse

_FIELDS = {
    "nofile": "nofile_hard",
    "nofile.soft": "nofile_soft",
    "nproc": "nproc",
    "cgroup.memory.max": "memory",
    "cgroup.pids.max": "tasks",
}
"""The field of Limits of each tunable that belongs to a process or its group."""


class Serving(NamedTuple):
    """Who is judged, and what is known of others.

    Attributes:
        pid: the running process that is judged; None when it is this one, or one that is yet to start.
        limits: the columns; empty when nobody was asked for.
        judged: those of the columns that stand in for readings: a unit or a login that does not run.
        started: what a unit or a login is given when it starts anew.
        notes: sentences.
    """

    pid: int | None = None
    limits: tuple[Limits, ...] = ()
    judged: Limits | None = None
    started: Limits | None = None
    notes: tuple[str, ...] = ()

    def readings(self, live: Mapping[str, Reading]) -> dict[str, Reading]:
        """The live readings, with those of who is judged in their place."""
        found = dict(live)
        for name, field in _FIELDS.items():
            number = getattr(self.judged, field) if self.judged is not None else None
            if number is not None and name in found:
                found[name] = Reading(_value(number))
        return found

    def facts(self, facts: HostFacts) -> HostFacts:
        """The host's facts, with the room in the control group of who is judged: a new group is empty."""
        if self.judged is None:
            return facts
        from dataclasses import replace

        memory, tasks = (_room(number) for number in (self.judged.memory, self.judged.tasks))
        return replace(
            facts,
            cgroup_memory_headroom=facts.cgroup_memory_headroom if memory is None else memory,
            cgroup_pids_headroom=facts.cgroup_pids_headroom if tasks is None else tasks,
        )

    def persisted(self) -> dict[str, Persisted]:
        """What it is given when it starts anew, by tunable, with `file:line`."""
        if self.started is None:
            return {}
        fields = ((name, getattr(self.started, field), self.started.source(field)) for name, field in _FIELDS.items())
        return {name: Persisted(_value(number), source) for name, number, source in fields if number and source}


def serving(root: Root, *, pid: int | None, unit: str | None, user: str | None) -> Serving:
    """Who is meant by --pid, --unit and --user: a unit's process before a process, and that before a login.

    Raises UsageError for a unit, a user or a process that there is not.
    """
    if pid is None and unit is None and user is None:
        return Serving()
    columns = (
        [_of_process(root, None, "this shell", "this process")._replace(tasks=None, memory=None)] if root.live else []
    )
    notes: list[str] = []
    judged = started = None
    if user is not None:
        judged = started = _of_login(root, user, notes)
        columns.append(judged)
    if unit is not None:
        from wstune.actions.serving_unit import of_unit

        written, running = of_unit(root, unit, notes)
        judged = started = written
        columns.append(written)
        pid = running if running is not None else pid
    if pid is not None:
        require_process(root, pid)
        running_limits = of_process(root, pid)
        columns.append(running_limits)
        if started is not None and unit is not None:
            notes += _compared(started, running_limits)
        judged = None
    return Serving(pid, tuple(columns), judged, started, tuple(notes))


def require_process(root: Root, pid: int) -> None:
    """Raise UsageError when there is no such process."""
    if not root.exists(f"/proc/{pid}"):
        raise UsageError(f"there is no process {pid}", "ps -e lists those that are")


def of_process(root: Root, pid: int) -> Limits:
    """The limits of a running process, and of the control groups around it."""
    return _of_process(root, pid, "the process", f"process {pid}")


def _of_process(root: Root, pid: int | None, title: str, who: str) -> Limits:
    host = Host(root, pid)

    def number(name: str) -> int | None:
        value = host.read(CATALOGUE[name]).value
        return None if value is None else UNLIMITED if value.unlimited else value.number

    return Limits(
        title,
        who,
        number("nofile.soft"),
        number("nofile"),
        number("nproc"),
        number("cgroup.pids.max"),
        number("cgroup.memory.max"),
    )


def _of_login(root: Root, user: str, notes: list[str]) -> Limits:
    from wstune.host import logins
    from wstune.readiness.pam_limits import login_limits, session_services

    who = logins.login(root, user)
    if who is None:
        raise UsageError(f"there is no user {user}", "getent passwd lists those that are")
    given = login_limits(logins.limit_files(root), who, _login_base(root, who.debian), nr_open(root))
    if given.refused:
        notes.append(given.refused)
    services = session_services(logins.stacks(root))
    through = f" through {', '.join(services)}" if services else ""
    notes.append(
        f"a new login{through} gets these from pam_limits; what runs already, services of systemd (LimitNOFILE=) and "
        "containers do not"
    )
    pairs = {
        "nofile_soft": given.soft["nofile"],
        "nofile_hard": given.hard["nofile"],
        "nproc": given.soft["nproc"],
    }
    return Limits(
        "new login",
        user,
        **{field: each.value for field, each in pairs.items()},
        sources=tuple((field, each.source) for field, each in pairs.items() if each.source),
    )


def _login_base(root: Root, debian: bool) -> dict[str, tuple[int | None, int | None]]:
    """What stays where no line of limits.conf says otherwise."""
    from wstune.host import logins, units
    from wstune.readiness.unit_files import Machine, written_limits

    first = logins.limits_of_process(root, 1)
    if debian or not units.has_systemd(root):
        return first
    given, _ = written_limits("", (), units.manager_files(root), Machine(nr_open(root)))
    return {**first, "nofile": (given.nofile_soft, given.nofile_hard)}


def _compared(started: Limits, running: Limits) -> list[str]:
    from wstune.readiness.unit_files import differs

    names = [name for name, field in _FIELDS.items() if field in differs(started, running)]
    if not names:
        return []
    return [f"{started.who} runs with other limits than its files give it ({', '.join(names)}): a restart changes them"]


def nr_open(root: Root) -> int | None:
    """fs.nr_open as it is."""
    value = Host(root).read(CATALOGUE["fs.nr_open"]).value
    return None if value is None else value.number


def _value(number: int) -> Value:
    return parse(Kind.INTEGER, "unlimited") if number >= UNLIMITED else make(Kind.INTEGER, number)


def _room(number: int | None) -> int | None:
    return None if number is None or number >= UNLIMITED else number
