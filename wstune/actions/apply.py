"""`wstune apply` without a terminal: plan, then, once somebody has agreed, carry it out and check again."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from wstune import signals
from wstune.actions.apply_possible import require_possible
from wstune.actions.check import run_check
from wstune.actions.overrides import login_bounds, unit_bounds, with_overrides
from wstune.actions.place import etc_path, etc_tree, here
from wstune.changes import Plan
from wstune.errors import ApplyError, UsageError
from wstune.host import kernel, live_limits, own_files, rlimits, systemd, users
from wstune.host.files import reason, words
from wstune.host.host import Host
from wstune.host.sysctl import path_of
from wstune.model import CheckReport, HostFacts, Outcome, Reading, Role, Severity, Store
from wstune.readiness.unit_files import service_name
from wstune.tunable import InUse
from wstune.tunables import find
from wstune.tuning.apply import FULL, Applied, Origin, apply_plan
from wstune.tuning.chain import standing_entries, standing_sysctls
from wstune.tuning.journal import DEFAULT_STATE, Journal
from wstune.tuning.lock import locked
from wstune.tuning.persist import LIMITS_FILE, SYSCTL_FILE, UNIT_FILE, Machine, valid_name
from wstune.tuning.plan import Circumstances, Process, after_plan, is_outside, plan
from wstune.tuning.plan_files import Present, with_claims, with_limit_file, with_sysctl_file


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """What to apply, to whom, and where wstune keeps and writes. None is the profile's own default."""

    profile: str
    connections: int | None = None
    processes: int | None = None
    role: Role | None = None
    settings: Mapping[str, int] = field(default_factory=dict)
    profile_dirs: tuple[str, ...] = ()
    allow_lower: bool = False
    runtime_only: bool = False
    persist: bool = False
    pid: int | None = None
    unit: str | None = None
    user: str | None = None
    restart: bool = False
    force: bool = False
    state_dir: str = DEFAULT_STATE
    etc_root: str = "/"

    def __post_init__(self) -> None:
        """Make the tree's path absolute at once: the journal keeps it. Raises UsageError (see etc_tree)."""
        object.__setattr__(self, "etc_root", etc_tree(self.etc_root))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan, and the check that it rests on."""

    plan: Plan
    report: CheckReport
    foreign: tuple[str, ...] = ()
    """Files of ours that somebody else wrote or edited."""


def prepare(options: ApplyOptions, host: Host) -> Prepared:
    """What applying would do. Reads only.

    Raises:
        UsageError, ProfileError, InconclusiveError: as `check`; or options that contradict each other, a unit or a user
            that there is not, a profile that others could have written.
    """
    _require_sense(options)
    report = _checked(options, host)
    circumstances = _circumstances(options, host, report)
    drawn = plan(report.profile, report.findings, circumstances, allow_lower=options.allow_lower)
    transactions = Journal(options.state_dir).transactions()
    standing = standing_sysctls(transactions, here(report.host))
    machine = Machine(report.host.kernel or "", report.host.ram_bytes or 0)
    files: list[Present] = []
    own: dict[str, str] = {}

    def present(name: str) -> Present:
        path = etc_path(options.etc_root, name)
        own[path] = f"/etc/{name}"
        files.append(Present(path, _text(path), *standing_entries(transactions, path)))
        return files[-1]

    reason = _runtime_only(options, report.host)
    if reason is None:
        drawn = with_sysctl_file(drawn, report.findings, standing, machine, present(SYSCTL_FILE))
    else:
        drawn = with_claims(drawn, report.findings, standing)
        drawn = replace(drawn, notes=(*drawn.notes, reason))
    if not drawn.empty:
        drawn = replace(drawn, notes=(*drawn.notes, *_abilities(report.host)))
    nr_open = after_plan(find("nofile").bounded_by, drawn.changes, circumstances.nr_open)
    if options.user is not None:
        bounds = login_bounds(host, options.user, options.etc_root, nr_open)
        drawn = with_limit_file(drawn, report.findings, "limits", options.user, present(LIMITS_FILE), machine, bounds)
    if options.unit is not None:
        unit = service_name(options.unit)
        bounds = unit_bounds(options.etc_root, unit, nr_open)
        file = present(UNIT_FILE.format(unit=unit))
        drawn = with_limit_file(drawn, report.findings, "unit", unit, file, machine, bounds)
    if options.restart:
        drawn = replace(drawn, notes=(*drawn.notes, _about_restart(options.unit or "", drawn)))
    drawn = replace(drawn, files=tuple(with_overrides(file, options.etc_root, own[file.path]) for file in drawn.files))
    written = {file.path for file in drawn.files}
    return Prepared(drawn, report, tuple(file.path for file in files if file.foreign and file.path in written))


def carry_out(prepared: Prepared, options: ApplyOptions, host: Host, argv: tuple[str, ...]) -> Applied:
    """Apply what was shown, under the lock.

    Raises:
        LockedError: another wstune is at work.
        ApplyError: the host is not what it was when the plan was shown, or a change failed and all was put back.
        RollbackError: not all could be put back.
    """
    journal = Journal(options.state_dir)
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with _at_work(journal, at, f"apply {options.profile}"):
        with signals.heard():  # nothing has begun
            again = prepare(options, host)
            require_possible(again, options, holding=True)
        if again.plan != prepared.plan:
            raise ApplyError(
                "the host has changed since the plan was shown; nothing was changed",
                "look at the new plan: run it again",
            )
        facts = again.report.host
        origin = Origin(here(facts), at, facts.kernel or "", facts.ram_bytes or 0, argv)
        try:
            applied = apply_plan(again.plan, host, journal, origin)
        finally:
            journal.close()
    return applied


@contextmanager
def _at_work(journal: Journal, at: str, command: str) -> Iterator[None]:
    """Hold the lock, with what the journal needs made. Raises UsageError, LockedError; on a full disk ApplyError."""
    with ExitStack() as held:
        try:
            journal.prepare()
            held.enter_context(locked(str(journal.state_dir), now=at, command=command))
        except UsageError as error:  # a disk that is full now is as one that is full a moment later
            if isinstance(error.__cause__, OSError) and error.__cause__.errno in (errno.ENOSPC, errno.EDQUOT):
                raise ApplyError(f"{error}; nothing was changed", FULL) from error
            raise
        yield


def restart(options: ApplyOptions, applied: Applied) -> str:
    """Restart the service of --unit if --restart asks for it and something was applied; "" or why that failed.

    What was applied stands either way: it is what the service's next start needs.
    """
    if not (options.restart and options.unit is not None and applied.txn):
        return ""
    try:
        systemd.restart(options.unit)
    except KeyboardInterrupt:
        return f"the restart of {options.unit} was asked for, and not waited for"
    except OSError as error:
        return words(error)
    return ""


def check_again(options: ApplyOptions, host: Host) -> CheckReport:
    """The check after it: of the service or the logins for which it was applied, where they are of this host."""
    if options.etc_root != "/":
        return _checked(options, host)
    return _checked(options, host, unit=options.unit, user=options.user)


def _checked(options: ApplyOptions, host: Host, unit: str | None = None, user: str | None = None) -> CheckReport:
    return run_check(
        options.profile,
        host,
        connections=options.connections,
        processes=options.processes,
        role=options.role,
        unit=unit,
        user=user,
        settings=options.settings,
        profile_dirs=options.profile_dirs,
        obeyed=True,
    )


def remaining(report: CheckReport) -> tuple[str, ...]:
    """The tunables of severity error that are still not met."""
    failing = (
        finding.tunable
        for finding in report.findings
        if finding.outcome is Outcome.FAIL and finding.severity is Severity.ERROR
    )
    return tuple(dict.fromkeys(failing))


def _require_sense(options: ApplyOptions) -> None:
    if options.runtime_only and (options.unit or options.user or options.persist):
        raise UsageError("--runtime-only writes no file, and --unit, --user and --persist do", "leave one of them out")
    if options.restart and not options.unit:
        raise UsageError("--restart restarts a service, and none is named", "name it with --unit")
    if options.restart and options.etc_root != "/":
        raise UsageError("--restart restarts a service of this host, and --etc-root names another", "leave one out")
    for option, name in (("--unit", options.unit), ("--user", options.user)):
        if name is not None and not valid_name(name):
            raise UsageError(f"{option} {name}: that is no name, and wildcards are not written", "name a single one")
    if options.unit is not None:
        service_name(options.unit)
    if options.user is not None and options.etc_root == "/" and not users.exists(options.user):
        raise UsageError(f"there is no user {options.user} here", "getent passwd lists them")


def _circumstances(options: ApplyOptions, host: Host, report: CheckReport) -> Circumstances:
    keys = [
        finding.tunable
        for finding in report.findings
        if finding.store is Store.SYSCTL and finding.live.value is not None and finding.outcome is not Outcome.PASS
    ]
    blocked = {key: live_limits.unwritable(host.root, path_of(key)) for key in keys if report.host.euid == 0}
    nr_open = host.read(find(find("nofile").bounded_by)).value
    return Circumstances(
        facts=report.host,
        unwritable={key: why for key, why in blocked.items() if why},
        nr_open=nr_open.number if nr_open else None,
        in_use={what: live_limits.in_use(host.root, what) for what in InUse} if options.allow_lower else {},
        process=_process(options.pid, host),
    )


def _process(pid: int | None, host: Host) -> Process | None:
    if pid is None:
        return None
    own, its = kernel.netns(host.root), kernel.netns(host.root, pid)
    if None not in (own, its) and own != its:
        raise UsageError(
            f"process {pid} is in another network namespace, whose values are not those that would be written here",
            f"enter it: nsenter --net=/proc/{pid}/ns/net wstune apply …",
        )
    limits = rlimits.nofile(host.root, pid)
    if isinstance(limits, Reading):
        raise UsageError(f"process {pid}: {limits.why}", "ps -e lists those that are")
    try:
        return Process(pid, rlimits.start_time(pid, host.root), *limits)
    except OSError as error:
        raise UsageError(f"process {pid}: {words(error)}", "ps -e lists those that are") from error


def _abilities(facts: HostFacts) -> tuple[str, ...]:
    """What this wstune may not do on this host, in sentences: three abilities that do not depend on each other."""
    if facts.euid != 0:
        return ("without root nothing of this can be applied: run it with sudo",)
    said = []
    if facts.sysctls_read_only:
        said.append("here no sysctl can be written: /proc/sys is mounted read-only")
    elif facts.user_namespace:
        said.append("here only net.* can be written: this root is one of a user namespace")
    if facts.user_namespace or "CAP_SYS_RESOURCE" not in facts.capabilities:
        said.append("here no hard file limit can be raised: CAP_SYS_RESOURCE is missing")
    if facts.user_namespace or "CAP_SYS_ADMIN" not in facts.capabilities:
        said.append("here fs.file-max binds root as well: CAP_SYS_ADMIN is missing")
    return tuple(said)


def _runtime_only(options: ApplyOptions, facts: HostFacts) -> str | None:
    """Why sysctls are not written for the next boot; None when they are."""
    if options.runtime_only:
        return "nothing is written for the next boot (--runtime-only)"
    if options.persist or not is_outside(facts):
        return None
    what = f"a container ({facts.container})" if facts.container else "a network namespace of its own"
    return f"this is {what}: nothing is written for the next boot (--persist does it all the same)"


def _about_restart(unit: str, drawn: Plan) -> str:
    if drawn.empty:
        return f"nothing is to be changed, so {unit} is not restarted: systemctl restart {unit}"
    return f"when all is done, {unit} is restarted: its connections are lost"


def _text(path: str) -> str | None:
    try:
        image = own_files.capture(path)
    except PermissionError:
        return None  # without root nothing is written anyway
    except OSError as error:
        raise UsageError(f"{path} is not a file that wstune writes: {reason(error)}", "move it away") from error
    return None if image is None else image.content.decode("utf-8", "replace")
