"""Where a `wstune serve` of this host shows its figures: what else its process listens to."""

from __future__ import annotations

from wstune.host import sock_diag
from wstune.host.files import Root
from wstune.host.usage import first_sockets
from wstune.service import Listener

_PROGRAM = "wstune.chat.serve"
"""In the command line of `wstune serve` and of its workers."""
_MOST_ARGUMENTS = 1 << 16


def listeners_beside(address: str, port: int, root: Root | None = None) -> tuple[Listener, ...]:
    """The other TCP listeners of the `wstune serve` that listens at this address of this network namespace.

    The process is believed only when it has that very listener, and what is found is what it has itself: both by their
    inodes. Nothing, where no such process listens there, or it is another user's and we are not root.
    """
    root = root or Root()
    try:
        found = sock_diag.listeners()
    except OSError:
        return ()
    at_port = [each for each in found if each.port == port]
    plain = address.partition("%")[0]
    exact = {each.inode for each in at_port if each.address in (plain, f"::ffff:{plain}")}
    wanted = exact or {each.inode for each in at_port if each.address in ("0.0.0.0", "::")}  # noqa: S104
    if not wanted:
        return ()
    for pid in _servers(root):
        own = first_sockets(root, pid)
        if own & wanted:
            return tuple(each for each in found if each.inode in own - wanted and each.port != port)
    return ()


def _servers(root: Root) -> list[int]:
    """Processes that call themselves `wstune serve`."""
    try:
        pids = [int(name) for name in root.listdir("/proc") if name.isascii() and name.isdecimal()]
    except OSError:
        return []
    return [pid for pid in pids if _PROGRAM in _arguments(root, pid)]


def _arguments(root: Root, pid: int) -> str:
    try:
        return root.read_text(f"/proc/{pid}/cmdline", _MOST_ARGUMENTS)
    except OSError:
        return ""
