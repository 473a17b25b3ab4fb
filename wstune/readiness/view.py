"""What capacity looks at: the readings, the present load, and who serves. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from wstune.model import Absence, CapacityLimit, Confidence, HostFacts, Reading, Role
from wstune.readiness.constants import OWN_FILES, reserve
from wstune.readiness.costs import charged_bytes, kernel_bytes, user_bytes
from wstune.service import Costs
from wstune.tunable import Usage
from wstune.tunables import CATALOGUE, ceilings
from wstune.values import Value

_UNREAD = Reading(absence=Absence.UNREADABLE, why="it was not read")


class View(NamedTuple):
    """What the limits look at, as tunable.View has it.

    Attributes:
        processes: over how many the connections are spread. pairs: of a source address and a server's address and port.
        pid: the running process that serves, which cannot be told to raise its soft limit; None is one yet to start.
        listening: ports that listeners hold, low and high of each range as in a PORTS value; None is not known.
        reserve: bytes left alone; None is the usual. spares: what else is left alone, by the limit's name, in its unit.
    """

    role: Role
    readings: Mapping[str, Reading]
    facts: HostFacts
    usage: Usage
    costs: Costs
    processes: int = 1
    pairs: int = 1
    pid: int | None = None
    listening: tuple[int, ...] | None = None
    reserve: int | None = None
    spares: Mapping[str, int] = {}

    @property
    def ends(self) -> int:
        """Ends of each connection, or of each proxied pair, on this host."""
        return 2 if self.role in (Role.PROXY, Role.BOTH) else 1

    @property
    def files_a_client(self) -> int:
        """Descriptors that one process needs for a client: a proxy has the upstream's too."""
        return 2 if self.role is Role.PROXY else 1

    @property
    def both(self) -> str:
        """What is said where a limit counts both ends."""
        return "; two for each connection" if self.ends == 2 else ""

    def value(self, name: str) -> Value | None:
        return self.readings.get(name, _UNREAD).value

    def number(self, name: str) -> int | None:
        value = self.value(name)
        return None if value is None else value.number

    def spare(self, name: str) -> int:
        return self.spares.get(name, 0)

    def unknown(self, name: str) -> CapacityLimit:
        """A limit that is not known to bind: absent here, or not readable."""
        reading = self.readings.get(name, _UNREAD)
        absent = reading.absence is Absence.ABSENT
        why = CATALOGUE[name].absent if absent else f"unknown: {reading.why}"
        return CapacityLimit(name, None, Confidence.HARD if absent else Confidence.ESTIMATE, why)

    def files(self) -> tuple[str, int, int] | None:
        """(the limit's name, files of one process, those of them that are not for connections); None if not known.

        The hard limit counts, since a process may raise its soft one to it; of one that runs already, the soft one.
        """
        names = ceilings("nofile" if self.pid is None else "nofile.soft")
        known = [(number, name) for name in names if (number := self.number(name)) is not None]
        if not known or self.number(names[0]) is None:
            return None
        files, name = min(known, key=lambda each: each[0])
        taken = self.usage.open_files if self.pid is not None else None
        return name, files, OWN_FILES if taken is None else taken

    def connections_each(self) -> int | None:
        """Connections of one process, by its descriptors."""
        found = self.files()
        return None if found is None else max(0, found[1] - found[2]) // self.files_a_client

    def memory(self, name: str, room: int, fix: str, *, group: bool) -> CapacityLimit:
        """The connections that so many bytes hold; of a control group, or of the whole host."""
        kept = reserve(room, group=group) if self.reserve is None else self.reserve
        kernel, user = kernel_bytes(self.role, self.costs), user_bytes(self.role, self.costs)
        if group:
            kernel = charged_bytes(self.role, self.costs, self.facts.cgroup_version, self.facts.kernel)
        why = (
            f"{room / 2**20:,.0f} MiB {'left in its control group' if group else 'available'}, less "
            f"{kept / 2**20:,.0f} MiB kept in reserve, at {kernel + user:,} bytes each ({kernel:,} of the kernel)"
        )
        return CapacityLimit(name, max(0, room - kept) // (kernel + user), Confidence.ESTIMATE, why, fix)
