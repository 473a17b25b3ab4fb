"""What this kernel refuses, found by trying: each value is written in a network namespace that nobody else is in.

A version table would be wrong: of two stable kernels of one series, one takes tcp_rmem minima below 4096 and the other
answers EINVAL. A forked child makes a private user and network namespace (no privilege needed, 6 ms), writes there, and
dies with it. It can only write keys that belong to a network namespace: see `tryable`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from functools import partial

from wstune.host.child import CLONE_NEWNET, CLONE_NEWUSER, make_ready, run, unshare
from wstune.host.files import Root
from wstune.host.sysctl import path_of

_SECONDS = 2.0
_NOBODY = 65534

_GLOBAL = ("net.ipv4.tcp_mem", "net.ipv4.udp_mem", "net.ipv4.tcp_max_orphans")
_GLOBAL_BELOW = ("net.ipv4.neigh.default.", "net.ipv6.neigh.default.")
"""Below net.ipv4, but of the whole host (net/ipv4/sysctl_net_ipv4.c ipv4_table, net/core/neighbour.c): not shown in a
child namespace."""
_NAMESPACED_CORE = ("net.core.somaxconn", "net.core.optmem_max")

_UNPRIVILEGED = "net.ipv4.ip_unprivileged_port_start"
_RANGE = "net.ipv4.ip_local_port_range"

_NOT_THE_VALUE = (errno.EACCES, errno.EPERM, errno.EROFS)
"""Errors that speak of the one who writes, not of what is written."""


def tryable(key: str) -> bool:
    """Whether a key belongs to a network namespace, so that writing it in a private one touches nothing else."""
    if key in _GLOBAL or key.startswith(_GLOBAL_BELOW):
        return False
    return key in _NAMESPACED_CORE or key.startswith(("net.ipv4.", "net.ipv6."))


def refused(values: Mapping[str, str], seconds: float = _SECONDS) -> dict[str, str | None]:
    """Which of these values the kernel refuses: for each key that could be tried, its errno's name (`EINVAL`), or None.

    Written in the order given, in one namespace whose port range and first unprivileged port are this host's, since
    those two bound each other. A key that is not in the answer is unknown: it is not of a network namespace, is not
    shown in the private one, or no such namespace may be made here. `seconds` bounds each of at most two children.
    """
    wanted = {key: text for key, text in values.items() if tryable(key)}
    here = Root()
    ports = _live(here, _RANGE), _live(here, _UNPRIVILEGED)
    answer: dict[str, str | None] = {}
    # Root first becomes nobody, so that the kernel itself keeps it from everything but its own namespace; for what is
    # then hidden or forbidden (net.core before 6.12; a host without user namespaces) it tries again as it is.
    for private_user in (True, False):
        left = {key: text for key, text in wanted.items() if key not in answer and here.exists(path_of(key))}
        if not left or (not private_user and os.geteuid() != 0):
            break
        try:
            answer.update(run(partial(_try, left, ports, private_user), seconds))
        except OSError:
            continue
    return answer


def _try(values: Mapping[str, str], ports: tuple[str | None, str | None], private_user: bool) -> dict[str, str | None]:
    """In the child. Raises OSError when the namespace may not be made."""
    make_ready()
    if private_user:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)
        unshare(CLONE_NEWUSER | CLONE_NEWNET)
    else:
        unshare(CLONE_NEWNET)
    for key, text in ((_UNPRIVILEGED, "0"), (_RANGE, ports[0]), (_UNPRIVILEGED, ports[1])):
        if text is not None:
            _write(path_of(key), text)
    answers: dict[str, str | None] = {}
    for key, text in values.items():
        known, name = _write(path_of(key), text)
        if known:
            answers[key] = name
    return answers


def _write(path: str, text: str) -> tuple[bool, str | None]:
    """(whether the kernel judged the value, name of the errno by which it refused it)."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return False, None
    try:
        os.write(fd, text.encode() + b"\n")
    except OSError as error:
        known = error.errno not in _NOT_THE_VALUE
        return known, errno.errorcode.get(error.errno or 0, str(error.errno)) if known else None
    finally:
        os.close(fd)
    return True, None


def _live(here: Root, key: str) -> str | None:
    try:
        return here.read_text(path_of(key)).strip()
    except OSError:
        return None
