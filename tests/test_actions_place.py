"""Where this wstune is."""

from __future__ import annotations

from tests.tuning_scene import FACTS
from wstune.actions.place import here
from wstune.host import namespaces
from wstune.host.host import Host
from wstune.tuning.chain import belongs


def test_the_boot_and_the_namespace_of_the_facts() -> None:
    """And the cookie of this process's own, which no other namespace has."""
    place = here(FACTS)
    assert (place.boot_id, place.netns, place.initial) == ("boot-1", 4026531840, True)
    assert place.cookie == namespaces.cookie()


def test_twice_here_is_the_same_place() -> None:
    """What was made by one wstune belongs to the next one at the same place."""
    one, two = (here(Host().facts()) for _ in range(2))
    assert one == two
    assert belongs(one, two)
    assert not belongs(one._replace(netns=1), two)
