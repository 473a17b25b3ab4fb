"""What apply would change and what it refuses to: a plan makes Changes of Findings, and apply carries them out.

Only data: nothing here reads, decides or writes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from wstune.model import Severity, Store


class Refusal(Enum):
    """Why a change that would help is not made."""

    LOWERS = "it would lower a value; --allow-lower permits it"
    ABSENT = "the key is absent here"
    READ_ONLY = "read-only here"
    OUT_OF_RANGE = "the kernel accepts no such value"
    PRIVILEGE = "a privilege is missing"
    GUARD = "it would break what runs"
    OUTSIDE = "it belongs to the host, and this is not the host's network namespace"
    ELSEWHERE = "it is not set here but where the process, the login or the container is started"
    UNKNOWN = "its value could not be read"


@dataclass(frozen=True, slots=True)
class Change:
    """One act of a plan: from → to, or why not.

    Attributes:
        pid, started: the process for RLIMIT changes, and its start time in ticks since boot; else None.
        before, after: kernel texts; rlimits as `SOFT HARD`.
        refusal, reason: set when it will not be made; `reason` is the sentence.
        takes_effect: "" at once, else when (`at listen()`: a restart of the service).
    """

    tunable: str
    store: Store
    before: str
    after: str
    severity: Severity
    why: str
    order: int
    pid: int | None = None
    started: int | None = None
    refusal: Refusal | None = None
    reason: str = ""
    takes_effect: str = ""


@dataclass(frozen=True, slots=True)
class FileChange:
    """One of wstune's own files, written so that changes survive a reboot, a login or a restart.

    Attributes:
        style: `sysctl`, `limits` or `unit`: which loader reads it.
        path: where it is written, --etc-root included.
        before, after: the whole text; before is None when there is no such file.
        entries: (key, value, what it replaced) of each line that this profile wants.
        takes_effect: when the file is read: `at boot`, `at the next login`, `at a restart of UNIT`.
        overridden: (key, `file:line`, why) of each line that another file will override.
    """

    style: str
    path: str
    before: str | None
    after: str
    entries: tuple[tuple[str, str, str], ...]
    takes_effect: str
    overridden: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What apply will do, in order, and what it will not.

    Attributes:
        claims: nothing to write, but an earlier transaction of wstune made it so: noted, so that the value stays when
            that one is taken back before this one.
        notes: sentences about the whole: why nothing is persisted, which value is only read at boot ….
    """

    profile: str
    changes: tuple[Change, ...]
    refused: tuple[Change, ...] = field(default=())
    claims: tuple[Change, ...] = ()
    files: tuple[FileChange, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.changes or self.claims or self.files)
