"""JUnit XML, which CI servers show as tests: of check a case for each requirement, of verify one for each promise.

The last case is the verdict, so that the suite passes exactly when wstune does. What could not be read is an error
where it decides, and else skipped.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from wstune.model import Finding, Outcome, Severity
from wstune.report import figures
from wstune.report.words import counted, demand_text, host_text, reading_text, role_text

if TYPE_CHECKING:
    from wstune.model import CheckReport
    from wstune.report.formats import Look
    from wstune.report.head import Head
    from wstune.verification import Machine, VerifyReport

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""XML 1.0 §2.2: what no document may hold, not even escaped."""


def check(report: CheckReport, head: Head, look: Look) -> str:
    """A suite named `wstune check PROFILE`."""
    suite = _suite(f"wstune check {report.profile}", head)
    suite.add_property("host", _xml(host_text(report.host)))
    suite.add_property("connections", str(report.connections))
    suite.add_property("role", report.role.value)
    group = f"wstune.{report.profile}"
    for finding in report.findings:
        suite.add_testcase(_case(group, f"{finding.tunable} {demand_text(finding.requirement)}", _finding(finding)))
    name = f"ready for {counted(report.connections, 'connection')} as {role_text(report.role)}"
    said = "\n".join(report.sentences)
    result = {"ready": None, "not-ready": Failure(_xml(report.verdict), "verdict")}.get(
        report.verdict, Error(_xml(report.verdict), "verdict")
    )
    suite.add_testcase(_case(group, name, _with(result, said)))
    return _text(suite)


def verify(report: VerifyReport, head: Head, look: Look) -> str:
    """A suite named `wstune verify`; the time of the first case is that of opening, in seconds."""
    suite = _suite("wstune verify", head)
    suite.add_property("url", _xml(report.url))
    for figure, value in figures.numbers(report):
        suite.add_property(figure.name, f"{round(value, 3):g}" if value != int(value) else str(int(value)))
    for latency in figures.LATENCIES:
        if (percentiles := latency.value(report)) is not None:
            suite.add_property(f"{latency.name}.p99", f"{percentiles.p99:g}")
    group = "wstune.verify"
    wanted = f"{report.reached:,} of {report.connections:,} were open at once"
    reached = None if report.reached >= report.connections else Failure(wanted, "reached")
    held = Failure(f"{report.lost:,} were lost", "lost") if report.lost else None
    opened = _case(group, f"{counted(report.connections, 'connection')} open at once", reached)
    opened.time = round(report.open.seconds, 3)
    cases = [
        opened,
        _case(group, "all are held", held),
        _case(group, "a message reaches everybody", _fanout(report)),
        _case(group, "a stock client gets in meanwhile", _canary(report)),
        *(_case(group, f"{machine.name} is there to the end", _machine(machine)) for machine in report.machines),
        _case(group, "the burst is confirmed", _verdict(report)),
    ]
    for case in cases:
        if report.verdict == "confirmed" and case.is_failure:  # such as one canary of many
            case.result = [Skipped(f"tolerated: {each.message}") for each in case.result]
        suite.add_testcase(case)
    return _text(suite)


def _suite(name: str, head: Head) -> TestSuite:
    suite = TestSuite(_xml(name))
    suite.timestamp = head.started_at
    suite.add_property("command", _xml(" ".join(("wstune", *head.argv))))
    return suite


_Result = Failure | Error | Skipped


def _case(group: str, name: str, result: _Result | None) -> TestCase:
    case = TestCase(_xml(name), _xml(group))
    if result is not None:
        case.result = [result]
    return case


def _finding(finding: Finding) -> _Result | None:
    have = reading_text(finding.live)
    message = f"have {have}, need {demand_text(finding.requirement)}"
    said = "\n".join(filter(None, (finding.why, finding.note, finding.fix and f"fix: {finding.fix}")))
    kind = f"severity {finding.severity.value}"
    match finding.outcome:
        case Outcome.PASS:
            return None
        case Outcome.FAIL:
            return _with(Failure(_xml(message), kind), said)
        case Outcome.WARN:  # JUnit has no warning, and a failure would turn red what check lets pass
            return Skipped(_xml(f"should be better: {message}"), kind)
        case Outcome.UNKNOWN if finding.severity is Severity.ERROR:
            return _with(Error(_xml(f"could not be read: {finding.note}"), kind), said)
        case Outcome.UNKNOWN:
            return Skipped(_xml(f"could not be read: {finding.note}"), kind)
        case Outcome.NOT_APPLICABLE:
            return Skipped(_xml(f"not here to judge: {finding.note}"), kind)


def _fanout(report: VerifyReport) -> _Result | None:
    fanout = report.fanout
    if fanout is None:
        return Skipped("not done")
    if fanout.delivered < fanout.expected:
        return Failure(f"{fanout.delivered:,} of {fanout.expected:,} messages were delivered", "fan-out")
    return None


def _canary(report: VerifyReport) -> _Result | None:
    canary = report.canary
    if canary is None or not canary.attempts:
        return Skipped("not tried")
    reasons = "\n".join(f"{reason}: {count}" for reason, count in sorted(canary.reasons.items()))
    if canary.failed:
        return _with(Failure(f"{canary.failed:,} of {counted(canary.attempts, 'visit')} failed", "canary"), reasons)
    return None


def _machine(machine: Machine) -> _Result | None:
    return Failure(_xml(f"it was lost: {machine.gone}"), "machine") if machine.gone else None


def _verdict(report: VerifyReport) -> _Result | None:
    if report.verdict == "confirmed":
        return None
    said = list(report.sentences)
    if report.wall is not None:
        said += [f"wall: {report.wall.name} ({report.wall.side})", report.wall.evidence, f"fix: {report.wall.fix}"]
    said += [f"{error.phase} {error.errno} {error.count} {error.side}: {error.limit}" for error in report.errors]
    kind = Failure if report.verdict == "missed" else Error
    return _with(kind(_xml(report.verdict), "verdict"), "\n".join(said))


def _with(result: _Result | None, text: str) -> _Result | None:
    if result is not None and text:
        result.text = _xml(text)
    return result


def _xml(text: str) -> str:
    return _NOT_XML.sub("�", text)


def _text(suite: TestSuite) -> str:
    document = JUnitXml("wstune")
    document.add_testsuite(suite)
    document.update_statistics()  # type: ignore[no-untyped-call]
    stream = io.BytesIO()
    document.write(stream, pretty=True)
    return stream.getvalue().decode()
