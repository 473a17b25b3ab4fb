"""What a Dask worker has installed. Sent by value, since wstune may be missing there: it imports nothing of ours."""

from __future__ import annotations

from typing import Any


def probe() -> dict[str, Any]:
    """Versions (None where it is not installed), the user and the machine. `wstune` comes from its own module."""
    import os
    import platform
    import sys

    found: dict[str, Any] = {
        "python": ".".join(platform.python_version_tuple()[:2]),
        "executable": sys.executable,
        "euid": os.geteuid(),
        "hostname": platform.node(),
    }
    for name in ("wstune", "distributed"):
        try:
            found[name] = str(__import__(name).__version__)
        except Exception:
            found[name] = None
    return found
