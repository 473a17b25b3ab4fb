"""`check --hosts`: the verdict of a fleet, and what a machine that does not answer as it should becomes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from wstune import __version__
from wstune.actions.check_fleet import NO_ANSWER, FleetRow, run_check_fleet, verdict
from wstune.burst import cluster_ssh, conversation
from wstune.burst.answers import Probe
from wstune.errors import InconclusiveError, UsageError


def row(said: str) -> FleetRow:
    return FleetRow(said, None if said == NO_ANSWER else {"verdict": said})


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (("ready", "ready"), "ready"),
        (("ready", "not-ready"), "not-ready"),
        (("not-ready", NO_ANSWER), "not-ready"),
        (("ready", NO_ANSWER), "inconclusive"),
        (("ready", "inconclusive"), "inconclusive"),
        ((), "inconclusive"),
    ],
)
def test_the_verdict_of_a_fleet(said: tuple[str, ...], expected: str) -> None:
    """As its worst machine; no machine at all proves nothing."""
    assert verdict(tuple(row(one) for one in said)) == expected


DOCUMENT = '{"verdict": "%s", "role": "server", "capacity": {}, "findings": []}'


class Connection:
    """A machine that answers `check` with this, and remembers what it was asked."""

    def __init__(self, stdout: str, stderr: str = "", exit_status: int = 0) -> None:
        self.done = SimpleNamespace(stdout=stdout, stderr=stderr, exit_status=exit_status)
        self.asked: list[str] = []
        self.closed = False

    async def run(self, command: str) -> SimpleNamespace:
        self.asked.append(command)
        return self.done

    def close(self) -> None:
        self.closed = True


def rows(monkeypatch: pytest.MonkeyPatch, connection: Connection, version: str | None = __version__) -> FleetRow:
    async def reach(name: str, python: str = "") -> tuple[cluster_ssh.Machine, Probe]:
        if name == "refuses":
            raise InconclusiveError("refuses does not let us in", "ssh refuses")
        machine = cluster_ssh.Machine(name, "10.0.0.1", "/usr/bin/python3", {}, name, cast("Any", connection))
        return machine, Probe("3.11", "/usr/bin/python3", 1000, name, version, None)

    async def run(connection: Connection, command: str, _: conversation.Bounds) -> SimpleNamespace:
        return await connection.run(command)

    monkeypatch.setattr(cluster_ssh, "reach", reach)
    monkeypatch.setattr(conversation, "run", run)
    (found,) = run_check_fleet(("gen1",), ("high-conn", "--set", "rate=5 5"))
    return found


def test_a_machine_checks_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same arguments there, each one word; its document is the row; it is logged out of."""
    connection = Connection(DOCUMENT % "not-ready", exit_status=1)
    found = rows(monkeypatch, connection)
    assert (found.verdict, found.error) == ("not-ready", "")
    assert connection.asked == ["/usr/bin/python3 -m wstune check high-conn --set 'rate=5 5' --format json"]
    assert connection.closed


@pytest.mark.parametrize(
    ("version", "connection", "sentence"),
    [
        (None, Connection(""), "gen1 has no wstune"),
        ("0.0.1", Connection(""), "gen1 has wstune 0.0.1, here is"),
        (
            __version__,
            Connection("", "ERROR no profile is named x\nTIP   y\n", 2),
            "gen1 could not be checked: no profile",
        ),
        (__version__, Connection("", "", 127), "gen1 could not be checked: exit code 127"),
        (__version__, Connection("{"), "gen1 sent something that is not a wstune answer: it is not JSON"),
        (
            __version__,
            Connection(DOCUMENT % "\\u001b[2J"),
            "gen1 sent something that is not a wstune answer: verdict is '\\\\x1b[2J' instead of a verdict",
        ),
    ],
    ids=["none", "another", "error", "nothing", "no JSON", "no verdict"],
)
def test_what_is_wrong_is_a_row(
    monkeypatch: pytest.MonkeyPatch, version: str | None, connection: Connection, sentence: str
) -> None:
    """One sentence, and the fleet is not ready for want of an answer."""
    found = rows(monkeypatch, connection, version)
    assert found.error.startswith(sentence)
    assert found.verdict == NO_ANSWER
    assert connection.closed


def test_one_that_refuses_does_not_keep_the_others_from_their_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order in which they were named."""
    rows(monkeypatch, Connection(DOCUMENT % "ready"))
    found = run_check_fleet(("refuses", "gen1"), ())
    assert [(each.name, each.verdict, each.error, each.tip) for each in found] == [
        ("refuses", NO_ANSWER, "refuses does not let us in", "ssh refuses"),
        ("gen1", "ready", "", ""),
    ]


def test_a_name_that_is_none() -> None:
    """Before anybody is logged in to."""
    with pytest.raises(UsageError, match="is no machine"):
        run_check_fleet(("gen1", "@gen2"), ())
