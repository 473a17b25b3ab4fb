"""Names of machines as they are typed, and what Dask is told of them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, cast

import asyncssh
import pytest

from wstune.burst import cluster_probe
from wstune.burst.answers import Probe, cleaned, read_json
from wstune.burst.cluster_ssh import _PROBE, Machine, Machines, _refusal, login
from wstune.burst.engine.records import read
from wstune.errors import UsageError


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gen1", {"host": "gen1"}),
        ("user@gen1", {"host": "gen1", "username": "user"}),
        ("user@gen1:2222", {"host": "gen1", "username": "user", "port": 2222}),
        ("2001:db8::1", {"host": "2001:db8::1"}),
    ],
)
def test_a_machine_is_host_user_and_port(name: str, expected: dict[str, Any]) -> None:
    """What is not said is left to ~/.ssh/config."""
    options = login(name)
    assert {key: options[key] for key in options if key in ("host", "username", "port")} == expected


@pytest.mark.parametrize("name", ["", "@gen1", "user@", "gen1:ssh", "gen1:99999"])
def test_what_is_no_machine_is_refused(name: str) -> None:
    """A usage error, with the form that is expected."""
    with pytest.raises(UsageError, match="is no machine"):
        login(name)


def test_everything_is_bound_to_the_address_in_use_and_the_key_is_a_file() -> None:
    """Scheduler and workers listen on no other address; no command line and no configuration has a key in it."""
    machine = Machine("gen1", "192.0.2.1", "/usr/bin/python3", {}, "gen1", cast("Any", None))
    machines = Machines((machine,), "/run/wstune-x")
    spec = machines.spec()
    scheduler = spec["scheduler"]["options"]["kwargs"]
    worker = spec["workers"]["gen1"]["options"]
    for options in (scheduler, worker["kwargs"]):
        assert options["host"] == "192.0.2.1"
        assert options["dashboard_address"] == "192.0.2.1:0"
        assert options["protocol"] == "tls://"
    assert scheduler["dashboard"] is False
    assert worker["worker_class"] == "distributed.Worker"
    assert set(machines.config().values()) == {True, "/run/wstune-x/run.pem"}


@pytest.mark.parametrize(
    ("name", "error", "sentence", "tip"),
    [
        ("u@gen1:22", asyncssh.PermissionDenied("no more methods"), "u@gen1:22 refuses to let us in", "ssh gen1 true"),
        ("2001:db8::1", TimeoutError(), "2001:db8::1 does not answer", "ssh -v 2001:db8::1"),
        ("gen1", OSError(113, "No route to host"), "gen1 cannot be reached by SSH: No route to host", "ssh -v gen1"),
        ("gen1", asyncssh.HostKeyNotVerifiable("x"), "gen1 has a host key that is not known here", "ssh gen1"),
    ],
)
def test_why_a_machine_cannot_be_logged_in_to(name: str, error: Exception, sentence: str, tip: str) -> None:
    """One sentence with its name as it was given, and what to try by hand."""
    said, advice = _refusal(name, error)
    assert said.startswith(sentence)
    assert advice.endswith(tip)


def test_what_is_asked_by_ssh_is_what_a_worker_is_asked() -> None:
    """A line with the same record; the exit code says whether both packages are there."""
    done = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True, check=True)
    mark, _, said = done.stdout.partition(" ")
    assert mark == "wstune-probe"
    assert read(Probe, read_json(said)) == read(Probe, cleaned(cluster_probe.probe()))
    without = subprocess.run([sys.executable, "-IS", "-c", _PROBE], capture_output=True, text=True, check=False)
    assert without.returncode == 1
    bare = read(Probe, read_json(without.stdout.partition(" ")[2]))
    assert (bare.wstune, bare.distributed) == (None, None)
