"""What runs on a machine of a cluster: its check, and a task that starts once."""

from __future__ import annotations

import json
import os
import time
from types import SimpleNamespace

import distributed
import pytest

from wstune.burst import agent
from wstune.host.host import Host


def test_the_check_tells_room_limits_and_place() -> None:
    """Every limit is a name, a number and a remedy; a process's own file limit is none, for load is spread."""
    found = agent.check((), loopback=False)
    limits = {name: number for name, number, _ in found["limits"]}
    assert limits["net.ipv4.ip_local_port_range"] > 0
    assert "nofile" not in limits
    assert found["cpus"] >= 1
    assert found["boot_id"]


def test_ports_bind_nothing_over_loopback() -> None:
    """Towards 127.0.0.0/8 every address of it will do as a source."""
    assert "net.ipv4.ip_local_port_range" not in {name for name, *_ in agent.check((), loopback=True)["limits"]}


def test_only_addresses_of_this_machine_are_sources() -> None:
    """Of the addresses of a whole fleet each machine takes its own."""
    assert agent.check(("127.0.0.1", "192.0.2.1"), loopback=False)["sources"] == ["127.0.0.1"]


def test_a_run_starts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduler that has lost a worker may hand its task on: a second start, or a late one, is refused."""
    monkeypatch.setattr(distributed, "get_worker", lambda: SimpleNamespace())
    with pytest.raises(RuntimeError, match="has been started already"):
        agent.burst("late", "topic", {}, time.monotonic() - 1)
    monkeypatch.setattr(agent, "_seen", {"once"})
    with pytest.raises(RuntimeError, match="has been started already"):
        agent.burst("once", "topic", {}, time.monotonic() + 10)


def test_a_command_for_a_run_that_is_over_does_nothing() -> None:
    """The head may speak while the task ends."""
    agent.command(f"none-{os.getpid()}", {"do": "status"})


def test_the_head_gets_an_answer_to_what_it_asks() -> None:
    """Where things stand is asked for by the task itself, every second, for its records; that answer stays there."""
    told: list[dict[str, object]] = []
    worker = SimpleNamespace(log_event=lambda _, event: told.append(json.loads(event["text"])))
    relay = agent._Relay(worker, "key", "run", "topic")
    relay._pass_on({"event": "status", "open": 5, "asked": False}, Host(), {})
    assert told == []
    assert relay._progress["open"] == 5
    relay._pass_on({"event": "status", "open": 6, "asked": True}, Host(), {})
    assert [(event["event"], event["open"]) for event in told] == [("status", 6)]
