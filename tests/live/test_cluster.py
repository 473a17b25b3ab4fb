"""A burst from three load machines, each a network namespace: merged, checked, cut off, killed, slowed, not fooled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, need
from tests.live.fleet import PYTHON, Dask, Net, cut_until_heard, finish, net, opened, refused, run
from tests.live.namespace import wait_until
from tests.selfsigned import pair

pytestmark = [
    pytest.mark.live,
    pytest.mark.netns,
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.timeout(240),
]
GENERATORS = ("gen1", "gen2", "gen3")


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dask]:
    need("root")
    need("iproute2")
    with net(3) as inside:
        yield Dask(inside, tmp_path_factory.mktemp("dask"))


@pytest.fixture
def inside(dask: Dask) -> Net:
    """The network, with all workers at work."""
    dask.ensure(*GENERATORS)
    for host in GENERATORS:
        dask.net.write(host, "net/ipv4/ip_local_port_range", "1024 65000")
    return dask.net


def no_coordinator(inside: Net, *hosts: str) -> bool:
    """Whether nothing of a burst is left on these machines."""
    return not any(b"burst.coordinator" in cmdline(pid) for host in hosts for pid in inside.pids(host))


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_sixty_thousand_from_three_addresses(dask: Dask, inside: Net) -> None:
    """60,000 connections from three machines are one report: shares, addresses and percentiles add up."""
    code, report = finish(dask.verify("host", "-n", "60000", "--hold", "1"), 200)
    assert report["verdict"] == "confirmed", report["sentences"]
    assert code == 0
    assert report["reached"] == 60_000
    assert [row["name"] for row in report["machines"]] == list(GENERATORS)
    assert [row["address"] for row in report["machines"]] == [inside.address(host) for host in GENERATORS]
    assert [row["opened"] for row in report["machines"]] == [20_000] * 3
    assert report["open"]["upgrade_ms"]["count"] == 60_000
    assert report["fanout"]["delivered"] == 60_000
    assert report["pings"]["answered"] == 60_000
    assert max(row["upgrade_ms"]["max"] for row in report["machines"]) == report["open"]["upgrade_ms"]["max"]
    assert wait_until(lambda: no_coordinator(inside, "srv", *GENERATORS), 10)


def test_a_narrow_port_range_is_found_before_the_burst(dask: Dask, inside: Net) -> None:
    """A machine with 500 ports takes 500, the others the rest, and that is said; if it is too little, nothing opens."""
    inside.write("gen2", "net/ipv4/ip_local_port_range", "20000 20499")
    code, report = finish(dask.verify("host", "-n", "3000", "--hold", "0"))
    assert code == 0, report["sentences"]
    assert [row["share"] for row in report["machines"]] == [1250, 500, 1250]
    assert report["machines"][1]["binds"] == "net.ipv4.ip_local_port_range"
    assert any("gen2 takes 500 instead of 1,000: net.ipv4.ip_local_port_range" in said for said in report["sentences"])

    for host in ("gen1", "gen3"):
        inside.write(host, "net/ipv4/ip_local_port_range", "20000 20999")
    code, said = refused(dask.verify("host", "-n", "3000", "--hold", "0"))
    assert code == 3
    assert "have room for 2,500: gen2 for 500, by net.ipv4.ip_local_port_range; nothing was opened" in said
    assert "for gen2: " in said.partition("TIP")[2]


def test_a_worker_killed_in_mid_burst(dask: Dask, inside: Net) -> None:
    """The burst ends with the others, and is inconclusive: the machine is named, its share not opened again."""
    process = dask.verify("host", "-n", "6000", "--rate", "600", "--hold", "1")
    opened(inside, "gen3", 500)
    os.kill(worker_of(inside, "gen3"), signal.SIGKILL)
    code, report = finish(process, 60)
    assert (code, report["verdict"]) == (3, "inconclusive")
    assert report["wall"]["name"] == "machine-lost"
    assert "gen3" in report["wall"]["evidence"]
    gone = report["machines"][2]
    assert gone["gone"]
    assert gone["lost"] >= 300
    assert report["held"]["lost"] == gone["lost"]
    assert [row["opened"] for row in report["machines"][:2]] == [2000, 2000]
    assert wait_until(lambda: no_coordinator(inside, *GENERATORS), 10)
    assert wait_until(lambda: inside.in_use("gen3") == 0, 10)


def worker_of(inside: Net, host: str) -> int:
    return next(pid for pid in inside.pids(host) if b"dask_worker" in cmdline(pid))


def test_the_network_of_one_machine_is_cut_in_the_hold(dask: Dask, inside: Net) -> None:
    """Its share is lost, the generator's side is named, and the two others are as they were."""
    process = dask.verify("host", "-n", "3000", "--hold", "12", "-v")
    opened(inside, "gen2", 1000)
    opened(inside, "srv", 3000)
    assert wait_until(lambda: False, 2) is False  # into the hold: pings and the fan-out are over
    cut_until_heard(inside, process, "gen2")
    code, report = finish(process, 60)
    assert (code, report["verdict"]) == (3, "inconclusive")
    assert (report["wall"]["name"], report["wall"]["side"]) == ("machine-lost", "generator")
    assert "gen2: it has said nothing for 5 s" in report["wall"]["evidence"]
    assert report["held"]["lost"] == 1000
    assert [row["lost"] for row in report["machines"]] == [0, 1000, 0]
    assert {"phase": "hold", "errno": "MACHINE-LOST", "count": 1000, "side": "generator"}.items() <= report["errors"][
        0
    ].items()
    assert wait_until(lambda: no_coordinator(inside, "gen2"), 45)


def test_the_network_of_one_machine_is_cut_while_opening(dask: Dask, inside: Net) -> None:
    """What it had still to open is missing too: its share is counted in the phase in which it was lost."""
    process = dask.verify("host", "-n", "3000", "--rate", "500", "--hold", "0", "-v")
    opened(inside, "gen2", 400)
    cut_until_heard(inside, process, "gen2")
    code, report = finish(process, 60)
    assert (code, report["wall"]["name"], report["wall"]["side"]) == (3, "machine-lost", "generator")
    gone = report["machines"][1]
    assert 100 <= gone["lost"] < 1000
    assert gone["lost"] == report["held"]["lost"]
    told = {(error["phase"], error["errno"]): error["count"] for error in report["errors"]}
    assert told == {("open", "MACHINE-LOST"): 1000 - gone["failed"]}
    assert [row["opened"] for row in report["machines"]][::2] == [1000, 1000]
    assert wait_until(lambda: no_coordinator(inside, "gen2"), 45)


SCENARIO = """\
schema = 1
sources = ["10.77.0.11", "10.77.0.12", "10.77.0.13"]
[[session]]
steps = [
  { connect = "/rooms/{number}" },
  { send = "I am {number}" },
  { expect = "I am {number}" },
]
"""


def test_a_scenario_over_tls_from_all_machines(dask: Dask, inside: Net, tmp_path: Path) -> None:
    """Each machine comes from its own of the scenario's addresses, trusts the file of authorities that is only here,
    and has numbers of its own; the server tells what it has seen."""
    cert, key = pair(tmp_path, inside.address("srv"))
    file = tmp_path / "burst.toml"
    file.write_text(SCENARIO)
    serve = ["wstune", "serve", "--bind", inside.address("srv"), "--workers", "2", "--cert", cert, "--key", key]
    with (tmp_path / "log").open("w") as log:
        server = inside.start("srv", *PYTHON, *serve, "--expose-metrics", "--access-log", stderr=log)
    assert wait_until(lambda: inside.in_use("srv") > 0, 20)
    url = f"wss://{inside.address('srv')}:3000/"
    code, report = finish(dask.verify(url, "--ca", cert, "--scenario", str(file), "-n", "300", "--hold", "0"))
    server.terminate()
    server.wait()
    assert code == 0, report["sentences"]
    assert [row["opened"] for row in report["machines"]] == [100] * 3
    assert (report["scenario"]["said"], report["scenario"]["heard"]) == (300, 300)
    assert report["counters"]["server.opened"] == 300
    assert not any("is not known here" in sentence for sentence in report["sentences"])
    lines = [line.split() for line in (tmp_path / "log").read_text().splitlines() if " 101" in line]
    assert len({word for line in lines for word in line if word.startswith("/rooms/")}) == 300
    for host in GENERATORS:
        assert sum(any(inside.address(host) in word for word in line) for line in lines) == 100


def test_one_percent_of_loss_is_no_wall(dask: Dask, inside: Net) -> None:
    """Lost packets are sent again: the percentiles move by the kernel's first timeout, and nothing is blamed."""
    need("nft")
    rules = """table inet loss {
        chain in {
            type filter hook input priority 0;
            tcp dport != 8786 numgen random mod 100 < 1 drop
        }
    }
    """
    _, quiet = finish(dask.verify("host", "-n", "3000", "--hold", "0"))
    loss = subprocess.run(inside.command("srv", "nft", "-f", "-"), input=rules, text=True, check=False)
    assert loss.returncode == 0
    try:
        code, report = finish(dask.verify("host", "-n", "3000", "--hold", "1"))
    finally:
        run(*inside.command("srv", "nft", "flush", "ruleset"))
    assert (code, report["wall"]) == (0, None), report["sentences"]
    assert report["reached"] == 3000
    assert report["held"]["lost"] == 0
    assert report["open"]["upgrade_ms"]["p999"] >= 190  # tcp_rto_min is 200 ms, a lost SYN waits 1 s
    assert report["counters"]["Tcp.RetransSegs"] > quiet["counters"].get("Tcp.RetransSegs", 0)


def test_the_server_on_a_machine_of_the_cluster(dask: Dask, inside: Net) -> None:
    """With --serve-on the built-in server is there, and that machine makes no load."""
    code, report = finish(dask.verify("host", "-n", "2000", "--hold", "0", "--serve-on", "gen3"))
    assert code == 0, report["sentences"]
    assert report["target"]["url"].startswith(f"ws://{inside.address('gen3')}:")
    assert [row["name"] for row in report["machines"]] == ["gen1", "gen2"]
    assert report["memory"]["server_user_bytes"] > 0


def test_interrupted_it_leaves_nothing(dask: Dask, inside: Net) -> None:
    """Ctrl-C ends it with a report, and no machine has a process of it left; so does killing the head."""
    process = dask.verify("host", "-n", "2000", "--hold", "60")
    opened(inside, "srv", 2000)
    inside_pid = next(pid for pid in inside.pids("srv") if b"wstune\0verify" in cmdline(pid))
    os.kill(inside_pid, signal.SIGINT)
    code, report = finish(process, 30)
    assert (code, report["interrupted"]) == (130, True)
    assert wait_until(lambda: no_coordinator(inside, "srv", *GENERATORS), 10)

    process = dask.verify("host", "-n", "2000", "--hold", "60")
    opened(inside, "srv", 2000)
    os.kill(next(pid for pid in inside.pids("srv") if b"wstune\0verify" in cmdline(pid)), signal.SIGKILL)
    process.communicate()
    assert wait_until(lambda: no_coordinator(inside, "srv", *GENERATORS), 20)


def test_a_client_without_the_certificate_runs_nothing(dask: Dask, inside: Net, tmp_path: Path) -> None:
    """Neither without TLS, nor with a certificate that it made itself, nor as a worker."""
    program = f"""
        import asyncio, logging, os, sys
        sys.path.insert(0, {str(ROOT)!r})
        logging.disable(logging.CRITICAL)
        from distributed import Client
        from wstune.burst import certificates
        from wstune.burst.cluster_entry import security_of

        async def attempt(address, security, mark):
            try:
                client = await Client(address, security=security, timeout=4, asynchronous=True)
                await client.run(os.mkdir, mark, workers=[next(iter(await client.ncores()))])
            except Exception as error:
                return type(error).__name__
            return "in"

        async def all_of_them():
            address, folder = {dask.address!r}, {str(tmp_path)!r}
            plain = await attempt(address.replace("tls:", "tcp:"), None, folder + "/plain")
            other = await attempt(address, security_of(certificates.make()), folder + "/other")
            own = await attempt(address, security_of(certificates.read({dask.pem!r})), folder + "/own")
            print(plain, other, own, flush=True)

        asyncio.run(all_of_them())
        """
    said = run(*inside.command("gen2", sys.executable, "-c", textwrap.dedent(program)))
    assert said.split()[2] == "in"
    assert {*said.split()[:2]} <= {"OSError", "CommClosedError", "FatalCommClosedError", "TimeoutError"}
    assert [path.name for path in tmp_path.iterdir()] == ["own"]
