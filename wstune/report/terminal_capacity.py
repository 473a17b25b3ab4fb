"""`wstune capacity` for people: of each role all limits in order; of a fleet each kind of machine and its settings."""

from __future__ import annotations

from wstune.model import Capacity, CapacityLimit, CapacityReport, Role
from wstune.readiness.costs import ASSUMED
from wstune.report.terminal_host import capacity_lines, limits_table
from wstune.report.words import BOLD, DIM, count, counted, host_text, paint, size, wrapped
from wstune.service import Costs, Share

_NAME = 30
_ROLES = {
    Role.SERVER: "server",
    Role.GENERATOR: "generator",
    Role.PROXY: "proxy",
    Role.BOTH: "server and generator",
}


def capacity_text(report: CapacityReport, *, color: bool, width: int = 80) -> str:
    """The whole report, ending in a newline."""
    lines: list[str] = []
    if report.host is not None:
        lines += wrapped(host_text(report.host), width, "")
        lines += [line for note in report.host.notes for line in wrapped(note, width, "")]
    if report.limits:
        lines += ["", paint("whose limits", BOLD, color), *limits_table(report.limits, width)]
    said: set[str] = set()
    for capacity in report.capacity:
        lines += ["", paint(f"as {_ROLES[capacity.role]}", BOLD, color), *_role_lines(capacity, said, color, width)]
    if report.capacity:
        lines += ["", paint("what binds", BOLD, color)]
        lines += [line for each in report.capacity for line in capacity_lines(each, report.connections, width)]
    if report.fleet:
        lines += [paint(f"{counted(report.connections or 0, 'connection')}, on paper", BOLD, color)]
        lines += [line for share in report.fleet for line in _share_lines(share, color, width)]
    lines += ["", paint("bytes of a connection", BOLD, color), *_cost_lines(report.costs, width)]
    if report.sentences:
        lines.append("")
    for sentence in report.sentences:
        lines += wrapped(sentence, width, "")
    return "\n".join(lines).lstrip("\n") + "\n"


def _role_lines(capacity: Capacity, said: set[str], color: bool, width: int) -> list[str]:
    """The limits that bind, in order; those that do not, with the reason where it was not `said` before."""
    lines = [
        line for limit in capacity.limits if limit.connections is not None for line in _limit_lines(limit, color, width)
    ]
    unbound = [limit for limit in capacity.limits if limit.connections is None]
    told = [limit for limit in unbound if f"{limit.name}: {limit.why}" not in said]
    said.update(f"{limit.name}: {limit.why}" for limit in told)
    if told:
        lines.append("  not binding:")
        lines += [line for limit in told for line in wrapped(f"{limit.name}: {limit.why}", width, " " * 7, "    ")]
    return lines


def _limit_lines(limit: CapacityLimit, color: bool, width: int) -> list[str]:
    each = " a process" if limit.per_process else " a source address" if limit.per_source else ""
    number = f"{count(limit.connections or 0)}{each}"
    return [
        f"  {limit.name:<{_NAME}} {number:<26} {limit.confidence.value}",
        *(paint(line, DIM, color) for line in wrapped(limit.why, width, " " * 7)),
    ]


def _share_lines(share: Share, color: bool, width: int) -> list[str]:
    machine = f"{size(share.machine.ram_bytes)} and {counted(share.machine.cpus, 'core')}"
    kind = f"{share.kind}{'' if share.machines == 1 else 's'}"
    each = "" if share.machines == 1 else " each"
    sources = f", from {counted(share.sources, 'address')}" if share.sources else ""
    text = (
        f"{count(share.machines)} {kind} of {machine}: {counted(share.connections, 'connection')}{each}, over "
        f"{counted(share.processes, 'process')}{sources} (memory has room for {count(share.holds)})"
    )
    lines = ["", *wrapped(text, width, "  ", ""), f"  at least {share.seconds:,.0f} s to open them all at once"]
    lines += [f"  {name:<{_NAME}} {demand}" for name, demand in share.settings]
    profile = "high-conn" if share.kind == "server" else "load-generator"
    command = f"wstune export {profile} -n {share.connections} --processes {share.processes} --format sysctl.d"
    return [*lines, paint(f"  {command}", DIM, color)]


def _cost_lines(costs: Costs, width: int) -> list[str]:
    told = "an assumption: --app-bytes or --pid tell better" if costs.app_source == ASSUMED else costs.app_source
    rows = [
        ("kernel, accepting end", costs.server, costs.source),
        ("kernel, connecting end", costs.client, costs.source),
        ("the application", costs.app, told),
        ("its TLS", costs.tls, "OpenSSL 3.0, TLS 1.3, measured" if costs.tls else "none: --tls"),
        ("wstune's generator", costs.generator, "bound of a benchmark, or as measured"),
    ]
    return [
        line
        for name, number, source in rows
        for line in wrapped(f"{name:<24}{number:>8,}  {source}", width, " " * 36, "  ")
    ]
