"""What a host holds of a burst of our own: its capacity, less what is left to the rest of it."""

from __future__ import annotations

from wstune.host.host import Host
from wstune.model import Capacity, HostFacts, Role, Scope
from wstune.readiness import capacity
from wstune.readiness.constants import FILES_RESERVE, PIDS_RESERVE
from wstune.readiness.costs import kernel_bytes, own_costs, user_bytes
from wstune.tunables import CATALOGUE

GUARDED_FILES = FILES_RESERVE // 2
"""Open files below which opening stops."""

_RESERVES = {"files": FILES_RESERVE, "processes": PIDS_RESERVE, "threads": PIDS_RESERVE}
_SPARES = {
    row.name: _RESERVES[row.unit]
    for row in CATALOGUE.values()
    if row.scope in (Scope.GLOBAL, Scope.CGROUP) and row.unit in _RESERVES
}
"""What is left alone of limits that the host, or a control group, shares with others, by the limit's name."""


def bytes_each(role: Role, *, tls: bool = False) -> int:
    """Memory that a connection takes of a host in that role, the kernel's and the processes'."""
    costs = own_costs(tls=tls)
    return kernel_bytes(role, costs) + user_bytes(role, costs)


def holds(host: Host, facts: HostFacts, role: Role, *, tls: bool = False, sources: int = 1) -> Capacity:
    """The connections that each limit allows where both ends are ours; `tls` at the generator."""
    readings = host.read_all(CATALOGUE[name] for name in capacity.NEEDS)
    costs = own_costs(tls=tls)
    return capacity.capacity(role, readings, facts, host.usage(), costs, sources=sources, spares=_SPARES)
