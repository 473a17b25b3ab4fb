"""What a connection costs, and how that is known."""

from __future__ import annotations

import pytest

from wstune.model import Role
from wstune.readiness.constants import APP_BYTES, CLIENT_BYTES, GENERATOR_BYTES, SERVER_BYTES, TLS_BYTES
from wstune.readiness.costs import ASSUMED, GIVEN, charged_bytes, costs, kernel_bytes, measured_app, user_bytes


def test_an_assumption_is_called_one() -> None:
    """16 KB are assumed; a given or a measured size takes its place, the given one first."""
    assert (costs().app, costs().app_source) == (16_384, ASSUMED)
    assert (costs(0).app, costs(0).app_source) == (0, GIVEN)
    measured = costs(measured=(7_000, "process 7"))
    assert (measured.app, measured.app_source) == (7_000, "measured on process 7")
    assert costs(5, measured=(7_000, "process 7")).app == 5


def test_tls() -> None:
    """TLS is the serving end's; what was measured on a process holds it already."""
    assert user_bytes(Role.SERVER, costs(tls=True)) == APP_BYTES + TLS_BYTES
    assert user_bytes(Role.GENERATOR, costs(tls=True)) == GENERATOR_BYTES
    assert costs(tls=True, measured=(7_000, "x")).tls == 0


def test_ends() -> None:
    """A proxy has both ends of the kernel and one application; both ends of a burst have a generator too."""
    each = costs(100)
    assert (kernel_bytes(Role.PROXY, each), user_bytes(Role.PROXY, each)) == (SERVER_BYTES + CLIENT_BYTES, 100)
    assert user_bytes(Role.BOTH, each) == 100 + GENERATOR_BYTES


@pytest.mark.parametrize(
    ("version", "kernel", "whole"),
    [
        (2, "6.12.0", True),
        (2, "6.18.44-local", True),
        (2, "6.1.0-25-amd64", False),
        (2, "5.15", False),
        (2, None, True),
        (2, "strange", True),
        (1, "6.18.44", False),
        (None, None, True),
    ],
)
def test_what_a_group_is_charged(version: int | None, kernel: str | None, whole: bool) -> None:
    """Accepted sockets are charged whole on version 2 since 6.12 only; the connecting end nearly so anywhere."""
    each = costs(0)
    charged = charged_bytes(Role.SERVER, each, version, kernel)
    assert (charged == SERVER_BYTES) is whole
    assert whole or charged == 1_500
    assert charged_bytes(Role.GENERATOR, each, version, kernel) > 4_000


def test_measuring_a_process() -> None:
    """Its memory over its open files, once these are many enough to divide by."""
    assert measured_app(100_000_000, 10_000) == 10_000
    assert measured_app(100_000_000, 999) is None
    assert measured_app(None, 10_000) is None
    assert measured_app(1, None) is None
