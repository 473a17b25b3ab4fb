"""Where this wstune is: the boot and the network namespace that its transactions belong to."""

from __future__ import annotations

from wstune.host import namespaces
from wstune.model import HostFacts
from wstune.tuning.records import Place


def here(facts: HostFacts) -> Place:
    """The place of this process."""
    return Place(facts.boot_id, facts.netns, namespaces.cookie(), facts.initial_netns)
