"""A file for /etc/sysctl.d (sysctl.d(5)), which systemd-sysctl and procps read at boot."""

from __future__ import annotations

from wstune import quoting
from wstune.export.wishes import Export, Wish, quoted_key
from wstune.export.words import STATIC, cannot, commented, elsewhere, head, left_out, said

PATH = "/etc/sysctl.d/99-wstune-export.conf"


def text(export: Export) -> str:
    """The whole file."""
    wishes = export.sysctls()
    lines = commented(
        [
            *head(export, "Kernel settings", PATH),
            f"Read at boot, and by: sysctl -p {PATH}",
            STATIC,
            *left_out(wishes),
            *cannot(
                elsewhere(
                    export,
                    files="limits.d for logins, LimitNOFILE= for services (formats limits.d and systemd)",
                    groups="the service's unit (format systemd)",
                )
            ),
        ]
    )
    return "\n".join([*lines, *(line for wish in wishes if wish.value is not None for line in entry(wish))]) + "\n"


def entry(wish: Wish) -> list[str]:
    """An empty line, the reason, and the setting."""
    setting = f"{quoted_key(wish)} = {quoting.sysctl(str(wish.value))}"
    return ["", *commented(said(wish)), f"# {setting}" if wish.lowers else setting]
