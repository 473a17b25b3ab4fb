"""User data for cloud-init: the script, written at the first boot and run."""

from __future__ import annotations

from wstune.export import script
from wstune.export.wishes import Export
from wstune.export.words import cannot, commented, elsewhere, head
from wstune.export.yaml_text import block

SCRIPT = "/usr/local/sbin/wstune-export"


def text(export: Export) -> str:
    """The whole document."""
    files = "" if script.named(export) else "export again with --user NAME or --unit NAME"
    lines = [
        "#cloud-config",
        *commented(
            [
                *head(export, "User data for cloud-init"),
                "Runs once, at the first boot; what it sets is kept for later boots.",
                "A service that is started before cloud-init's last stage listens with what was there before: order it "
                "After=cloud-final.service, or restart it.",
                *cannot(elsewhere(export, files=files, groups="the service's unit (format systemd)")),
            ]
        ),
        "write_files:",
        f"  - path: {SCRIPT}",
        '    permissions: "0755"',
        "    content: |",
        *block(script.text(export), 6),
        "runcmd:",
        f"  - [{SCRIPT}]",
    ]
    if export.unit != "UNIT.service":
        lines.append("  - [systemctl, daemon-reload]")
    return "\n".join(lines) + "\n"
