"""A drop-in for a service's unit (systemd.unit(5), systemd.exec(5), systemd.resource-control(5))."""

from __future__ import annotations

from wstune import quoting
from wstune.export.limits_d import NOTHING
from wstune.export.wishes import Export, Wish
from wstune.export.words import cannot, commented, elsewhere, head

WHERE = "/etc/systemd/system/{unit}.d/50-wstune-export.conf"


def text(export: Export) -> str:
    """The whole file."""
    path = WHERE.format(unit=export.unit)
    lines = commented(
        [
            *head(export, "Limits of a service", path),
            f"In force after: systemctl daemon-reload && systemctl restart {export.unit}",
            "fs.nr_open has to be as high first, or the service does not start: `sysctl fs.nr_open` shows it.",
            *cannot(elsewhere(export, sysctls="sysctl.d (format sysctl.d)")),
        ]
    )
    return "\n".join([*lines, "", "[Service]", *(entries(export) or NOTHING)]) + "\n"


def entries(export: Export) -> list[str]:
    """The settings of the section [Service]."""
    lines = []
    if export.files:
        lines.append(f"LimitNOFILE={export.files[0]}:{export.files[1]}")
    lines += _limit(export.wish("nproc"), "LimitNPROC")
    lines += _limit(export.wish("cgroup.pids.max"), "TasksMax")
    memory = export.wish("cgroup.memory.max")
    if memory is not None:
        least = memory.requirements[0].operands[0]
        lines += commented(
            [
                f"MemoryMax= is no limit unless set. If it is, then {least} or more: that is for the kernel's side of "
                "the connections; the application's own memory comes on top."
            ]
        )
    return lines


def _limit(wish: Wish | None, name: str) -> list[str]:
    if wish is None:
        return []
    if wish.value is None:
        return commented([f"{name}= is enough as it is (needs {wish.words})."])
    return [f"{name}={quoting.word(str(wish.value), 'a unit')}"]
