"""The scenario of a burst: a file's with what the flags add, or what the plain flags mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from wstune.actions.verify_options import VerifyOptions
from wstune.actions.verify_scenario import MOST_BYTES, compiled, read, scenario_of, sources, tls, wanted
from wstune.actions.verify_target import Security, Target
from wstune.burst import scenario as s
from wstune.burst.engine.plan import Address, TlsPlan
from wstune.errors import ScenarioError, UsageError

TEXT = 'schema = 1\n[[phase]]\nrate = 10\ncount = 50\n[[session]]\nsteps = [ { send = "hi" } ]\n'


def options(**changes: object) -> VerifyOptions:
    meant = s.Scenario((s.Session("s"),), (s.Phase(10, 10, 50),), sources=("10.0.0.1",), where="x.toml")
    return VerifyOptions(scenario=meant, **changes)  # type: ignore[arg-type]


def test_a_file(tmp_path: Path) -> None:
    """As burst.scenario_file parses it."""
    path = tmp_path / "x.toml"
    path.write_text(TEXT)
    assert read(str(path)).connections == 50


@pytest.mark.parametrize(
    ("data", "error", "sentence"),
    [
        (None, UsageError, "No such file"),
        (b"schema = 1\n#" + b"x" * MOST_BYTES, UsageError, "more than 4 MB"),
        (b"schema = 1\n# \xff", ScenarioError, "not UTF-8"),
    ],
    ids=["none", "large", "latin-1"],
)
def test_what_is_no_file_of_a_scenario(tmp_path: Path, data: bytes | None, error: type, sentence: str) -> None:
    """One sentence with the file's name."""
    path = tmp_path / "x.toml"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(error, match=sentence):
        read(str(path))


def test_plain_flags_are_short_for_a_scenario() -> None:
    """One kind of session that connects and holds; the last phase takes whoever is left."""
    made = scenario_of(VerifyOptions(phases=((10, 20, 5), (20, 20, 95)), poisson=True, headers="A: b\r\n", origin="o"))
    (session,) = made.sessions
    assert (session.steps, session.headers, session.origin) == ((), ("A: b",), "o")
    assert made.phases == (s.Phase(10, 20, 5, None, True), s.Phase(20, 20, None, None, True))


def test_flags_add_to_a_file_and_their_phases_come_first() -> None:
    """Headers besides its own, the command line's rate instead of its own."""
    made = scenario_of(options(phases=((7, 7, 70),), headers="A: b\r\n"))
    assert made.phases == (s.Phase(7, 7, None),)
    assert made.sessions[0].headers == ("A: b",)


def test_how_many() -> None:
    """-n, else the scenario's own number; more than it has phases for is a contradiction."""
    assert wanted(options()) == 50
    assert wanted(options(connections=20)) == 20
    assert wanted(VerifyOptions()) is None
    assert wanted(options(connections=500, phases=((9, 9, 500),))) == 500
    with pytest.raises(UsageError, match=r"-n 51: x\.toml has phases for 50 connections"):
        wanted(options(connections=51))


def test_sources_of_the_command_line_come_before_the_scenarios() -> None:
    """Without either the kernel chooses."""
    assert sources(options()) == ("10.0.0.1",)
    assert sources(options(sources=("10.0.0.2",))) == ("10.0.0.2",)
    assert sources(VerifyOptions()) == ()


def test_what_a_coordinator_is_told() -> None:
    """Routes to every place, and how TLS is checked."""
    first, second = Address("192.0.2.1", 443), Address("192.0.2.2", 443)
    places = (s.Place(first, "a", "/x", "a"), s.Place(second, "b", "/x", "b"))
    there = Target("wss://a,b/x", "192.0.2.1", 443, "/x", places=places, security=Security("ca.pem", True, ""))
    made = compiled(VerifyOptions(target=there), 101)
    assert [(route.server, route.host, route.name, route.weight) for route in made.routes] == [
        (first, b"a", "a", 0.5),
        (second, b"b", "b", 0.5),
    ]
    assert tls(VerifyOptions(target=there)) == TlsPlan("ca.pem", True)
    assert tls(VerifyOptions()) is None


def test_too_many_ways_are_refused_before_anything_is_opened() -> None:
    """255 pairs of session and address."""
    places = tuple(s.Place(Address(f"192.0.2.{at}", 1), "h") for at in range(130))
    there = Target("ws://many/", "192.0.2.0", 1, places=places)
    both = s.Scenario((s.Session("a"), s.Session("b")))
    with pytest.raises(UsageError, match="the scenario: got 2 sessions and 130 addresses"):
        compiled(VerifyOptions(target=there, scenario=both), 10)
