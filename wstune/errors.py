"""Every error that wstune raises on purpose. The command line prints each as one sentence and a tip.

    WstuneError                       2
    ├── UsageError                    2   an argument that makes no sense
    ├── ProfileError                  2   a profile that does not parse, with file and line
    │   └── ScenarioError             2   the same of a scenario, or of what is to become one
    ├── InconclusiveError             3   what was needed could not be read or measured
    ├── ApplyError                    4   a change failed, everything was undone
    ├── RollbackError                 5   the way back is incomplete, the journal is kept
    ├── LockedError                  75   another wstune is at work (sysexits.h EX_TEMPFAIL)
    ├── PrivilegeError               77   a privilege is missing (sysexits.h EX_NOPERM)
    └── CommandError                126   a command that cannot be run
        └── NoCommandError          127   a command that there is not

The number is the process's exit code; the last two are those of env(1), nice(1) and the shells.
"""

from __future__ import annotations


class WstuneError(Exception):
    """An expected error: ``str(error)`` is one sentence, ``tip`` a way out (may be empty)."""

    exit_code = 2

    def __init__(self, message: str, tip: str = "") -> None:
        super().__init__(message)
        self.tip = tip


class UsageError(WstuneError):
    """An argument, or a combination of arguments, that makes no sense."""


class ProfileError(WstuneError):
    """A profile that cannot be used; ``where`` is ``FILE:LINE`` or ``FILE``."""

    def __init__(self, where: str, message: str, tip: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message, tip)
        self.where = where


class ScenarioError(ProfileError):
    """A scenario that cannot be used, or a file that cannot become one; ``where`` as of a profile."""


class InconclusiveError(WstuneError):
    """What the answer depends on could not be read or measured."""

    exit_code = 3


class ApplyError(WstuneError):
    """A change failed, and everything that had been changed was put back."""

    exit_code = 4


class RollbackError(WstuneError):
    """Not everything could be put back; the journal is kept so that it can be tried again."""

    exit_code = 5


class LockedError(WstuneError):
    """Another wstune holds the lock."""

    exit_code = 75


class PrivilegeError(WstuneError):
    """A privilege is missing; nothing was changed."""

    exit_code = 77


class CommandError(WstuneError):
    """The command of `run` is there and cannot be run."""

    exit_code = 126


class NoCommandError(CommandError):
    """The command of `run` is not there."""

    exit_code = 127
