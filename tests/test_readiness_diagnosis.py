"""Walls and verdicts: tests/cases/diagnosis/*.toml are evidence of a burst and what must be said of it."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import TESTS
from wstune.readiness import diagnosis
from wstune.readiness.diagnosis import diagnose
from wstune.readiness.evidence import Evidence
from wstune.readiness.walls import CAUSES, KINDS, LIMITS, PLATEAUS, WALLS
from wstune.tunable import COUNTED
from wstune.verification import Canary, Fanout, OpenPhase

CASES = sorted((TESTS / "cases/diagnosis").glob("*.toml"))


def _evidence(table: dict[str, Any]) -> Evidence:
    table["errors"] = {(by, phase, errno): count for by, phase, errno, count in table.get("errors", [])}
    rate = table.pop("rate", 0.0)
    expected, delivered = table.pop("fanout_expected", 0), table.pop("fanout_delivered", 0)
    attempts, failed = table.pop("canary_attempts", 0), table.pop("canary_failed", 0)
    evidence = Evidence(**table)
    evidence.open = OpenPhase(1.0, rate, 0, None, None)
    evidence.fanout = Fanout(1, expected, delivered, 0.0, 0.0) if expected else None
    evidence.canary = Canary(attempts, failed, None) if attempts else None
    return evidence


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_case(path: Path) -> None:
    """The evidence of a burst leads to the verdict, the wall, its side and the errors that the case states."""
    case = tomllib.loads(path.read_text())
    expect = case["expect"]
    found = diagnose(_evidence(case["evidence"]))
    assert case["fact"].endswith(".")
    assert found.verdict == expect["verdict"]
    assert (found.wall.name if found.wall else None) == expect.get("wall")
    if found.wall:
        assert found.wall.side == expect["side"]
        assert expect.get("evidence", "") in found.wall.evidence
        assert found.wall.fix == expect.get("fix", found.wall.fix)
    assert found.sentences[-1] == expect.get("last", found.sentences[-1])
    if "errors" in expect:
        rows = [[error.phase, error.errno, error.count, error.side, error.limit] for error in found.errors]
        assert rows == expect["errors"]


def test_walls_are_complete() -> None:
    """Every cause and plateau names a wall that is described, and every text of a wall is a fragment of a sentence."""
    assert {cause.limit for cause in CAUSES} | {plateau.limit for plateau in PLATEAUS} <= KINDS.keys()
    assert not LIMITS.keys() & WALLS.keys()
    for name, kind in KINDS.items():
        assert kind.side in ("server", "generator", "host", COUNTED), name
        assert kind.meaning, name
        assert kind.fix, name
        assert not kind.meaning.endswith("."), name
        assert not kind.fix.endswith("."), name


def test_limits_are_tunables() -> None:
    """A wall is a tunable of the catalogue or one of the published names, never both."""
    catalogue = pytest.importorskip("wstune.tunables").CATALOGUE
    assert LIMITS.keys() <= catalogue.keys()
    assert not WALLS.keys() & catalogue.keys()


_ERRNOS = sorted({name.rstrip("*") or "EIO" for cause in CAUSES for name in cause.errnos} | {"HTTP-500", "ERRNO-99"})
_PHASES = (*diagnosis.PHASES, "accept", "watch", "fork")
_errors = st.dictionaries(
    st.tuples(st.sampled_from(("server", "generator")), st.sampled_from(_PHASES), st.sampled_from(_ERRNOS)),
    st.integers(1, 10**6),
    max_size=5,
)


@given(
    st.builds(
        Evidence,
        wanted=st.integers(1, 10**6),
        reached=st.integers(0, 10**6),
        lost=st.integers(0, 10**3),
        errors=_errors,
        counters=st.dictionaries(st.sampled_from(("TcpExt.ListenOverflows", "conntrack.drop")), st.integers(1, 10**6)),
        server_processes=st.integers(0, 8),
        nofile_each=st.integers(0, 20_000),
        single_process_limit=st.integers(0, 20_000),
        stopped_by=st.sampled_from(("", *KINDS)),
        interrupted=st.sampled_from((0, 2, 15)),
        workers_lost=st.dictionaries(st.sampled_from(("server", "generator")), st.integers(1, 4)),
        cpus=st.integers(1, 64),
        server_cpu=st.none() | st.floats(0, 1),
        generator_cpu=st.none() | st.floats(0, 1),
    )
)
def test_every_evidence_has_a_verdict(evidence: Evidence) -> None:
    """Whatever was seen: no count is lost, falling short names a wall, and a generator's wall is never `missed`."""
    found = diagnose(evidence)
    assert sum(error.count for error in found.errors) == sum(evidence.errors.values())
    assert found.verdict in ("confirmed", "missed", "inconclusive")
    assert found.sentences[-1].startswith(found.verdict)
    assert (found.verdict == "confirmed") == (found.wall is None)
    if evidence.short or evidence.interrupted:
        assert found.wall is not None
    if found.wall is not None:
        assert found.wall.side in ("server", "generator", "host")
        assert "{" not in found.wall.fix
        if found.wall.side == "generator":
            assert found.verdict == "inconclusive"


@given(_errors, st.integers(1, 10**5))
def test_the_order_of_errors_does_not_matter(errors: dict[tuple[str, str, str], int], wanted: int) -> None:
    """The same errors in another order give the same diagnosis."""
    backwards = dict(reversed(errors.items()))
    assert diagnose(Evidence(wanted, 0, errors=errors)) == diagnose(Evidence(wanted, 0, errors=backwards))


def test_a_machine_that_was_lost_is_named_and_says_nothing_of_the_server() -> None:
    """Whichever end was on it, the verdict is inconclusive; whose it was is said."""
    lost = {"gen2": "it has said nothing for 5 s"}
    evidence = Evidence(wanted=3000, reached=3000, lost=1000, apart=True, machines_lost=lost)
    found = diagnose(evidence)
    assert found.wall is not None
    assert (found.wall.name, found.wall.side, found.verdict) == ("machine-lost", "generator", "inconclusive")
    assert "gen2: it has said nothing for 5 s" in found.wall.evidence
    served = diagnose(replace(evidence, server_machine="gen2"))
    assert served.wall is not None
    assert (served.wall.side, served.verdict) == ("server", "inconclusive")


def test_one_machine_cut_off_is_not_the_servers_doing() -> None:
    """All of one machine's connections are mute, and no other's: its network, not the server."""
    errors = {("generator", "hold", "NO-PONG"): 1000}
    evidence = Evidence(wanted=3000, reached=3000, lost=1000, errors=errors, apart=True)
    assert diagnose(evidence).verdict == "missed"
    found = diagnose(replace(evidence, machine_cut="gen2 lost 1,000 of its 1,000, the others none"))
    assert found.wall is not None
    assert (found.wall.name, found.wall.side, found.verdict) == ("machine-cut-off", "generator", "inconclusive")


def test_a_server_apart_from_the_load_has_its_limits_for_itself() -> None:
    """What the server's host counted is the server's, when the load came from elsewhere."""
    errors = {("server", "accept", "ENFILE"): 10, ("generator", "upgrade", "TIMEOUT"): 10}
    found = diagnose(Evidence(wanted=3000, reached=2990, errors=errors, apart=True))
    assert found.wall is not None
    assert (found.wall.name, found.wall.side, found.verdict) == ("fs.file-max", "server", "missed")
