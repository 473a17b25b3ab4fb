"""What a worker process does to itself first. Lean: forked by the hundred."""

from __future__ import annotations

import ctypes
import os
import resource
import signal

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def begin(parent: int) -> None:
    """Offer this process to the OOM killer first, and die when `parent` does.

    Kernel memory of sockets is nobody's in the OOM killer's eyes: without oom_score_adj somebody else's process would
    die for ours (mm/oom_kill.c:oom_badness counts user pages only). Raising one's own score needs no privilege.
    """
    try:
        score = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
    except OSError:
        pass  # no /proc: nothing to offer oneself with
    else:
        try:
            os.write(score, b"1000")
        finally:
            os.close(score)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before prctl
        os._exit(1)


def go_in_batches() -> None:
    """Let this process and its children take turns by SCHED_BATCH: whoever is woken waits for its turn (sched(7)).

    Without it each client's write wakes a server in the middle of the client's turn, for one connection: opening is
    an eighth slower, and so is each connection. It is also a courtesy to all others on the host. Needs no privilege;
    a process whose policy somebody has chosen keeps it.
    """
    if os.sched_getscheduler(0) != os.SCHED_OTHER:
        return
    try:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    except OSError:
        pass  # a sandbox that does not permit it: slower, nothing else


def raise_nofile() -> int:
    """Raise the soft RLIMIT_NOFILE to the hard one (needs no privilege). Returns it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
