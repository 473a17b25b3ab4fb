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
    ram_bytes=24 << 30,
    available_bytes=23 << 30,
    files_free=2_466_177,
    epoll_watches=5_491_511,
)


def test_this_kind_of_machine_holds_a_million_and_file_max_binds() -> None:
    """2 cores and 24 GB: file-max allows 1.2 million pairs, memory more than 2."""
    planned = budget.plan(1_000_000, VM)
    assert planned.fits >= 1_000_000
    assert planned.binds == "fs.file-max"
    assert budget.limits(VM)["memory"] > 2_000_000


def test_a_small_host_is_bound_by_memory() -> None:
    """512 MB: a few ten thousand pairs, and memory says so."""
    small = budget.Room(cpus=1, nofile=524_288, ram_bytes=480 << 20, available_bytes=380 << 20, files_free=48_000)
    planned = budget.plan(100_000, small)
    assert planned.binds == "fs.file-max"
    assert budget.plan(100_000, budget.Room(1, 524_288, 480 << 20, 280 << 20, None, 10**6)).binds == "memory"
    assert planned.fits < 45_000


def test_what_could_not_be_read_binds_nothing() -> None:
    """Unknown limits are left out instead of guessed."""
    planned = budget.plan(1000, budget.Room(cpus=2, nofile=1024))
    assert planned.binds == ""
    assert planned.fits == 1000


@given(st.integers(1, 10**7), st.integers(0, 2**40))
def test_more_memory_never_allows_less(connections: int, available: int) -> None:
    """The budget is monotone in what the host has."""
    less = budget.plan(connections, budget.Room(2, 20_000, 64 << 30, available))
    more = budget.plan(connections, budget.Room(2, 20_000, 64 << 30, available + (1 << 30)))
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
