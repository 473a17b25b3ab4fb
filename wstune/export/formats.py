"""The table of exports: a new one is one file with `text(export)` and one row here."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from enum import Enum
from typing import cast

from wstune.export.wishes import Export


class ExportFormat(Enum):
    """For what the settings are written."""

    SYSCTL_D = "sysctl.d"
    LIMITS_D = "limits.d"
    SYSTEMD = "systemd"
    SCRIPT = "script"
    ANSIBLE = "ansible"
    CLOUD_INIT = "cloud-init"
    DOCKER = "docker"
    KUBERNETES = "kubernetes"
    TUNED = "tuned"


MODULES: dict[ExportFormat, str] = {
    ExportFormat.SYSCTL_D: "sysctl_d",
    ExportFormat.LIMITS_D: "limits_d",
    ExportFormat.SYSTEMD: "systemd",
    ExportFormat.SCRIPT: "script",
    ExportFormat.ANSIBLE: "ansible",
    ExportFormat.CLOUD_INIT: "cloud_init",
    ExportFormat.DOCKER: "docker",
    ExportFormat.KUBERNETES: "kubernetes",
    ExportFormat.TUNED: "tuned",
}


def write(format_: ExportFormat, export: Export) -> str:
    """The text of an export, ending in a newline."""
    module = importlib.import_module(f"wstune.export.{MODULES[format_]}")
    return cast("Callable[[Export], str]", module.text)(export)
