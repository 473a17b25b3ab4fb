"""Signals that end a program: raised once, noted while somebody cleans up, never within what has to be undone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from wstune import signals
from wstune.signals import ENDING, Interrupted, heard, held, waiting
from wstune.tuning.signals import held as held_by_apply


@pytest.fixture(autouse=True)
def _listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ENDING}
    monkeypatch.setattr(signals, "_state", signals._State())
    signals.listen()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDING)
def test_it_is_raised_as_ctrl_c_with_its_number(number: int) -> None:
    """Who handles KeyboardInterrupt handles all of them, and can tell which it was."""
    with pytest.raises(KeyboardInterrupt) as caught:
        signal.raise_signal(number)
    assert signals.number_of(caught.value) == signals.raised() == number
    assert signals.exit_code(number) == 128 + number


def test_who_cleans_up_is_left_alone() -> None:
    """A second one is noted; a third is raised, for the first may have been lost in a library."""
    with pytest.raises(Interrupted):
        signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGHUP)
    assert waiting() == signal.SIGHUP
    with pytest.raises(Interrupted):
        signal.raise_signal(signal.SIGINT)


def test_who_cleans_up_may_let_the_second_in() -> None:
    """And hears one that has come meanwhile at once."""
    with pytest.raises(Interrupted):
        signal.raise_signal(signal.SIGTERM)
    with pytest.raises(Interrupted), heard():
        signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGHUP)
    entered = False
    with pytest.raises(Interrupted) as caught, heard():
        entered = True
    assert not entered
    assert caught.value.number == signal.SIGHUP


def test_within_held_none_is_raised() -> None:
    """However many come; but in what lets them in, and then no more until the end."""
    with held():
        for number in ENDING * 3:
            signal.raise_signal(number)
        with held():
            signal.raise_signal(signal.SIGINT)
        assert waiting() == signal.SIGINT
        with pytest.raises(Interrupted), heard():
            pass
        signal.raise_signal(signal.SIGINT)


def test_after_held_they_are_raised_again() -> None:
    """Where none has come in it."""
    with held(), heard():
        pass
    with pytest.raises(Interrupted):
        signal.raise_signal(signal.SIGTERM)


def test_one_that_apply_has_caught_is_not_lost() -> None:
    """Too late for the transaction, it is raised where signals are let in again."""
    with held():
        with held_by_apply() as caught:
            signal.raise_signal(signal.SIGTERM)
            assert caught() == "SIGTERM"
        assert waiting() == signal.SIGTERM
        with pytest.raises(Interrupted), heard():
            pass


@pytest.mark.parametrize("number", ENDING)
def test_what_is_ignored_stays_ignored(number: int) -> None:
    """nohup and jobs in the background."""
    signal.signal(number, signal.SIG_IGN)
    signals.listen()
    signal.raise_signal(number)
    signals.end_at_once()
    signal.raise_signal(number)


@pytest.mark.parametrize("number", ENDING)
def test_at_once_is_an_exit_code(number: int) -> None:
    """Before anything has begun, and after all is done."""
    code = f"import signal; from wstune import signals; signals.end_at_once(); signal.raise_signal({int(number)})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (128 + number, "")


def test_a_worker_is_deaf() -> None:
    """It ends with whoever started it."""
    pid = os.fork()
    if pid == 0:
        signals.leave_to_parent()
        for number in ENDING:
            os.kill(os.getpid(), number)
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
