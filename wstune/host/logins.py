"""A login on a host: who a user is, and what pam_limits reads. Works on a captured tree too, as far as it has that."""

from __future__ import annotations

from wstune.host import rlimits
from wstune.host.files import Root, is_decimal
from wstune.model import Reading
from wstune.readiness.pam_limits import ITEMS, Login, in_order

_CONF = "/etc/security/limits.conf"
_DIRECTORY = "/etc/security/limits.d"


def login(root: Root, name: str) -> Login | None:
    """The user of that name; None when there is none. A tree without /etc/passwd has anybody, of whom less is known."""
    debian = _is_debian(root)
    if root.live:
        return _live(name, debian)
    try:
        users = root.read_text("/etc/passwd")
    except OSError:
        return Login(name, 0 if name == "root" else None, debian=debian)
    for line in users.splitlines():
        fields = line.split(":")
        if len(fields) >= 4 and fields[0] == name and is_decimal(fields[2]) and is_decimal(fields[3]):
            groups = _groups(root, name, int(fields[3]))
            return Login(name, int(fields[2]), int(fields[3]), frozenset(groups.values()), frozenset(groups), debian)
    return None


def limit_files(root: Root) -> list[tuple[str, str]]:
    """limits.conf and limits.d, (path, text) in the order of pam_limits; what cannot be read is left out."""
    try:
        names = [f"{_DIRECTORY}/{name}" for name in root.listdir(_DIRECTORY) if name.endswith(".conf")]
    except OSError:
        names = []
    files = []
    for path in (_CONF, *names):
        try:
            files.append((path, root.read_text(path)))
        except OSError:
            continue
    return in_order(files)


def stacks(root: Root) -> dict[str, str]:
    """The files of /etc/pam.d by name."""
    found = {}
    try:
        names = root.listdir("/etc/pam.d")
    except OSError:
        return {}
    for name in names:
        try:
            found[name] = root.read_text(f"/etc/pam.d/{name}")
        except OSError:
            continue
    return found


def limits_of_process(root: Root, pid: int) -> dict[str, tuple[int | None, int | None]]:
    """(soft, hard) by item of a process; None where they cannot be read."""
    found: dict[str, tuple[int | None, int | None]] = {}
    for item in ITEMS:
        limits = rlimits.limit(root, item, pid)
        found[item] = (None, None) if isinstance(limits, Reading) else limits
    return found


def _live(name: str, debian: bool) -> Login | None:
    import grp

    from wstune.host.users import account

    user = account(name)
    if user is None:
        return None
    groups = {each.gr_gid: each.gr_name for each in grp.getgrall() if name in each.gr_mem or each.gr_gid == user.gid}
    return Login(user.name, user.uid, user.gid, frozenset(groups.values()), frozenset({*groups, user.gid}), debian)


def _groups(root: Root, name: str, own: int) -> dict[int, str]:
    """The groups of a user by number, from /etc/group."""
    try:
        lines = root.read_text("/etc/group").splitlines()
    except OSError:
        return {}
    found = {}
    for fields in (line.split(":") for line in lines):
        if len(fields) >= 4 and is_decimal(fields[2]) and (name in fields[3].split(",") or int(fields[2]) == own):
            found[int(fields[2])] = fields[0]
    return found


def _is_debian(root: Root) -> bool:
    """Whether pam_limits is as Debian patches it: there, and in what is made from it."""
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            lines = root.read_text(path).splitlines()
        except OSError:
            continue
        values = dict(line.partition("=")[::2] for line in lines)
        words = f"{values.get('ID', '')} {values.get('ID_LIKE', '')}".replace('"', " ").split()
        return "debian" in words or "ubuntu" in words
    return False
