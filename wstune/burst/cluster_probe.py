"""What a Dask worker has installed. Sent by value, since wstune may be missing there: it imports nothing of ours."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wstune.burst.engine.records import Json


def probe() -> Json:
    """An answers.Probe, as JSON."""
    import os
    import platform
    import sys

    found: dict[str, Json] = {
        "type": "Probe",
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
