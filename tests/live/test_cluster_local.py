"""A cluster of two workers on this machine, in a namespace of its own: one report, and nothing left."""

from __future__ import annotations

import json
import signal

import pytest

from tests.live.namespace import Namespace, private_namespace, wait_until
from tests.live.test_verify_host import _end

pytestmark = [pytest.mark.live, pytest.mark.netns, pytest.mark.slow]


TALK = ("--talkers", "4", "--message-rate", "10")


def nothing_left(inside: Namespace) -> bool:
    """No process, and no socket but what Dask's own connections left in TIME_WAIT."""
    return inside.processes() == [] and inside.sockets()[0] == 0


def test_two_workers_are_one_burst() -> None:
    """Their shares, a fan-out to all, chat between them, and at the end no process and no socket."""
    with private_namespace() as inside:
        process = inside.verify("-n", "2000", "--hold", "4", "--cluster", "local:2", *TALK)
        report = _end(process, 60)
        assert report["exit_code"] == 0, report["sentences"]
        assert [row["opened"] for row in report["machines"]] == [1000, 1000]
        assert report["fanout"]["delivered"] == 2000
        assert report["talk"]["delivered"] == report["talk"]["expected"] > 0
        assert report["talk"]["latency_ms"]["p50"] < 5_000
        assert wait_until(lambda: nothing_left(inside), 10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_it_leaves_nothing(number: int) -> None:
    """Whichever signal comes while they hold: a report, and no process."""
    with private_namespace() as inside:
        process = inside.verify("-n", "1000", "--hold", "60", "--cluster", "local:2")
        assert wait_until(lambda: inside.sockets()[0] >= 2000, 40)
        process.send_signal(number)
        out, err = process.communicate(timeout=40)
        report = json.loads(out)
        assert (process.returncode, report["exit_code"], err) == (128 + number, 128 + number, "")
        assert report["interrupted"]
        assert wait_until(lambda: nothing_left(inside), 10)


def test_killed_it_leaves_nothing_to_say() -> None:
    """No process is left, and nothing warns at the terminal of semaphores."""
    with private_namespace() as inside:
        process = inside.verify("-n", "1000", "--hold", "60", "--cluster", "local:2")
        assert wait_until(lambda: inside.sockets()[0] >= 2000, 40)
        process.kill()
        _, err = process.communicate(timeout=40)
        assert err == ""
        assert wait_until(lambda: nothing_left(inside), 10)
