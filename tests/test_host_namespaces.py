"""Network namespaces are found by number, and known by cookie: a number is given away again, a cookie never."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.live.namespace import private_namespace
from wstune.host import namespaces

pytestmark = pytest.mark.netns


def test_the_way_into_a_namespace_is_a_process_in_it() -> None:
    """None of a number that nobody has; a lookalike with the same number is not the way."""
    with private_namespace() as there:
        inode = Path(f"/proc/{there.holder}/ns/net").stat().st_ino
        way = f"nsenter --net=/proc/{there.holder}/ns/net"
        cookie = namespaces._cookie_in(f"/proc/{there.holder}/ns/net")
        assert namespaces.way_into(inode) == way
        assert namespaces.way_into(inode, cookie) == way
        if cookie is not None:  # before Linux 5.14, and for whoever may not enter, the number has to do
            assert namespaces.way_into(inode, cookie + 1) is None
    assert namespaces.way_into(inode, cookie) is None


def test_a_cookie_is_read_from_outside() -> None:
    """That of our own namespace through the path is the one that we see; a path to nowhere has none."""
    if os.geteuid() == 0:
        assert namespaces._cookie_in("/proc/self/ns/net") == namespaces.cookie()
    assert namespaces._cookie_in("/proc/self/ns/nothing") is None
