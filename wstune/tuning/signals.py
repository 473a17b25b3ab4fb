"""Signals that end a program, while a transaction is at work: the act at hand is finished, then all is undone.

Python raises KeyboardInterrupt between any two steps, so also between a write and the record that it was made. Here a
signal is only noted; whoever is at work looks between two acts. One that comes later than that is too late for it, and
left to whoever lets signals in next (wstune.signals).
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wstune.signals import ENDING, held_back


def never() -> str:
    """No signal has come."""
    return ""


@contextmanager
def held() -> Iterator[Callable[[], str]]:
    """Keep these signals from ending the program; the function tells the name of the first that came, "" while none."""
    caught: list[str] = []

    def note(number: int, frame: object) -> None:
        caught.append(signal.Signals(number).name)
        held_back(number)

    before = []
    try:
        # What is ignored already, as under nohup, stays ignored.
        for number in ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                before.append((number, signal.signal(number, note)))
    except ValueError:
        pass  # not the main thread: signals go elsewhere
    try:
        yield lambda: caught[0] if caught else ""
    finally:
        for number, handler in before:
            signal.signal(number, handler)
