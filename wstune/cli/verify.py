"""`wstune verify`: the burst, its progress on a terminal, and its report."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, assert_never

import typer

from wstune import signals
from wstune.cli import cluster_options as machines
from wstune.cli import headers, options
from wstune.cli import target_options as there
from wstune.cli import verify_options as read
from wstune.cli.destinations import destinations
from wstune.cli.live import progress_line
from wstune.cli.output import print_error
from wstune.cli.reporting import command_line, deliver, errors_for, now
from wstune.cli.saved_reports import saved_burst
from wstune.errors import UsageError, WstuneError
from wstune.printable import printable_report
from wstune.report.formats import FORMATS, Look

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wstune.actions.apply import ApplyOptions, Prepared
    from wstune.actions.verify_options import Progress, VerifyOptions
    from wstune.actions.verify_outcome import Outcome
    from wstune.actions.verify_target import Target
    from wstune.burst.cluster_entry import Where
    from wstune.cli.destinations import Destination
    from wstune.errors import RollbackError
    from wstune.verification import VerifyReport


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify")(verify)


def verify(
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="host: server and generator here; or ws:// or wss://HOST:PORT/PATH.")
    ],
    connections: options.Connections = None,
    profile: Annotated[
        str, typer.Option(metavar="NAME", help="Take the number of connections from this profile.")
    ] = "high-conn",
    processes: Annotated[
        int | None,
        typer.Option(parser=options.processes, metavar="P", help="Server processes; unless given, as few as do."),
    ] = None,
    hold: Annotated[
        float | None,
        typer.Option(parser=read.hold, metavar="TIME", help="How long to hold them: 30, 90s, 10m; unless given, 5 s."),
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option(metavar="R", help="Connections a second: 1000, or phases: 100..2000:10,2000 (ramp of 10 s, on)."),
    ] = None,
    scenario: there.ScenarioFile = None,
    poisson: Annotated[bool, typer.Option("--poisson", help="With --rate: at random, as people arrive.")] = False,
    fanout: Annotated[
        int | None,
        typer.Option(parser=read.fanouts, metavar="K", help="Messages to everybody; 1 to our own server, else 0."),
    ] = None,
    talkers: Annotated[
        int, typer.Option(parser=read.talkers, metavar="T", help="Connections that chat during the hold.")
    ] = "0",  # type: ignore[assignment]
    message_rate: Annotated[
        float, typer.Option(parser=read.message_rate, metavar="R", help="Messages a second of all talkers.")
    ] = "1",  # type: ignore[assignment]
    message_size: Annotated[
        int, typer.Option(parser=read.message_size, metavar="B", help="Bytes of a talker's message.")
    ] = "64",  # type: ignore[assignment]
    find_max: Annotated[
        bool, typer.Option("--find-max", help="Look for the most that hold, up to -n or what the host has room for.")
    ] = False,
    slo: Annotated[
        float,
        typer.Option(parser=read.slo, metavar="TIME", help="With --find-max: p99 of upgrade and canary, at the most."),
    ] = "1s",  # type: ignore[assignment]
    around: Annotated[
        str | None, typer.Option(metavar="PROFILE", help="Verify, apply this profile, verify again, and compare.")
    ] = None,
    rollback: Annotated[bool, typer.Option("--rollback", help="With --around: take it back afterwards.")] = False,
    state_dir: options.StateDir = "/var/lib/wstune",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    baseline: Annotated[
        str | None, typer.Option(metavar="FILE", help="An earlier report (--format json) to compare with.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(parser=read.port, metavar="PORT", help="Where the server listens; unless given, a free port."),
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="A,B", help="Addresses to come from; on loopback 127.1.0.1 and on.")
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LINE", help="Of the request: `Name: value`, with {env:NAME} in it; or @FILE; repeatable."
        ),
    ] = None,
    subprotocol: there.Subprotocol = None,
    origin: there.Origin = "",
    ca: there.Ca = "",
    insecure: there.Insecure = False,
    server_name: there.ServerName = "",
    no_proxy: there.NoProxy = False,
    stats: there.Stats = None,
    stats_token: there.StatsToken = None,
    close: Annotated[
        str, typer.Option(metavar="HOW", help="rst, or graceful; a server elsewhere is closed gracefully.")
    ] = "",
    time_limit: Annotated[
        float, typer.Option(parser=read.time_limit, metavar="TIME", help="When to have opened them at the latest.")
    ] = "1h",  # type: ignore[assignment]
    buffers: Annotated[
        int,
        typer.Option(parser=read.buffers, metavar="SIZE", help="What is kept of unfinished messages; 0: no bound."),
    ] = "128M",  # type: ignore[assignment]
    force: Annotated[bool, typer.Option("--force", help="Open even what the budget says does not fit.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on the terminal.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Progress as lines that stay, also in a log.")
    ] = False,
    hosts: machines.Hosts = None,
    cluster: machines.ClusterOption = None,
    serve_on: machines.ServeOn = "",
    cluster_cert: machines.ClusterCert = "",
    insecure_cluster: machines.InsecureCluster = False,
    cluster_root: machines.ClusterRoot = False,
    remote_python: machines.RemotePython = "",
    profile_dir: options.ProfileDirs = None,
    format_: options.AnyFormat = None,
    output: options.Outputs = None,
) -> int:
    """Open a burst of real WebSocket connections, hold and use them, and say what that proves.

    Exit codes: 0 confirmed; 1 missed: the server side is the limit; 3 inconclusive: the generator was, or a limit that
    both ends share here; 128 + n: signal n ended it, with a report of what there was.
    """
    started = now()
    if close not in ("", "rst", "graceful"):
        raise UsageError(f"--close {close}: expected rst or graceful", "leave it out for what suits the target")
    if around and find_max:
        raise UsageError("--around and --find-max are two different questions", "ask them one after the other")
    written = destinations(format_, output)
    where = machines.where_of(hosts, cluster, serve_on, cluster_cert, insecure_cluster, cluster_root, remote_python)
    if where is not None and (around or find_max):
        raise UsageError("--around and --find-max are for one host", "without --hosts and --cluster")
    earlier = _baseline(baseline)
    script = there.scenario(scenario)
    aim = there.aim(target, bool(fanout), ca, insecure, server_name, no_proxy)
    _harms_nobody(aim, yes)
    from wstune.actions.verify_options import HOLD_SECONDS, VerifyOptions
    from wstune.actions.verify_plan import default_connections

    chosen = VerifyOptions(
        connections=connections,
        profile=profile,
        processes=processes,
        hold=hold if hold is not None else script.hold if script and script.hold is not None else HOLD_SECONDS,
        port=port,
        profile_dirs=tuple(profile_dir or ()),
        force=force,
        target=aim,
        stats=there.stats(stats, stats_token, aim),
        sources=read.sources(source),
        poisson=poisson,
        fanouts=(0 if script else 1) if fanout is None else fanout,
        scenario=script,
        subprotocols=there.subprotocols(subprotocol),
        origin=there.origin(origin),
        talkers=talkers,
        message_rate=message_rate,
        message_size=message_size,
        close=close,
        headers=headers.of_request(header),
        time_limit=time_limit,
        buffers=buffers,
    )
    if rate is None and not aim.here and not (script and script.phases):
        rate = there.FOREIGN_RATE
    if rate is not None:
        wanted = connections or (script and script.connections) or default_connections(chosen)
        chosen = replace(chosen, connections=wanted, phases=read.phases(rate, wanted))
    failed = None
    with errors_for(written):
        with progress_line(quiet, verbose) as on_progress:
            if around:
                applying = _applying(chosen, around, rollback, state_dir)
                before, outcome, failed = _around(chosen, applying, yes, on_progress)
                earlier = before or earlier
            else:
                outcome = _search(chosen, slo, on_progress) if find_max else _run(chosen, where, on_progress)
        report, number = _reported(outcome, failed)
    from wstune.verification import EXIT_CODES

    code = failed.exit_code if failed else signals.exit_code(number) if number else EXIT_CODES[report.verdict]
    code = _deliver(report, chosen, written, started, earlier, code)
    if failed is not None and not number:  # a report of what was interrupted says it itself
        print_error(str(failed), failed.tip)
    return code


def _reported(outcome: Outcome, failed: RollbackError | None) -> tuple[VerifyReport, int]:
    """The report of a burst, and the number of the signal that ended it, or 0. Raises why there is none."""
    from wstune.actions.verify_outcome import BurstFinished, BurstInterrupted, BurstLost, BurstRefused

    match outcome:
        case BurstFinished(report) | BurstLost(report):
            return report, 0
        case BurstInterrupted(report, number):
            return report, number
        case BurstRefused(error) if failed is not None:
            raise failed from error
        case BurstRefused(error):
            raise error
        case _:
            assert_never(outcome)


def _run(chosen: VerifyOptions, where: Where | None, on_progress: Callable[[Progress], None]) -> Outcome:
    if where is not None:
        from wstune.actions import verify_cluster

        return verify_cluster.run(chosen, where, on_progress)
    from wstune.actions.verify import run

    return run(chosen, on_progress)


def _search(chosen: VerifyOptions, slo: float, on_progress: Callable[[Progress], None]) -> Outcome:
    from wstune.actions.find_max import find_max
    from wstune.burst.search import Objective

    return find_max(chosen, Objective(slo * 1000, slo * 1000), on_progress)


def _applying(chosen: VerifyOptions, profile: str, rollback: bool, state_dir: str) -> ApplyOptions:
    """What --around applies: only live values where it is taken back again."""
    from wstune.actions.apply import ApplyOptions

    return ApplyOptions(
        profile,
        connections=chosen.connections,
        profile_dirs=chosen.profile_dirs,
        runtime_only=rollback,
        state_dir=state_dir,
    )


def _around(
    chosen: VerifyOptions, applying: ApplyOptions, yes: bool, on_progress: Callable[[Progress], None]
) -> tuple[tuple[str, VerifyReport] | None, Outcome, RollbackError | None]:
    """The first burst by its name, the outcome of the second, and why what was applied could not be taken back."""
    from wstune.actions.around import around, label

    both = around(chosen, applying, _agree(yes), on_progress, roll_back=applying.runtime_only, argv=command_line())
    before = None if both.before is None else (label(both.txn, rolled_back=both.rolled_back), both.before)
    return before, both.after, both.failed


def _agree(yes: bool) -> Callable[[Prepared], None]:
    from wstune.cli.apply import ask
    from wstune.cli.output import wants_color
    from wstune.report.terminal_plan import plan_text

    def agree(prepared: Prepared) -> None:
        color = wants_color(sys.stderr)
        sys.stderr.write(printable_report(plan_text(prepared.plan, color=color), color=color))
        if not yes:
            ask()

    return agree


def _baseline(path: str | None) -> tuple[str, VerifyReport] | None:
    return None if path is None else (path, saved_burst(path, "--baseline"))


def _harms_nobody(aim: Target, yes: bool) -> None:
    """Load on somebody else's address has to be meant."""
    if aim.ours or yes or aim.here:
        return
    whose = f"{aim.name}, through the proxy {aim.proxy}," if aim.proxy else aim.address
    if not sys.stdin.isatty():
        raise UsageError(f"{whose} is not this host's, and nobody is there to ask", "--yes, if it is yours to load")
    sys.stderr.write(f"{whose} is not this host's. Open connections to it? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("not done; nothing was opened")


def _deliver(
    report: VerifyReport,
    chosen: VerifyOptions,
    written: Sequence[Destination],
    started: str,
    earlier: tuple[str, VerifyReport] | None,
    code: int,
) -> int:
    """Write the report, and give the exit code."""
    from wstune.host.host import Host

    host = Host()
    checked = None
    if chosen.target.ours and any(FORMATS[each.format].page for each in written):
        from wstune.actions.check import run_check

        with suppress(WstuneError):  # a burst that was made is reported, whatever else cannot be
            checked = run_check(chosen.profile, host, connections=report.connections, profile_dirs=chosen.profile_dirs)
    boot_id = host.facts().boot_id
    return deliver(report, written, started, code, boot_id, Look(check=checked, baseline=earlier))
