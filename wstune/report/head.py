"""What every report says of the run that made it; apart from json, which `check` for a terminal need not import."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Head:
    """What every document says of the run that made it.

    Attributes:
        started_at: UTC, ISO 8601 with `Z`, to the second.
        boot_id: of the host that was looked at, None where it could not be read.
        argv: the command line without the program's name.
    """

    command: str
    started_at: str
    boot_id: str | None
    argv: tuple[str, ...]
    exit_code: int
