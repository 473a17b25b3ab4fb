"""Addresses of this host: bound to as they are meant, and told from those of others."""

from __future__ import annotations

import socket

import pytest

from wstune.host.addresses import bindable, is_ours


def test_an_address_without_an_interface() -> None:
    """At any port."""
    assert bindable("127.0.0.1") == ("127.0.0.1", 0)
    assert bindable("2001:db8::1") == ("2001:db8::1", 0)


def test_the_interface_of_an_address_is_a_number_of_its_own() -> None:
    """By name or by number; else bind() would look for it on no interface."""
    index = socket.if_nametoindex("lo")
    assert bindable("fe80::1%lo") == ("fe80::1", 0, 0, index)
    assert bindable("fe80::1%7") == ("fe80::1", 0, 0, 7)


@pytest.mark.parametrize("interface", ["no-such-link", "99999999999", "٣", "%"])
def test_an_interface_that_is_not_there_fails_when_it_is_bound_to(interface: str) -> None:
    """As an address that is not there does: an error of bind(), which a burst counts."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as trial, pytest.raises(OSError, match=r"argument|device"):
        trial.bind(bindable(f"fe80::1%{interface}"))


def test_what_is_ours() -> None:
    """Loopback is; an address for documentation is not, nor one on an interface that there is not."""
    assert is_ours("127.1.2.3")
    assert not is_ours("192.0.2.1")
    assert not is_ours("fe80::1%no-such-link")
    assert not is_ours("nonsense")
