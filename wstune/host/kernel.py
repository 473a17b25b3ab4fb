"""What kernel this is, in which namespaces and container it is seen from, and with which capabilities."""

from __future__ import annotations

from wstune.host.files import Root, is_decimal, printable

_INITIAL_NETNS = 0xEFFFFFF9
_INITIAL_PIDNS = 0xEFFFFFFC
_INITIAL_CGROUPNS = 0xEFFFFFFB
"""Inode numbers of the initial namespaces (include/uapi/linux/nsfs.h). That of net is fixed since 6.18 only; before, it
is whatever came first."""

CAPABILITIES = (  # noqa: SIM905 - one a line would be a page
    "CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID CAP_SETPCAP "
    "CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_ADMIN CAP_NET_RAW CAP_IPC_LOCK CAP_IPC_OWNER "
    "CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_CHROOT CAP_SYS_PTRACE CAP_SYS_PACCT CAP_SYS_ADMIN CAP_SYS_BOOT CAP_SYS_NICE "
    "CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_MKNOD CAP_LEASE CAP_AUDIT_WRITE CAP_AUDIT_CONTROL "
    "CAP_SETFCAP CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG CAP_WAKE_ALARM CAP_BLOCK_SUSPEND CAP_AUDIT_READ CAP_PERFMON "
    "CAP_BPF CAP_CHECKPOINT_RESTORE"
).split()
"""By bit (include/uapi/linux/capability.h)."""


def text_of(root: Root, path: str) -> str | None:
    """A file's stripped text; None when it cannot be read or is empty."""
    try:
        return root.read_text(path).strip() or None
    except OSError:
        return None


def _label(root: Root, path: str) -> str | None:
    """A file's first line, as it may be shown."""
    text = text_of(root, path)
    return printable(text.splitlines()[0])[:256] if text else None


def release(root: Root) -> str | None:
    """The kernel's release, as uname -r."""
    return _label(root, "/proc/sys/kernel/osrelease")


def hostname(root: Root) -> str | None:
    """The host's name, of the UTS namespace."""
    return _label(root, "/proc/sys/kernel/hostname")


def boot_id(root: Root) -> str | None:
    """A UUID that is another one after each boot."""
    return _label(root, "/proc/sys/kernel/random/boot_id")


def cpus(root: Root) -> int | None:
    """How many CPUs are online."""
    text = text_of(root, "/sys/devices/system/cpu/online")
    count = 0
    for part in (text or "").split(","):
        low, dash, high = part.partition("-")
        if not (is_decimal(low) and (is_decimal(high) if dash else True)):
            return None
        count += int(high or low) - int(low) + 1
    return count if count > 0 else None


def status(root: Root, pid: int | None = None) -> dict[str, str]:
    """/proc/PID/status by name; empty when it cannot be read."""
    text = text_of(root, f"/proc/{'self' if pid is None else pid}/status") or ""
    pairs = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, colon, value in pairs if colon}


def capabilities(fields: dict[str, str]) -> tuple[str, ...]:
    """Names of the effective capabilities of a `status`; one that we have no name for is `CAP_41`."""
    try:
        mask = int(fields.get("CapEff", ""), 16)
    except ValueError:
        return ()
    bits = (bit for bit in range(64) if mask >> bit & 1)
    return tuple(CAPABILITIES[bit] if bit < len(CAPABILITIES) else f"CAP_{bit}" for bit in bits)


def effective_uid(fields: dict[str, str]) -> int | None:
    """The second number of `Uid:` in a `status`."""
    numbers = fields.get("Uid", "").split()
    return int(numbers[1]) if len(numbers) == 4 and is_decimal(numbers[1]) else None


def namespace(root: Root, kind: str, pid: int | None = None) -> int | None:
    """Inode of a namespace (`net`, `pid`, `cgroup`, `user`, …) of this process or of `pid`; None when not readable."""
    try:
        text = root.readlink(f"/proc/{'self' if pid is None else pid}/ns/{kind}")
    except OSError:
        return None
    number = text.removeprefix(f"{kind}:[").removesuffix("]")
    return int(number) if is_decimal(number) else None


def netns(root: Root, pid: int | None = None) -> int | None:
    """Inode of the network namespace of this process or of `pid`."""
    return namespace(root, "net", pid)


def initial_netns(root: Root) -> bool | None:
    """Whether this process is in the initial network namespace; None when it cannot be told.

    Told by what only that one has: net.ipv4.tcp_mem (net/ipv4/sysctl_net_ipv4.c: absent in a child), and by
    tcp_ehash_entries, which is negative in a child that shares the host's table.
    """
    if netns(root) == _INITIAL_NETNS or root.exists("/proc/sys/net/ipv4/tcp_mem"):
        return True
    if (text_of(root, "/proc/sys/net/ipv4/tcp_ehash_entries") or "").startswith("-"):
        return False
    return False if root.exists("/proc/sys/net/ipv4/tcp_rmem") else None


def in_user_namespace(root: Root, pid: int | None = None) -> bool:
    """Whether it is not the initial user namespace: that one maps every id to itself."""
    text = text_of(root, f"/proc/{'self' if pid is None else pid}/uid_map")
    return text is not None and text.split() != ["0", "0", "4294967295"]


def in_cgroup_namespace(root: Root) -> bool:
    """Whether groups above what is seen here may be hidden: the cgroup namespace is known, and not the initial one."""
    return namespace(root, "cgroup") not in (None, _INITIAL_CGROUPNS)


def sysctls_read_only(root: Root) -> bool | None:
    """Whether /proc/sys is mounted read-only, as container runtimes do; None when the mounts cannot be read."""
    try:
        mounts = root.read_text("/proc/self/mountinfo").splitlines()
    except OSError:
        return None
    # The last mount over /proc/sys, else over /proc, is the one that is seen.
    options = {point: options for point, options in map(_point_and_options, mounts) if point in ("/proc", "/proc/sys")}
    return "ro" in options.get("/proc/sys", options.get("/proc", []))


def _point_and_options(line: str) -> tuple[str, list[str]]:
    fields = line.split()
    return (fields[4], fields[5].split(",")) if len(fields) > 5 else ("", [])


def container(root: Root) -> str | None:
    """The kind of container that this is seen from (`docker`, `podman`, `kubernetes`, `lxc`, …), None when in none.

    A marker alone does not make a container: a virtual machine may have been made from an image and kept /.dockerenv.
    So what a marker says counts unless the pid and cgroup namespaces are the initial ones and the root file system is
    not a layered one.
    """
    kind = _marked(root)
    if kind is None:
        return None
    initial = (namespace(root, "pid"), namespace(root, "cgroup")) == (_INITIAL_PIDNS, _INITIAL_CGROUPNS)
    return None if initial and not _layered(root) else kind


def _marked(root: Root) -> str | None:
    environment = text_of(root, "/proc/1/environ") or ""
    named = next((entry[10:].strip() for entry in environment.split("\0") if entry.startswith("container=")), "")
    named = printable(named)[:40] or _label(root, "/run/systemd/container") or ""
    if root.exists("/var/run/secrets/kubernetes.io") or root.exists("/run/secrets/kubernetes.io"):
        return "kubernetes"
    if named:
        return named
    if root.exists("/run/.containerenv"):
        return "podman"
    if root.exists("/.dockerenv"):
        return "docker"
    groups = text_of(root, "/proc/self/cgroup") or ""
    marks = (("kubepods", "kubernetes"), ("/docker", "docker"), ("libpod", "podman"), ("/lxc", "lxc"))
    return next((kind for mark, kind in marks if mark in groups), None)


def _layered(root: Root) -> bool:
    for line in (text_of(root, "/proc/self/mountinfo") or "").splitlines():
        before, _, after = line.partition(" - ")
        if before.split()[4:5] == ["/"]:
            return after.split()[:1] == ["overlay"]
    return False
