"""Which file will override a line of ours, under which loader. Pure: file names and texts in.

What the loaders make of the files is worked out by readiness.sysctl_d, pam_limits and unit_files; here a file of ours
is put among the others, as it will be, and it is looked whose line counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from wstune.readiness import pam_limits, sysctl_d, unit_files


class Override(NamedTuple):
    """A line that counts instead of ours. `why` says under which loader."""

    source: str
    value: str
    why: str


def sysctl_override(files: Sequence[sysctl_d.ConfigFile], own: str, key: str) -> Override | None:
    """The last line of another file that sets `key` after the file named `own` does; None when ours wins."""
    ours = own.rpartition("/")[2]
    others = (file for file in files if file.path != own)
    read = [sysctl_d.ConfigFile(own, f"{key} ="), *others]  # as it will be, whatever is there now
    last = sysctl_d.systemd_writes(read, [key]).get(key, [])
    if last and not last[-1].source.startswith(f"{own}:"):
        name = last[-1].source.rpartition(":")[0].rpartition("/")[2]
        return Override(last[-1].source, last[-1].text, f"{name} is read after {ours}")
    last = sysctl_d.procps_writes(read, [key]).get(key, [])
    if last and not last[-1].source.startswith(f"{own}:"):
        why = "`sysctl --system` reads it last; systemd-sysctl does not read it"
        return Override(last[-1].source, last[-1].text, why)
    return None


def limits_override(files: Sequence[tuple[str, str]], own: str, value: str, login: pam_limits.Login) -> Override | None:
    """The line that a login's nofile comes from instead of ours.

    Args:
        files: (path, text) of limits.conf and limits.d; `value`: soft and hard limit of our lines.
    """
    soft, hard = value.split()
    ours = (own, f"{login.name} soft nofile {soft}\n{login.name} hard nofile {hard}\n")
    read = pam_limits.in_order([*(file for file in files if file[0] != own), ours])
    given = pam_limits.login_limits(read, login, {}, None)
    limits = given.soft["nofile"], given.hard["nofile"]
    foreign = next((limit for limit in limits if not limit.source.startswith(f"{own}:")), None)
    if foreign is None:
        return None
    if not foreign.source:
        return Override(f"a line `{login.name} -`", "no limits at all", "pam_limits then reads no other line")
    found = " ".join(str(limit.value) for limit in limits)
    return Override(foreign.source, found, f"it is read after {own.rpartition('/')[2]}")


def unit_override(drop_ins: Sequence[tuple[str, str]], own: str, value: str, unit: str) -> Override | None:
    """The line of another drop-in that a unit's LimitNOFILE comes from instead of ours.

    Args:
        drop_ins: (path, text) of all that systemd reads for the unit; `value`: soft and hard limit of our line.
    """
    ours = (own, f"[Service]\nLimitNOFILE={value.replace(' ', ':')}\n")
    read = sorted([*(file for file in drop_ins if file[0] != own), ours], key=lambda file: file[0].rpartition("/")[2])
    limits, _ = unit_files.written_limits(unit, read, (), unit_files.Machine())
    source = dict(limits.sources)["nofile_hard"]
    if source.startswith(f"{own}:"):
        return None
    why = f"{source.rpartition(':')[0].rpartition('/')[2]} is read after {own.rpartition('/')[2]}"
    return Override(source, f"{limits.nofile_soft} {limits.nofile_hard}", why)
