"""What a host holds of a burst of our own: check's capacity, at our own costs, less what is left to the host."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.trees import plant
from wstune.actions.verify_options import VerifyOptions
from wstune.actions.verify_plan import plan, room_of
from wstune.actions.verify_target import Security, Target, target_of
from wstune.burst.budget import Room
from wstune.burst.room import GUARDED_FILES, bytes_each, holds
from wstune.errors import InconclusiveError
from wstune.host.host import Host
from wstune.model import Role
from wstune.readiness.constants import FILES_RESERVE, OWN_FILES, PAIR_BYTES, PIDS_RESERVE, TLS_GENERATOR_BYTES

MEMINFO = "MemTotal: {total} kB\nMemFree: {free} kB\nMemAvailable: {free} kB\n"


def host(root: Path, *, total: int, free: int, file_max: int) -> Host:
    plant(
        root,
        {
            "proc/meminfo": MEMINFO.format(total=total >> 10, free=free >> 10),
            "proc/sys/fs/file-max": f"{file_max}\n",
            "proc/sys/fs/file-nr": f"900\t0\t{file_max}\n",
            "proc/sys/fs/epoll/max_user_watches": "5491511\n",
        },
    )
    return Host(root)


def allowed(where: Host, role: Role, *, tls: bool = False) -> dict[str, int]:
    limits = holds(where, where.facts(), role, tls=tls).limits
    return {limit.name: limit.connections for limit in limits if limit.connections is not None}


def test_this_kind_of_machine_holds_a_million_and_file_max_binds(tmp_path: Path) -> None:
    """24 GB: file-max allows 1.2 million pairs less what is left alone, memory more than 2 million."""
    found = allowed(host(tmp_path, total=24 << 30, free=23 << 30, file_max=2_466_177), Role.BOTH)
    assert found["fs.file-max"] == (2_466_177 - 900 - FILES_RESERVE) // 2
    assert found["memory"] == (23 << 30) * 9 // 10 // (PAIR_BYTES + 600)
    assert min(found, key=lambda name: found[name]) == "fs.file-max"


def test_processes_of_others_are_left_alone(tmp_path: Path) -> None:
    """Of the host's and of the control group's; of the user's own limit there is nobody else to leave any to."""
    where = host(tmp_path, total=24 << 30, free=23 << 30, file_max=2_466_177)
    plant(
        tmp_path, {"proc/self/limits": LIMITS, "proc/sys/kernel/pid_max": "1000\n", "proc/loadavg": "0 0 0 1/100 7\n"}
    )
    facts = replace(where.facts(), cgroup_pids_headroom=300)
    limits = {limit.name: limit.connections for limit in holds(where, facts, Role.SERVER).limits}
    each = 1_064 - OWN_FILES
    assert limits["cgroup.pids.max"] == (300 - PIDS_RESERVE) * each
    assert limits["kernel.pid_max"] == (1000 - 100 - PIDS_RESERVE) * each
    assert limits["nproc"] == 200 * each


LIMITS = """Limit                     Soft Limit           Hard Limit           Units
Max processes             200                  200                  processes
Max open files            1064                 1064                 files
"""


def test_a_small_host_is_bound_by_memory(tmp_path: Path) -> None:
    """512 MB: a few ten thousand pairs, and memory says so."""
    found = allowed(host(tmp_path, total=480 << 20, free=280 << 20, file_max=1_000_000), Role.BOTH)
    assert min(found, key=lambda name: found[name]) == "memory"
    assert 10_000 < found["memory"] < 45_000


def test_an_end_elsewhere_takes_half(tmp_path: Path) -> None:
    """Of what both ends take, and TLS is the generator's."""
    where = host(tmp_path, total=24 << 30, free=23 << 30, file_max=2_466_177)
    both, one, tls = (allowed(where, role, tls=way) for role, way in ROLES)
    assert one["fs.file-max"] // 2 == both["fs.file-max"]
    assert one["memory"] > both["memory"] > tls["memory"]
    assert bytes_each(Role.GENERATOR, tls=True) - bytes_each(Role.GENERATOR) == TLS_GENERATOR_BYTES


ROLES = ((Role.BOTH, False), (Role.GENERATOR, False), (Role.GENERATOR, True))


def test_opening_stops_before_the_plan_was_wrong() -> None:
    """The guard leaves less alone than the plan: a burst that fits does not meet it."""
    assert 0 < GUARDED_FILES < FILES_RESERVE


@pytest.mark.parametrize(
    ("target", "server_only", "ends"),
    [
        (target_of("host"), False, 2),
        (target_of("host"), True, 1),
        (Target("ws://192.0.2.1/", "192.0.2.1", 80), False, 1),
        (Target("wss://192.0.2.1/", "192.0.2.1", 443, security=Security()), False, 1),
    ],
)
def test_the_room_for_a_burst(target: Target, server_only: bool, ends: int) -> None:
    """What more processes or addresses get round does not bind; what each takes is by its ends and TLS."""
    room = room_of(Host(), VerifyOptions(target=target), server_only=server_only)
    assert room.ends == ends
    assert not {"nofile", "net.ipv4.ip_local_port_range"} & set(room.allowed)
    assert room.each_bytes > 4_000 * ends
    assert (room.each_bytes > 40_000) == (target.security is not None)


def test_where_there_is_room_for_none_the_tip_is_no_burst_of_none() -> None:
    """What binds is to be looked at; with room for some, it says how many."""
    for room, tip in ((0, "see all limits: wstune capacity; or --force"), (7, "wstune verify host -n 7; or --force")):
        with pytest.raises(InconclusiveError, match=f"nproc here has room for {room} ") as told:
            plan(VerifyOptions(connections=500), Room(cpus=2, nofile=20_000, allowed={"nproc": room}))
        assert (told.value.tip or "").startswith(tip)
