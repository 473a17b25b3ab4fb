"""A burst's own figures in the place of constants."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.samples_verify import CASES
from wstune.readiness.calibrate import calibrated
from wstune.readiness.constants import CLIENT_BYTES, PAIR_BYTES, SERVER_BYTES
from wstune.readiness.costs import costs
from wstune.verification import Memory

BURST = replace(
    next(iter(CASES.values())),
    reached=61_189,
    memory=Memory(
        server_user_bytes=220.4, generator_user_bytes=210.6, kernel_slab_bytes=2 * PAIR_BYTES, available_bytes=1
    ),
)


def test_all_that_was_measured() -> None:
    """Slabs of both ends are shared out as in the constants; the server's own memory stands for the application."""
    found = calibrated(costs(), BURST, "r.json")
    assert (found.server, found.client) == (2 * SERVER_BYTES, 2 * CLIENT_BYTES)
    assert (found.generator, found.app) == (211, 220)
    assert found.source == "the burst of 61,189 in r.json"
    assert "wstune's own server" in found.app_source


def test_what_was_given_stays() -> None:
    """--app-bytes is the user's own application, which the burst has not shown."""
    assert calibrated(costs(9_000), BURST, "r.json").app == 9_000


def test_a_server_elsewhere() -> None:
    """Then the slabs are those of the connecting end, and nothing is known of the other."""
    burst = replace(BURST, memory=replace(BURST.memory, server_user_bytes=None, kernel_slab_bytes=4_500.2))
    found = calibrated(costs(), burst, "r.json")
    assert (found.server, found.client, found.app) == (SERVER_BYTES, 4_500, 16_384)


def test_nothing_was_measured() -> None:
    """What a burst could not read leaves the constants."""
    burst = replace(BURST, memory=Memory(None, None, None, None))
    assert calibrated(costs(), burst, "r.json") == costs()


def test_too_small_a_burst() -> None:
    """A hundred connections are no measure."""
    with pytest.raises(ValueError, match="got a burst of 100 connections, expected at least 1,000"):
        calibrated(costs(), replace(BURST, reached=100), "r.json")
