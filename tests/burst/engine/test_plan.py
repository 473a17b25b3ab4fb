"""A coordinator's plan: it survives its line, whatever it holds, and nothing else is taken for one."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given

from tests.burst.engine.kinds import records, refuses, sample, survives, values
from wstune.burst.engine import plan as module
from wstune.burst.engine import program, wire
from wstune.burst.engine.plan import Address, Plan, Route
from wstune.burst.engine.records import Json, WireError, parsed
from wstune.burst.scenario import Compiled


@given(values(Plan))
def test_a_plan_survives_its_line(plan: Plan) -> None:
    """Whatever stands in its fields, and in the records that it holds."""
    survives(wire.read_plan, plan)


def test_what_is_no_plan_is_refused_by_its_place() -> None:
    """Each field, also of the records that it holds: missing, unknown, or spoilt in each way that its kind has."""
    refuses(wire.read_plan, Plan)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"target": {"type": "Address", "host": "::1", "port": 65_536, "flow": 0, "scope": 0}}, "target.port"),
        ({"shares": [1, -1]}, "shares[1]"),
        ({"shares": [0] * 100_001}, "shares"),
        ({"server": {"type": "ServerPlan", "processes": 1}}, "server.backlog"),
        ({"sources": ["x" * 4097]}, "sources[0]"),
        ({"window": None}, "window"),
        ({"timeout": float("nan")}, "timeout"),
        ({"seconds": float("inf")}, "seconds"),
        ({"programs": [[{"type": "CloseStep", "code": "1000"}]]}, "programs[0][0].code"),
        ({"tls": {"type": "TlsPlan", "ca": "", "insecure": 1}}, "tls.insecure"),
        ({"cgroup_levels": [[1, "a"]]}, "cgroup_levels[0]"),
    ],
)
def test_the_fields_of_a_plan_are_of_their_kinds(changes: dict[str, Json], place: str) -> None:
    """By hand, as the others are by their annotations."""
    document = parsed(sample(Plan))
    assert isinstance(document, dict)
    with pytest.raises(WireError, match=rf"^{re.escape(place)} is "):
        wire.read_plan(json.dumps({**document, **changes}))


def test_a_plan_holds_every_record_that_is_made_for_it() -> None:
    """So the tests above are of all of them."""
    own = {kind for kind in vars(module).values() if hasattr(kind, "_fields")}
    steps = {kind for kind in vars(program).values() if hasattr(kind, "_fields")} - {program.FrameStep}
    assert records(Plan) == own | steps


def test_what_is_not_said_is_the_plainest() -> None:
    """As fast as it goes, to the target, by no server of ours, with nothing between and no bound."""
    plan = Plan(Address("192.0.2.1", 80), (5,), (Route(),))
    assert wire.read_plan(wire.line_of(plan)) == plan
    assert (plan.server, plan.tls, plan.sources, plan.phases, plan.programs) == (None, None, (), (), ())
    assert not any((plan.seed, plan.first_number, plan.buffers, plan.clock_ns, plan.reserve_bytes, plan.reserve_files))
    (route,) = plan.routes
    assert (route.host, route.path, route.headers, route.protocols, route.tunnel) == (b"", b"/", b"", (), b"")


def test_a_compiled_scenario_is_a_part_of_a_plan() -> None:
    """By the names of its fields."""
    assert set(Compiled._fields) <= set(Plan._fields)


@pytest.mark.parametrize(
    ("address", "sockaddr"),
    [
        (Address("192.0.2.1", 80), ("192.0.2.1", 80)),
        (Address("2001:db8::1", 80), ("2001:db8::1", 80, 0, 0)),
        (Address("fe80::1%eth0", 80, 5, 2), ("fe80::1%eth0", 80, 5, 2)),
    ],
    ids=["IPv4", "IPv6", "link-local"],
)
def test_an_address_is_what_connect_takes(address: Address, sockaddr: tuple[str | int, ...]) -> None:
    """Two parts, and four of IPv6 (RFC 3493, section 3.3)."""
    assert address.sockaddr == sockaddr
