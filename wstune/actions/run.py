"""`wstune run`: one command with the file limit that a profile needs, as the user who asked for it."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence

from wstune.actions.check import run_check
from wstune.errors import CommandError, NoCommandError, PrivilegeError, UsageError
from wstune.host import rlimits, users
from wstune.host.files import words
from wstune.host.host import Host
from wstune.model import Reading
from wstune.readiness.constants import processes_needed
from wstune.tunables import find
from wstune.tuning.plan_files import nofile_demand


def run_command(
    profile: str,
    command: Sequence[str],
    *,
    connections: int | None = None,
    processes: int | None = None,
    settings: Mapping[str, int] = {},
    profile_dirs: tuple[str, ...] = (),
    as_user: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Raise the limit, become the user, and be the command. Returns only by an error; nothing but this process changes.

    Args:
        as_user: None: SUDO_USER when run by sudo, else whoever runs it.

    Raises:
        UsageError: no such user; a limit above fs.nr_open.
        PrivilegeError: the hard limit may not be raised here, or another user may not be become.
        NoCommandError, CommandError: it is not there, or cannot be run.
    """
    env = dict(os.environ if environment is None else environment)
    user = as_user or (env.get("SUDO_USER") if os.geteuid() == 0 else None)
    account = users.account(user) if user else None
    if user and account is None:
        raise UsageError(f"there is no user {user} here", "getent passwd lists them")
    if account and account.uid != os.geteuid() and os.geteuid() != 0:
        raise PrivilegeError(f"becoming {user} needs root", "run it with sudo")
    host = Host()
    report = run_check(
        profile,
        host,
        connections=connections,
        processes=processes,
        settings=settings,
        profile_dirs=profile_dirs,
        obeyed=True,
    )
    demand = nofile_demand(report.findings)
    if demand is not None:
        raise_limit(host, *demand, connections=report.connections)
    if account is not None:
        try:
            users.become(account)
        except OSError as error:
            tip = "root needs CAP_SETUID and CAP_SETGID for that"
            raise PrivilegeError(f"cannot become {account.name}: {words(error).lower()}", tip) from error
        env |= {"HOME": account.home, "USER": account.name, "LOGNAME": account.name}
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python ignores them, and what is ignored stays so over exec
    try:
        os.execvpe(command[0], list(command), env)  # noqa: S606 - no shell is what is wanted
    except FileNotFoundError as error:
        # Also a script whose interpreter is not there, as the shells have it.
        raise NoCommandError(f"cannot run {command[0]}: {words(error).lower()}", "give a command after --") from error
    except (OSError, ValueError) as error:
        reason = words(error).lower() if isinstance(error, OSError) else str(error)
        raise CommandError(f"cannot run {command[0]}: {reason}", "give a command after --") from error


def raise_limit(host: Host, soft: int, hard: int, *, connections: int) -> None:
    """Raise this process's limits to at least these. Raises UsageError above fs.nr_open, PrivilegeError.

    Args:
        connections: for which they are needed: so many may be spread over processes that need no privilege.
    """
    limits = rlimits.nofile(host.root)
    if isinstance(limits, Reading):
        raise UsageError(limits.why)
    wanted = max(soft, limits[0]), max(hard, soft, limits[1])
    if wanted == limits:
        return
    ceiling = host.read(find("fs.nr_open")).value
    if ceiling is not None and limits[1] < wanted[1] > ceiling.number:
        raise UsageError(
            f"the profile needs {wanted[1]} open files, and fs.nr_open is {ceiling.number}",
            "wstune apply raises it first",
        )
    try:
        rlimits.set_nofile(0, *wanted)
    except PrivilegeError as error:
        raise PrivilegeError(
            f"the profile needs {wanted[1]} open files, the hard limit here is {limits[1]}, and raising it needs "
            "CAP_SYS_RESOURCE",
            f"run it with sudo where root has that{_sharded(connections, limits[1])}",
        ) from error
    except OSError as error:
        raise UsageError(f"cannot set the file limit: {words(error).lower()}") from error


def _sharded(connections: int, hard: int) -> str:
    enough = processes_needed(connections, hard)
    if enough is None:
        return ""
    return f", or spread the connections over more processes, each run by itself, which fits: --processes {enough}"
