"""The budget: what fits and what binds, before the first socket."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.verify_runs import run_of
from wstune.actions.verify_options import VerifyOptions
from wstune.actions.verify_plan import coordinator_plan, plan
from wstune.burst import budget
from wstune.errors import InconclusiveError

VM = budget.Room(
    cpus=2,
    nofile=20_000,
    allowed={"fs.file-max": 1_228_000, "memory": 2_400_000, "fs.epoll.max_user_watches": 2_745_000},
    each_bytes=9_150,
    available_bytes=23 << 30,
    files_free=2_466_177,
)


def test_the_least_limit_binds() -> None:
    """By its name; what the others allow does not matter."""
    planned = budget.plan(1_000_000, VM)
    assert (planned.fits, planned.binds) == (1_228_000, "fs.file-max")
    assert planned.bytes_needed == 9_150_000_000
    assert planned.files_needed == 2_000_000 + 40 * (planned.servers + planned.generators)


def test_what_could_not_be_read_binds_nothing() -> None:
    """Unknown limits are left out instead of guessed."""
    planned = budget.plan(1000, budget.Room(cpus=2, nofile=1024))
    assert planned.binds == ""
    assert planned.fits == 1000


@given(st.integers(1, 10**7), st.dictionaries(st.sampled_from(("memory", "fs.file-max")), st.integers(0, 2**40)))
def test_more_room_never_allows_less(connections: int, allowed: dict[str, int]) -> None:
    """The budget is monotone in what the host has."""
    less = budget.plan(connections, budget.Room(2, 20_000, allowed))
    more = budget.plan(connections, budget.Room(2, 20_000, {name: number + 1 for name, number in allowed.items()}))
    assert more.fits >= less.fits


def test_processes_can_be_told() -> None:
    """--processes is the number of server processes, whatever fits better."""
    assert budget.plan(61_189, VM, processes=1).servers == 1
    assert budget.plan(61_189, VM).servers == 4


def test_what_does_not_fit_is_opened_only_by_force() -> None:
    """Refused in a sentence of what fits and what binds; with --force all of it is planned, and no reserve is kept."""
    wanted = VerifyOptions(connections=5_000_000)
    with pytest.raises(
        InconclusiveError, match=r"do not fit: \S+ here has room for [\d,]+ .*nothing was opened"
    ) as refused:
        plan(wanted, VM)
    assert refused.value.tip.startswith("sudo wstune apply high-conn -n 5000000 --role both; wstune verify host -n ")
    planned, _ = plan(replace(wanted, force=True), VM)
    assert planned.connections == 5_000_000
    assert planned.fits < 5_000_000
    told = {force: coordinator_plan(run_of(replace(wanted, force=force), 5_000_000, VM)) for force in (False, True)}
    for guard in ("reserve_bytes", "reserve_files", "others_share"):
        assert getattr(told[False], guard) > 0
        assert getattr(told[True], guard) == 0
    assert sum(told[True].shares) == 5_000_000
