"""A profile for TuneD: its sysctl plugin sets a number only where it is more, if written as `=>N`."""

from __future__ import annotations

from wstune import quoting
from wstune.export.wishes import Export, Wish
from wstune.export.words import cannot, commented, elsewhere, head, said
from wstune.model import Operator
from wstune.report.words import counted, role_text
from wstune.values import Kind

PATH = "/etc/tuned/profiles/wstune/tuned.conf"


def text(export: Export) -> str:
    """The whole file."""
    wishes = export.sysctls()
    lines = commented(
        [
            *head(export, "TuneD profile", f"{PATH} (before TuneD 2.23: /etc/tuned/wstune/tuned.conf)"),
            "In force after: tuned-adm profile wstune. To have it beside another: tuned-adm profile OTHER wstune",
            "A number is set only where it is more than what is there. What has several numbers cannot be compared, "
            "and stands here only where a machine that nobody has touched needs it.",
            *cannot(
                elsewhere(
                    export,
                    files="limits.d for logins, LimitNOFILE= for services (formats limits.d and systemd)",
                    groups="the service's unit (format systemd)",
                )
            ),
        ]
    )
    about = f"{counted(export.connections, 'connection')} as {role_text(export.role)} ({export.profile.name})"
    lines += ["", "[main]", f"summary={quoting.tuned(f'Ready for {about}')}", "", "[sysctl]"]
    for wish in wishes:
        line = _line(wish)
        if line:
            lines += [*commented(said(wish)), f"# {line}" if wish.lowers else line]
    return "\n".join(lines) + "\n"


def _line(wish: Wish) -> str:
    requirement = wish.requirements[0]
    if wish.tunable.kind is Kind.INTEGER and requirement.operator is Operator.AT_LEAST:
        return f"{wish.tunable.name}=>{requirement.operands[0]}"
    if wish.value is None:
        return ""
    value = quoting.tuned(str(wish.value))
    return f'{wish.tunable.name}="{value}"' if " " in value else f"{wish.tunable.name}={value}"
