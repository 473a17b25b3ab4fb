"""`wstune check` for people: what fails first, each with its fix; the capacity as it is; the verdict last."""

from __future__ import annotations

from wstune.model import (
    Capacity,
    CapacityLimit,
    CheckReport,
    Confidence,
    Effect,
    Finding,
    Operator,
    Outcome,
    Role,
    Severity,
)
from wstune.readiness.compare import demanded_value
from wstune.report.words import (
    BOLD,
    DIM,
    GREEN,
    RED,
    YELLOW,
    count,
    counted,
    demand_text,
    host_text,
    paint,
    reading_text,
    role_text,
    value_text,
    wrapped,
)

_GROUPS = (
    (Outcome.FAIL, "not met", "FAIL", RED),
    (Outcome.WARN, "should be better", "WARN", YELLOW),
    (Outcome.UNKNOWN, "could not be read", "?", YELLOW),
    (Outcome.PASS, "met", "ok", GREEN),
    (Outcome.NOT_APPLICABLE, "not here to judge", "-", DIM),
)
"""Outcome, its heading, the mark of its lines and their colour; in the order in which they are shown."""

_SEVERITIES = tuple(Severity)
_BODY = " " * 7
_NAME = 32
_HAVE = 18


def check_text(report: CheckReport, *, color: bool, width: int = 80) -> str:
    """The whole report, ending in a newline. `width` is kept except for names and commands that are longer."""
    lines = [
        paint(f"{report.profile}: {counted(report.connections, 'connection')}", BOLD, color)
        + f", {role_text(report.role)}, {counted(report.processes, 'process')}",
        *wrapped(host_text(report.host), width, ""),
    ]
    for outcome, heading, mark, code in _GROUPS:
        findings = [finding for finding in report.findings if finding.outcome is outcome]
        if findings:
            findings.sort(key=lambda finding: _SEVERITIES.index(finding.severity))  # stable: else the profile's order
            lines += ["", paint(f"{heading} ({len(findings)})", BOLD, color)]
            for finding in findings:
                lines += _finding_lines(finding, paint(f"{mark:<4}", code, color), width)
    lines += ["", paint("capacity as it is", BOLD, color)]
    lines += [line for capacity in report.capacity for line in _capacity_lines(capacity, width)]
    lines.append("")
    for sentence in report.sentences[:-1]:
        lines += wrapped(sentence, width, "")
    if report.sentences:
        code = {"ready": GREEN, "not-ready": RED}.get(report.verdict, YELLOW)
        lines += [paint(line, code, color) for line in wrapped(report.sentences[-1], width, "")]
    return "\n".join(lines) + "\n"


def _finding_lines(finding: Finding, mark: str, width: int) -> list[str]:
    have = reading_text(finding.live)
    need = demand_text(finding.requirement)
    start = f"  {mark} {finding.tunable:<{_NAME}} {have:<{_HAVE}} "
    bare = 2 + 4 + 1 + max(_NAME, len(finding.tunable)) + 1 + max(_HAVE, len(have)) + 1 + len(need)
    lines = [start + need] if bare <= width else [start.rstrip(), f"{_BODY}{'':<{_NAME}} {need}"]
    if finding.outcome is Outcome.NOT_APPLICABLE:
        return [f"  {mark} {finding.tunable:<{_NAME}} {have}".rstrip(), *_said(finding.note, width)]
    if finding.outcome is Outcome.PASS:
        return lines + _said(_effect_text(finding), width)
    lines += _said(finding.why, width)
    lines += _said(_effect_text(finding), width)
    lines += _said(finding.note, width)
    if finding.persisted is not None:
        lines += _said(f"at boot: {value_text(finding.persisted.value)}, from {finding.persisted.source}", width)
    if finding.fix:
        lines += wrapped(finding.fix, width, f"{_BODY}     ", f"{_BODY}fix: ")
    return lines


def _said(text: str, width: int) -> list[str]:
    return wrapped(text, width, _BODY) if text else []


def _effect_text(finding: Finding) -> str:
    """What writing the demanded value would do here. The note has it where it does harm; a line that sets a value come
    what may, such as those of kemal-60k, says it always."""
    verbatim = finding.requirement.operator is Operator.EQUALS
    demanded = demanded_value(finding.requirement, finding.live.value)
    change = f"{reading_text(finding.live)} → {value_text(demanded)}" if demanded else ""
    match finding.effect:
        case Effect.NOTHING:
            return "setting it does nothing: it is so already" if verbatim else ""
        case Effect.RAISES:
            return f"setting it raises {change}" if verbatim else ""
        case Effect.LOWERS:
            return "" if finding.note else f"setting it lowers {change}"
        case Effect.CHANGES:
            return "" if finding.note else f"setting it changes {change}"
        case Effect.REFUSED:
            return "" if finding.note else "this kernel refuses it"
        case Effect.UNKNOWN:
            return "what setting it does here is unknown" if verbatim and not finding.note else ""


def _capacity_lines(capacity: Capacity, width: int) -> list[str]:
    binding = [limit for limit in capacity.limits if limit.connections is not None]
    if not binding:
        return wrapped("no limit that could be read binds", width, " " * 18, _as_role(capacity.role))
    first, *behind = binding
    text = _limit_text(first)
    if behind:
        text += f"; behind it {_limit_text(behind[0])}"
    return wrapped(text, width, " " * 18, _as_role(capacity.role))


def _as_role(role: Role) -> str:
    return f"  {f'as {role.value}':<16}"


def _limit_text(limit: CapacityLimit) -> str:
    about = "about " if limit.confidence is Confidence.ESTIMATE else ""
    each = " a process" if limit.per_process else " a source address" if limit.per_source else ""
    return f"{about}{count(limit.connections or 0)}{each} ({limit.name})"
