"""systemd, through systemctl: services' file limits, reloading, restarting."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable

_SECONDS = 90.0
"""systemd's own default for a job (DefaultTimeoutStartSec)."""


def running() -> bool:
    """Whether systemd is the init of this host (sd_booted(3))."""
    return os.path.isdir("/run/systemd/system")


def unit_limits(unit: str) -> tuple[int, int] | None:
    """(soft, hard) LimitNOFILE of a loaded unit; None when there is no such unit. Raises OSError."""
    text = _systemctl("show", "--property=LoadState,LimitNOFILE,LimitNOFILESoft", "--", unit)
    fields = dict(line.partition("=")[::2] for line in text.splitlines())
    if fields.get("LoadState") not in ("loaded", "masked"):
        return None
    try:
        return int(fields["LimitNOFILESoft"]), int(fields["LimitNOFILE"])
    except (KeyError, ValueError):
        raise OSError(0, f"systemctl show says nothing of the file limit of {unit}") from None


def unit_state(unit: str) -> dict[str, str]:
    """What systemd has loaded of a unit, by property: LoadState, MainPID, NeedDaemonReload, ControlGroup, the limits.

    Raises OSError.
    """
    properties = (
        "LoadState,MainPID,NeedDaemonReload,ControlGroup,LimitNOFILE,LimitNOFILESoft,LimitNPROCSoft,TasksMax,MemoryMax"
    )
    text = _systemctl("show", f"--property={properties}", "--", unit)
    return dict(line.partition("=")[::2] for line in text.splitlines())


def daemon_reload() -> None:
    """Have systemd read its units again; no service is touched. Raises OSError."""
    _systemctl("daemon-reload")


def reload_for(paths: Iterable[str]) -> None:
    """Have systemd read its units again if any of the paths is a unit file of this host. Raises OSError."""
    if any(path.startswith("/etc/systemd/") for path in paths) and running():
        daemon_reload()


def restart(unit: str) -> None:
    """Restart a service. Raises OSError with what systemctl says."""
    _systemctl("restart", "--", unit)


def _systemctl(*arguments: str) -> str:
    try:
        run = subprocess.run(
            ["systemctl", "--no-ask-password", *arguments],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C is for wstune, which then takes back what it has done
        )
    except FileNotFoundError:
        raise OSError(0, "systemctl is not on the PATH") from None
    except subprocess.TimeoutExpired:
        raise OSError(0, f"systemctl {arguments[0]} did not end within {_SECONDS:.0f} s") from None
    if run.returncode != 0:
        raise OSError(0, f"systemctl {arguments[0]}: {run.stderr.strip() or f'exit code {run.returncode}'}")
    return run.stdout
