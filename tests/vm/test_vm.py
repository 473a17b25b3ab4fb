"""A real host: Debian 12 with systemd in a virtual machine, with real root, whose power is cut.

    make test-vm

Where WSTUNE_REQUIRE lists qemu, as CI does, an ordinary run has the first scenario: see conftest.py.
"""

from __future__ import annotations

import os
import random
import re
import sys
import time

import pytest

from tests.vm.machine import Machine, ok

pytestmark = [pytest.mark.qemu, pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(1800)]

KEYS = (
    "fs.file-max fs.nr_open fs.epoll.max_user_watches net.core.somaxconn net.core.netdev_max_backlog net.core.rmem_max "
    "net.core.wmem_max net.ipv4.tcp_mem net.ipv4.tcp_rmem net.ipv4.tcp_wmem net.ipv4.ip_local_port_range "
    "net.ipv4.ip_local_reserved_ports net.ipv4.tcp_max_tw_buckets net.ipv4.tcp_max_syn_backlog vm.max_map_count"
)
STATE = f"""
sysctl {KEYS}
systemctl show chat -p LimitNOFILE -p LimitNOFILESoft -p NeedDaemonReload
su - alice -c 'echo login $(ulimit -Sn) $(ulimit -Hn)'
cd /etc && find sysctl.d security systemd -exec stat -c '%n %a %u %g %F' {{}} + | sort
find sysctl.d security systemd -type f -exec sha256sum {{}} + | sort
"""
"""All that apply may change on such a host."""

BLOCK = (
    "net.core.rmem_max = 16384", "net.core.wmem_max = 16384", "net.ipv4.tcp_wmem = 1024\t4096\t16384",
    "fs.file-max = 1000000", "net.ipv4.tcp_mem = 10000000\t10000000\t10000000",
    "net.ipv4.ip_local_port_range = 1024\t64000",
)  # fmt: skip
"""Six lines of kemal-60k, as sysctl(8) shows them; each kernel takes them."""

TARGET = "high-conn -n 12000 --role both --set rate=100000"
APPLY = f"w apply {TARGET} --unit chat --user alice --yes"


def test_applied_persisted_used_and_taken_back_over_power_cuts(machine: Machine) -> None:
    """check → apply → burst → power cut → boot → as applied → rollback → power cut → boot → as before."""
    before = ok(machine, STATE)
    assert machine.run(f"w check {TARGET}").code in (0, 1)
    applied = ok(machine, f"{APPLY} --restart")
    assert "checked again: all that must be met is met" in applied, applied
    live = ok(machine, STATE)
    assert live != before
    assert "LimitNOFILESoft=13624" in live
    burst = machine.run("w verify host -n 3000 --hold 1", 400)
    assert burst.code == 0, burst.text
    machine.cut()

    machine.boot()
    assert ok(machine, STATE) == live
    assert (
        ok(machine, "pid=$(systemctl show chat -p MainPID --value); grep 'open files' /proc/$pid/limits").split()[3]
        == "13624"
    )
    assert re.search(r"^login 13624 \d+", live, re.MULTILINE)
    ready = machine.run(f"w check {TARGET}")
    assert ready.code == 0, ready.text
    ok(machine, "w status")
    assert "nothing to do" in ok(machine, APPLY)
    ok(machine, "w rollback")
    machine.cut()

    machine.boot()
    assert ok(machine, STATE) == before
    ok(machine, "w status")


@pytest.mark.usefixtures("every_scenario")
def test_power_cut_in_the_middle_of_apply(machine: Machine) -> None:
    """At ten random moments: after the boot, rollback brings back the state before; a commit that was told stays."""
    seed = int(os.environ.get("WSTUNE_SEED", time.time_ns() % 100000))
    sys.stdout.write(f"WSTUNE_SEED={seed}\n")
    dice = random.Random(seed)
    before = ok(machine, STATE)
    started = time.monotonic()
    ok(machine, APPLY)
    seconds = time.monotonic() - started
    applied = ok(machine, STATE)
    ok(machine, "w rollback")
    seen = set()
    for _ in range(10):
        machine.start(APPLY)
        # The first half goes by with starting Python and reading.
        time.sleep(seconds * dice.uniform(0.3, 1.0))
        machine.cut()
        machine.boot()
        history = ok(machine, "w history | head -1")
        told = "cut short" if "cut short" in history else "applied" if "applied" in history else "nothing"
        seen.add(told)
        if told != "cut short":  # what the journal says is so
            assert ok(machine, STATE) == (applied if told == "applied" else before), history
        answer = machine.run("w rollback")
        assert answer.code in (0, 2), answer.text
        assert ok(machine, STATE) == before, history
    sys.stdout.write(f"the power was cut ten times: {sorted(seen)}\n")


@pytest.mark.usefixtures("every_scenario")
def test_the_block_of_the_blog_post(machine: Machine) -> None:
    """kemal-60k lowers nothing without consent; with it, what this kernel refuses is told, and the rest taken back."""
    before = ok(machine, STATE)
    first = machine.run("w apply kemal-60k --yes")
    assert first.code == 0, first.text
    assert "net.core.rmem_max" not in ok(machine, "w history")
    ok(machine, "w rollback")
    assert ok(machine, STATE) == before
    second = machine.run("w apply kemal-60k --allow-lower --yes")
    assert second.code == 0, second.text
    live = ok(machine, STATE)
    # From 6.1.189 on the kernel answers EINVAL to a minimum below 4096: told, and the others applied.
    refused = "net.ipv4.tcp_rmem" in second.text.partition("not done (")[2].partition("(new), read at boot")[0]
    assert ("this kernel answers EINVAL to '1024 4096 16384'" in second.text) == refused
    assert ("net.ipv4.tcp_rmem = 1024\t4096\t16384" in live) != refused
    for line in BLOCK:
        assert line in live
    # systemd has a hard limit of 1048576: below that of any process nr_open is never put, and the apply says so.
    assert "fs.nr_open = 1048576" in live
    assert "a process, login or service has a hard file limit of 1048576" in second.text
    ok(machine, "w rollback")
    assert ok(machine, STATE) == before

    # Once no process has more than the block's million, that line is applied with the other six.
    ok(machine, "for p in /proc/[0-9]*; do prlimit --pid ${p#/proc/} --nofile=1000000:1000000 2>/dev/null; done; true")
    third = machine.run("w apply kemal-60k --allow-lower --yes")
    assert third.code == 0, third.text
    live = ok(machine, STATE)
    for line in (*BLOCK, "fs.nr_open = 1000000"):
        assert line in live
    ok(machine, "w rollback")
    assert ok(machine, STATE) == before
