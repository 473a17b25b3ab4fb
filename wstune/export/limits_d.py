"""A file for /etc/security/limits.d (limits.conf(5)), which pam_limits reads at a login."""

from __future__ import annotations

from wstune import quoting
from wstune.export.wishes import Export
from wstune.export.words import cannot, commented, elsewhere, head

PATH = "/etc/security/limits.d/99-wstune-export.conf"


NOTHING = ["# The profile asks for no limit of a process."]


def text(export: Export) -> str:
    """The whole file."""
    reasons = elsewhere(
        export,
        sysctls="sysctl.d (format sysctl.d)",
        groups="the service's unit (format systemd)",
    )
    reasons.append("limits of services that systemd starts: it does not read this file (format systemd)")
    lines = commented(
        [
            *head(export, "File limit of a user's logins", PATH),
            f"Read at {export.user}'s next login through PAM.",
            "fs.nr_open has to be as high first, or the user cannot log in: `sysctl fs.nr_open` shows it.",
            *cannot(reasons),
        ]
    )
    return "\n".join([*lines, "", *(entries(export) or NOTHING)]) + "\n"


def entries(export: Export) -> list[str]:
    """The settings; numbers, for `unlimited` is refused by setrlimit() for files."""
    lines = []
    user = quoting.name(export.user, "limits.conf")
    if export.files:
        soft, hard = export.files
        lines += [f"{user} soft nofile {soft}", f"{user} hard nofile {hard}"]
    processes = export.wish("nproc")
    if processes is not None and processes.value is not None:
        lines.append(f"{user} - nproc {processes.value}")
    return lines
