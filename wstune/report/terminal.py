"""`wstune check` for people: what fails first, each with its fix; the capacity as it is; the verdict last."""

from __future__ import annotations

from wstune.model import (
    CheckReport,
    Effect,
    Finding,
    Operator,
    Outcome,
    Severity,
)
from wstune.readiness.compare import demanded_value
from wstune.readiness.next_boot import REFUSES
from wstune.report.terminal_host import capacity_lines, costs_text, hit_lines, limits_table
from wstune.report.words import (
    BOLD,
    DIM,
    GREEN,
    RED,
    YELLOW,
    counted,
    demand_text,
    host_text,
    paint,
    reading_text,
    role_text,
    value_text,
    wrapped,
)
from wstune.values import Kind

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
        *(line for note in report.host.notes for line in wrapped(note, width, "")),
    ]
    # A block of fixed values, as people paste them: of each line it is asked what it would do here.
    verbatim = all(finding.requirement.operator is Operator.EQUALS for finding in report.findings)
    for outcome, heading, mark, code in _GROUPS:
        findings = [finding for finding in report.findings if finding.outcome is outcome]
        if findings:
            findings.sort(key=lambda finding: _SEVERITIES.index(finding.severity))  # stable: else the profile's order
            lines += ["", paint(f"{heading} ({len(findings)})", BOLD, color)]
            if outcome is Outcome.NOT_APPLICABLE:
                lines += _absent_lines(findings, paint(f"{mark:<4}", code, color), width)
                continue
            for finding in findings:
                lines += _finding_lines(finding, paint(f"{mark:<4}", code, color), verbatim, width)
    lines += _between(report, color, width)
    if report.hits:
        lines += ["", paint("this host has already hit, since boot", BOLD, color), *hit_lines(report.hits, width)]
    if report.limits:
        lines += ["", paint("whose limits", BOLD, color), *limits_table(report.limits, width)]
    lines += ["", paint("capacity as it is", BOLD, color)]
    if report.costs is not None:
        lines += wrapped(f"with {costs_text(report.costs)}", width, "  ", "  ")
    lines += [line for each in report.capacity for line in capacity_lines(each, report.connections, width)]
    lines.append("")
    for sentence in report.sentences[:-1]:
        lines += wrapped(sentence, width, "")
    if report.sentences:
        code = {"ready": GREEN, "not-ready": RED}.get(report.verdict, YELLOW)
        lines += [paint(line, code, color) for line in wrapped(report.sentences[-1], width, "")]
    return "\n".join(lines) + "\n"


def _between(report: CheckReport, color: bool, width: int) -> list[str]:
    """What stands wrongly between two limits; those that stand well are only counted."""
    if not report.invariants:
        return []
    amiss = [finding for finding in report.invariants if finding.outcome is not Outcome.PASS]
    lines = [
        "",
        paint(f"between limits ({len(report.invariants) - len(amiss)} of {len(report.invariants)} hold)", BOLD, color),
    ]
    for finding in amiss:
        lines += _finding_lines(finding, paint(f"{'WARN':<4}", YELLOW, color), False, width)
    return lines if amiss else []


def _finding_lines(finding: Finding, mark: str, verbatim: bool, width: int) -> list[str]:
    have = reading_text(finding.live)
    need = demand_text(finding.requirement)
    text = f"{finding.tunable:<{_NAME}} {have}"
    text = f"{text:<{_NAME + 1 + _HAVE}} {need}"
    if len(_BODY) + len(text) > width:
        text = f"{finding.tunable:<{_NAME}} {have}\n{_BODY}{'':<{_NAME}} {need}"
    lines = f"  {mark} {text}".split("\n")
    harm = finding.effect in (Effect.LOWERS, Effect.CHANGES, Effect.REFUSED)
    said = [_effect_text(finding, verbatim)]
    if finding.outcome is not Outcome.PASS:
        said += [finding.note, finding.why] if harm else [finding.why, finding.note]
    for sentence in [*said, *_boot_sentences(finding)]:
        lines += _said(sentence, width)
    return lines + (wrapped(finding.fix, width, f"{_BODY}     ", f"{_BODY}fix: ") if finding.fix else [])


def _boot_sentences(finding: Finding) -> list[str]:
    """What the next boot makes of it, where there is something to do about it or it differs: JSON has it always."""
    persisted, survives = finding.persisted, finding.survives_reboot
    said = []
    if persisted is not None:
        differs = finding.live.value is None or not persisted.value.same(finding.live.value)
        missed = finding.outcome in (Outcome.FAIL, Outcome.WARN) and ":" in persisted.source
        doubtful = survives is not True and bool(finding.boot_note or finding.managers)
        if differs or missed or doubtful:
            said.append(f"at boot: {value_text(persisted.value)}, from {persisted.source}")
    if finding.by_procps is not None:
        other = finding.by_procps
        said.append(f"after `sysctl --system`: {value_text(other.value)}, from {other.source}")
    if survives is not True:
        said += finding.managers
        if finding.boot_note and (said or finding.boot_note.startswith(REFUSES)):
            said.append(finding.boot_note)
    return said


def _absent_lines(findings: list[Finding], mark: str, width: int) -> list[str]:
    """The limits that are not here, those together that are absent for the same reason."""
    reasons: dict[str, list[str]] = {}
    for finding in findings:
        names = reasons.setdefault(finding.note, [])
        if finding.tunable not in names:
            names.append(finding.tunable)
    lines = []
    for reason, names in reasons.items():
        first, *others = wrapped(", ".join(names), width, _BODY)
        lines += [f"  {mark} {first.lstrip()}", *others, *_said(reason, width)]
    return lines


def _said(text: str, width: int) -> list[str]:
    return wrapped(text, width, _BODY) if text else []


def _effect_text(finding: Finding, verbatim: bool) -> str:
    """What setting the demanded value would do here; where that is harm the note has it."""
    demanded = demanded_value(finding.requirement, finding.live.value)
    change = f"{reading_text(finding.live)} to {value_text(demanded)}" if demanded else ""
    match finding.effect:
        case Effect.NOTHING:
            return "does nothing here: it is so already" if verbatim else ""
        case Effect.RAISES:
            raises = "widen" if finding.live.value and finding.live.value.kind is Kind.RANGE else "raise"
            return f"would {raises} {change}" if verbatim else ""
        case Effect.LOWERS:
            return "" if finding.note else f"would lower {change}"
        case Effect.CHANGES:
            return f"would change {change}" if verbatim and not finding.note else ""
        case Effect.REFUSED:
            return "" if finding.note else "this kernel refuses it"
        case Effect.UNKNOWN:
            return "what it would do here is unknown" if verbatim and not finding.note else ""
