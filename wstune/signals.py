"""Signals that end a program. Ctrl-C, SIGTERM and SIGHUP are one and the same to every verb: an `Interrupted`.

It is raised once. Whoever then cleans up is left alone: one more signal is only noted, unless what cleans up lets it in
(`heard`), and within `held` none is raised at all, however many come. What is ignored when the program starts (nohup;
a job in the background of a script) stays ignored.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Those of a terminal, a service manager, a connection that is lost. SIGQUIT still kills, as a crash would."""

_PATIENCE = 2
"""Signals that are noted outside `held` until one is raised again: a library may have lost the first."""


class Interrupted(KeyboardInterrupt):
    """A signal of ENDING came; `number` is its number. `str()` is a sentence for the user, mostly empty."""

    def __init__(self, number: int, sentence: str = "") -> None:
        super().__init__(sentence)
        self.number = number


class _State:
    """Where they go.

    Attributes:
        open: whether the next one is raised. depth: of nested `held`.
        raised: the number of the last one that was; 0: none. waiting: those that were only noted.
    """

    def __init__(self) -> None:
        self.open = True
        self.depth = 0
        self.raised = 0
        self.waiting: list[int] = []


_state = _State()


def exit_code(number: int) -> int:
    """128 + n, as shells report it."""
    return 128 + number


def number_of(error: KeyboardInterrupt) -> int:
    """Which signal it was; Python's own KeyboardInterrupt is SIGINT."""
    return error.number if isinstance(error, Interrupted) else signal.SIGINT


def name(number: int) -> str:
    """`SIGTERM`."""
    return signal.Signals(number).name


def end_at_once() -> None:
    """Let these signals end this process on the spot: where nothing has begun yet, or all has been done."""
    _handle(lambda number, _: os._exit(exit_code(number)))


def listen() -> None:
    """Let these signals raise `Interrupted` in the main thread."""
    _handle(_hear)


def leave_to_parent() -> None:
    """Be deaf to them: whoever started this process decides what they mean, and it ends with that one."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


def _handle(handler: Callable[[int, object], None]) -> None:
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _hear(number: int, frame: object) -> None:
    if not _state.open:
        _state.waiting.append(number)
        if _state.depth or len(_state.waiting) < _PATIENCE:
            return
        _state.waiting.clear()
    _interrupt(number)


def _interrupt(number: int) -> NoReturn:
    _state.open = False  # before anybody can be interrupted twice
    _state.raised = number
    raise Interrupted(number)


def held_back(number: int) -> None:
    """Remember one that somebody else has caught: it is raised at the next `heard`."""
    _state.waiting.append(number)


def raised() -> int:
    """The number of the signal that was raised last; 0 for none."""
    return _state.raised


def waiting() -> int:
    """The number of the first signal that was noted and not raised; 0 for none."""
    return _state.waiting[0] if _state.waiting else 0


@contextmanager
def held() -> Iterator[None]:
    """Raise none in here, except within `heard`. For what has to be undone whatever happens."""
    before = _state.open
    _state.depth += 1
    _state.open = False
    try:
        yield
    finally:
        _state.depth -= 1
        if before and not _state.waiting and not _state.depth:
            _state.open = True


@contextmanager
def heard() -> Iterator[None]:
    """Raise the next one in here, also within `held` and while cleaning up; one that waits is raised at once."""
    before = _state.open
    _state.open = True
    try:
        if _state.waiting:
            _interrupt(_state.waiting.pop(0))
        yield
    finally:
        if not before:
            _state.open = False
