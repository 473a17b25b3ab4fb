"""The verdict of a check in words: what is said of it on its last lines."""

from __future__ import annotations

from collections.abc import Sequence

from wstune.model import CapacityLimit, Confidence, Effect, Finding, Outcome, Role, Scope, Severity, Store
from wstune.tunables import CATALOGUE

_NAMED = 3


def check_sentences(
    verdict: str,
    findings: Sequence[Finding],
    *,
    profile: str,
    connections: int,
    processes: int,
    role: Role,
    enough_processes: int | None = None,
    short: CapacityLimit | None = None,
    read_only: bool = False,
) -> tuple[str, ...]:
    """Remarks and, last, the verdict.

    `enough_processes`: the least number of processes over which the host would be ready as it is; None when more
    processes do not help, or when it is ready. `short`: the limit that allows the fewest connections, where those are
    fewer than the target and nothing but a larger host would help. `read_only`: whether sysctls cannot be written here.
    """
    failed = [finding for finding in findings if finding.outcome is Outcome.FAIL]
    warned = [finding for finding in findings if finding.outcome is Outcome.WARN]
    unread = [
        finding for finding in findings if finding.outcome is Outcome.UNKNOWN and finding.severity is Severity.ERROR
    ]
    target = f"{connections:,} connections" + _as_role(role)
    remarks = list(_remarks(failed + warned, profile, connections, read_only))
    if lost := [finding for finding in findings if not_after_reboot(finding)]:
        verb = "is" if len(lost) == 1 else "are"
        remarks.append(f"not after a reboot: {_names(lost)} {verb} as required now, and will not be then")
    room = f"{short.name} here is enough for {_about(short)}" if short else ""
    if room and failed:
        remarks.append(room)
    match verdict:
        case "ready":
            spread = f" over {processes:,} processes" if processes > 1 else ""
            better = f"; {len(warned)} of the values should be better" if warned else ""
            last = f"ready for {target}{spread}{better}"
        case "inconclusive":
            what = f"{_names(unread)} could not be read" if unread else "there was nothing to judge"
            last = f"inconclusive for {target}: {what}"
        case _ if room and not failed:
            last = f"not ready for {target}: {room}"
        case _ if enough_processes is not None:
            last = (
                f"not ready for {target} in {_processes(processes)}: ready only with ≥ {_processes(enough_processes)} "
                f"(--processes {enough_processes})"
            )
        case _:
            last = f"not ready for {target}: {_names(failed)} {'is' if len(failed) == 1 else 'are'} not as required"
    return (*remarks, last)


def not_after_reboot(finding: Finding) -> bool:
    """Whether what is required is so now, and is known not to be after the next boot."""
    return finding.outcome is Outcome.PASS and finding.survives_reboot is False


def more_processes_may_help(findings: Sequence[Finding]) -> bool:
    """Whether all that fails is a limit of one process, which is got round by more of them."""
    failed = [finding for finding in findings if finding.outcome is Outcome.FAIL]
    return bool(failed) and all(CATALOGUE[finding.tunable].scope is Scope.PROCESS for finding in failed)


def _remarks(missed: Sequence[Finding], profile: str, connections: int, read_only: bool) -> Sequence[str]:
    remarks = []
    if lowered := [finding for finding in missed if finding.effect is Effect.LOWERS]:
        remarks.append(f"{profile} would lower {_names(lowered)}; wstune apply does not, unless told --allow-lower")
    if refused := [finding for finding in missed if finding.effect is Effect.REFUSED]:
        remarks.append(f"this kernel refuses what {profile} sets for {_names(refused)}")
    raised = [finding for finding in missed if finding.effect is Effect.RAISES and finding.store is Store.SYSCTL]
    if raised and not (lowered or refused or read_only):
        remarks.append(f"sudo wstune apply {profile} -n {connections} would raise {_names(raised)}")
    return remarks


def _about(limit: CapacityLimit) -> str:
    return ("about " if limit.confidence is Confidence.ESTIMATE else "") + f"{limit.connections:,}"


def _as_role(role: Role) -> str:
    return {Role.BOTH: ", both ends on this host"}.get(role, f" as {role.value}")


def _processes(number: int) -> str:
    return f"{number:,} process{'' if number == 1 else 'es'}"


def _names(findings: Sequence[Finding]) -> str:
    """The tunables, the first few by name."""
    names = list(dict.fromkeys(finding.tunable for finding in findings))
    if (more := len(names) - _NAMED) > 0:
        return ", ".join(names[:_NAMED]) + f" and {more} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
