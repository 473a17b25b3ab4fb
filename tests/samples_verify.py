"""Reports of bursts, one for each kind of verdict, from evidence as a burst would bring it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from wstune.readiness.diagnosis import diagnose
from wstune.readiness.evidence import Evidence
from wstune.verification import (
    Canary,
    CanaryPhase,
    Close,
    Fanout,
    Machine,
    Memory,
    OpenPhase,
    Percentiles,
    Pings,
    Processes,
    Steps,
    Talk,
    VerifyReport,
)


def _percentiles(count: int, scale: float) -> Percentiles:
    return Percentiles(count, 3.125 * scale, 5.2 * scale, 9.75 * scale, 14.4 * scale, 21.5 * scale)


def _report(evidence: Evidence, **changes: Any) -> VerifyReport:
    """The report of a burst with this evidence, and figures that go with it."""
    found = diagnose(evidence)
    reached = evidence.reached
    report = VerifyReport(
        verdict=found.verdict,
        url="ws://127.0.0.1:40123/",
        connections=evidence.wanted,
        reached=reached,
        held_seconds=evidence.held_seconds,
        lost=evidence.lost,
        open=OpenPhase(
            2.31, reached / 2.31, evidence.wanted - reached, _percentiles(reached, 1), _percentiles(reached, 2)
        ),
        canary=Canary(
            24,
            0,
            _percentiles(24, 0.1),
            _percentiles(24, 0.2),
            {},
            _percentiles(24, 0.05),
            {
                name: CanaryPhase(8, 0, _percentiles(8, scale), _percentiles(8, scale), _percentiles(8, scale))
                for name, scale in (("before", 0.1), ("while", 0.4), ("after", 0.1))
            },
        ),
        fanout=Fanout(1, reached, reached, 0.614, reached / 0.614, 3.21),
        memory=Memory(612.4, 402.8, 8_312.0, 4_702.0),
        processes=Processes(evidence.server_processes, 4, evidence.nofile_each, evidence.single_process_limit),
        errors=found.errors,
        wall=found.wall,
        counters=dict(evidence.counters),
        timeline=((0.0, 0), (1.0, reached // 2), (2.31, reached)),
        interrupted=found.interrupted,
        sentences=found.sentences,
    )
    return replace(report, **changes)


_LOST = {"gen2": "no message from it for 5 s"}
_HERE: dict[str, Any] = {"nofile_each": 20_000, "single_process_limit": 19_936, "held_seconds": 10.0}
CASES = {
    "verify-confirmed": _report(Evidence(10_000, 10_000, **_HERE)),
    "verify-confirmed-sharded": _report(
        Evidence(61_189, 61_189, server_processes=4, counters={"TcpExt.ListenOverflows": 3}, **_HERE)
    ),
    "verify-missed": _report(
        Evidence(
            61_189,
            19_990,
            errors={("server", "accept", "EMFILE"): 40, ("generator", "upgrade", "TIMEOUT"): 41_199},
            counters={"TcpExt.ListenOverflows": 180_123, "TcpExt.ListenDrops": 180_123},
            **_HERE,
        ),
        canary=Canary(9, 3, _percentiles(6, 0.1), _percentiles(6, 0.2), {"join: TIMEOUT": 3}),
    ),
    "verify-inconclusive": _report(
        Evidence(
            60_000,
            28_231,
            server_processes=0,
            nofile_each=20_000,
            single_process_limit=19_936,
            errors={("generator", "connect", "EADDRNOTAVAIL"): 31_769},
        ),
        url="ws://192.0.2.7:3000/chat",
        memory=Memory(None, 402.8, None, 2_100.0),
    ),
    "verify-shared-limit": _report(
        Evidence(61_189, 40_000, errors={("generator", "socket", "ENFILE"): 21_189}, server_processes=4, **_HERE)
    ),
    "verify-paced-and-talking": _report(
        Evidence(10_000, 10_000, **_HERE),
        open=OpenPhase(
            10.02, 998.0, 0, _percentiles(10_000, 1), _percentiles(10_000, 2), _percentiles(10_000, 2.5), 12.34
        ),
        fanout=Fanout(3, 30_000, 30_000, 0.11, 272_727.3, 0.4, _percentiles(30_000, 8)),
        memory=Memory(612.4, 402.8, -14_280.1, -3.0, 2_618_475),
        pings=Pings(4, 40_000, 40_000),
        talk=Talk(100, 500, 5_000_000, 4_999_990, 10.0, 499_999.0, _percentiles(4_999_990, 3)),
    ),
    "verify-interrupted": _report(
        Evidence(61_189, 12_000, interrupted=15, server_processes=4, **{**_HERE, "held_seconds": 0.0}),
        fanout=None,
        open=OpenPhase(0.52, 23_076.9, 0, _percentiles(12_000, 1), _percentiles(12_000, 2)),
    ),
    "verify-worker-lost": _report(
        Evidence(
            61_189,
            61_189,
            lost=15_301,
            workers_lost={"server": 1},
            errors={("generator", "hold", "ECONNRESET"): 15_301},
            server_processes=4,
            **_HERE,
        )
    ),
    "verify-nothing-opened": _report(
        Evidence(8_000, 0, server_processes=0, errors={("generator", "connect", "ECONNREFUSED"): 8_000}),
        url="ws://192.0.2.7:3000/chat",
        open=OpenPhase(1.2, 0.0, 8_000, None, None),
        canary=None,
        fanout=None,
        memory=Memory(None, None, None, None),
        timeline=(),
    ),
    "verify-everything": _report(
        Evidence(
            10_000, 9_400, lost=30, errors={("generator", "open", "MACHINE-LOST"): 600}, machines_lost=_LOST, **_HERE
        ),
        held_seconds=61.5,
        open=OpenPhase(
            10.02, 938.1, 7, _percentiles(9_400, 1), _percentiles(9_400, 2), _percentiles(9_400, 2.5), 12.34
        ),
        fanout=Fanout(3, 28_200, 28_170, 0.11, 256_090.9, 0.4, _percentiles(28_170, 8)),
        memory=Memory(612.4, 402.8, 8_312.0, 4_702.0, 2_618_475),
        pings=Pings(4, 37_600, 37_570),
        talk=Talk(100, 500, 4_700_000, 4_699_990, 10.0, 469_999.0, _percentiles(4_699_990, 3)),
        close=Close(1.25, 100, 98),
        scenario=Steps(18_800, 9_350, 12, 3, _percentiles(9_350, 4)),
        figures={"unexpected": 5},
        machines=(
            Machine(
                "gen1", "10.0.0.1", 5_000, 5_000, 4, 0, 499.0, _percentiles(5_000, 2), 20_000, "nofile", 0.4, 1.5, 0.2
            ),
            Machine("gen2", "10.0.0.2", 5_000, 4_400, 3, 30, 439.0, None, None, "", None, -2.5, 0.3, _LOST["gen2"]),
        ),
    ),
}
