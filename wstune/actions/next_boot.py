"""What the next boot makes of this host's sysctls: files read, other programs looked for, defaults found out."""

from __future__ import annotations

from collections.abc import Mapping

from wstune.host import managers
from wstune.host.files import Root
from wstune.host.host import Host
from wstune.host.sysctl_files import boot
from wstune.model import HostFacts, NextBoot, Reading, Store
from wstune.readiness.next_boot import next_boot
from wstune.tunables import CATALOGUE
from wstune.values import parse

IN_CONTAINER = "whoever starts this container sets it: no file in a container is read at boot"
IN_NAMESPACE = "whoever makes this network namespace sets it: sysctl files count in the host's first one only"


def next_boots(
    host: Host, facts: HostFacts, readings: Mapping[str, Reading], files: Root | None = None
) -> dict[str, NextBoot]:
    """By name, for the sysctls among the readings. `files`: where configuration is, unless with the host."""
    root = files or host.root
    names = [name for name in readings if CATALOGUE[name].store is Store.SYSCTL]
    found = boot(root)
    if facts.container and found.loader != "systemd":
        found = found._replace(elsewhere=IN_CONTAINER)
    elif facts.initial_netns is False and not facts.container:
        found = found._replace(elsewhere_net=IN_NAMESPACE)
    if not found.elsewhere:
        by = next((each for each in ("firewalld", "ufw") if managers.enabled(root, each)), "")
        found = found._replace(holds=managers.holds(root, names, found.files), conntrack_by=by)
    return next_boot(found, (CATALOGUE[name] for name in names), _own(host, facts, readings, found.loader))


def _own(host: Host, facts: HostFacts, readings: Mapping[str, Reading], loader: str | None) -> dict[str, str]:
    """What keys are when nothing sets them, as far as it can be told without a reboot."""
    found: dict[str, str] = {}
    live = {name: reading.value for name, reading in readings.items() if reading.value is not None}
    for name, value in live.items():
        if name.startswith("fs."):  # what is there is what the kernel, or systemd before anything else, made of it
            row = CATALOGUE[name]
            at_boot = row.stock_at_boot if loader == "systemd" else ""
            if value.raw == row.stock or (at_boot and value.same(parse(row.kind, at_boot))):
                found[name] = value.raw
    if host.root.live and facts.initial_netns is not False and not facts.container:
        from wstune.host.fresh import fresh_values  # brings ctypes

        found.update(fresh_values(name for name in live if name.startswith("net.")))
    return found
