"""`verify --around`: burst, apply, burst, and the way back; what fails on the way leaves nothing applied."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from tests.samples_verify import CASES
from wstune.actions import around as module
from wstune.actions.apply import ApplyOptions
from wstune.actions.around import around
from wstune.actions.verify import VerifyOptions
from wstune.actions.verify_outcome import BurstInterrupted
from wstune.errors import InconclusiveError, RollbackError, UsageError
from wstune.signals import Interrupted
from wstune.tuning.undo import Undone

BEFORE, AFTER, CUT = CASES["verify-missed"], CASES["verify-confirmed"], CASES["verify-interrupted"]

ENDINGS: dict[str, Callable[[], BaseException]] = {
    "expected": lambda: InconclusiveError("no room"),
    "defect": lambda: ZeroDivisionError("a defect"),
    "exit": lambda: SystemExit(1),
    "Ctrl-C": lambda: KeyboardInterrupt(),
    "signal": lambda: Interrupted(signal.SIGHUP),
    **{
        f"cut by {number.name}": partial(BurstInterrupted, CUT, number)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    },
}
"""All that can end a burst but its report."""


class Scene:
    """What is done, in order; the bursts give their reports one after the other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, empty: bool = False) -> None:
        self.done: list[str] = []
        self.bursts: list[Any] = [BEFORE, AFTER]
        self.drifted: list[tuple[str, str]] = []
        prepared = SimpleNamespace(plan=SimpleNamespace(empty=empty))
        monkeypatch.setattr(module, "prepare", lambda *_: prepared)
        monkeypatch.setattr(module, "require_possible", lambda *_: self.done.append("possible"))
        monkeypatch.setattr(module, "carry_out", self.carry_out)
        monkeypatch.setattr(module, "run", self.run)
        monkeypatch.setattr(module, "run_rollback", self.roll_back)

    def run(self, *_: object) -> Any:
        self.done.append("burst")
        report = self.bursts.pop(0)
        if isinstance(report, BaseException):
            raise report
        return report

    def carry_out(self, *_: object) -> SimpleNamespace:
        self.done.append("apply")
        return SimpleNamespace(txn="0007")

    def roll_back(self, _: object, *, txn: str, state_dir: str) -> Undone:
        assert state_dir == "/nowhere"
        self.done.append(f"roll back {txn}")
        return Undone(txn, drifted=self.drifted)

    def around(self, *, roll_back: bool, refuses: bool = False) -> module.Around:
        def agree(_: object) -> None:
            self.done.append("ask")
            if refuses:
                raise UsageError("not done")

        applying = ApplyOptions("high-conn", state_dir="/nowhere")
        return around(VerifyOptions(), applying, agree, lambda _: None, roll_back=roll_back)


def test_asked_first_then_burst_apply_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a burst to be asked then; what was applied stays."""
    scene = Scene(monkeypatch)
    found = scene.around(roll_back=False)
    assert scene.done == ["possible", "ask", "burst", "apply", "burst"]
    assert (found.before, found.after, found.txn, found.rolled_back) == (BEFORE, AFTER, "0007", False)


def test_taken_back_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """With --rollback."""
    scene = Scene(monkeypatch)
    assert scene.around(roll_back=True).rolled_back
    assert scene.done[-1] == "roll back 0007"


def test_taken_back_when_the_second_burst_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever becomes of the burst; without --rollback it stays applied."""
    for roll_back in (True, False):
        scene = Scene(monkeypatch)
        scene.bursts[1] = InconclusiveError("no room")
        with pytest.raises(InconclusiveError):
            scene.around(roll_back=roll_back)
        assert scene.done[4:] == ["burst"] + ["roll back 0007"] * roll_back


def test_a_first_burst_that_fails_applies_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """There would be nothing to compare with."""
    scene = Scene(monkeypatch)
    scene.bursts[0] = InconclusiveError("no room")
    with pytest.raises(InconclusiveError):
        scene.around(roll_back=True)
    assert scene.done == ["possible", "ask", "burst"]


def test_who_does_not_agree_gets_no_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is opened and nothing applied."""
    scene = Scene(monkeypatch)
    with pytest.raises(UsageError):
        scene.around(roll_back=True, refuses=True)
    assert scene.done == ["possible", "ask"]


def test_nothing_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both bursts are made, nobody is asked, there is nothing to take back."""
    scene = Scene(monkeypatch, empty=True)
    found = scene.around(roll_back=True)
    assert scene.done == ["burst", "burst"]
    assert (found.txn, found.rolled_back) == ("", False)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("roll_back", [True, False])
def test_whatever_ends_the_first_burst_nothing_is_applied(
    monkeypatch: pytest.MonkeyPatch, ending: str, roll_back: bool
) -> None:
    """And there is no second."""
    scene = Scene(monkeypatch)
    scene.bursts[0] = ended = ENDINGS[ending]()
    with pytest.raises(type(ended)) as caught:
        scene.around(roll_back=roll_back)
    assert scene.done == ["possible", "ask", "burst"]
    if isinstance(caught.value, BurstInterrupted):
        assert "high-conn was not applied" in caught.value.report.sentences[-2]
        assert caught.value.code == 128 + caught.value.number


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("roll_back", [True, False])
def test_whatever_ends_the_second_burst_it_is_taken_back_or_told(
    monkeypatch: pytest.MonkeyPatch, ending: str, roll_back: bool
) -> None:
    """With --rollback it is taken back; without, the transaction's number is told, with the way back."""
    scene = Scene(monkeypatch)
    scene.bursts[1] = ended = ENDINGS[ending]()
    with pytest.raises(type(ended)) as caught:
        scene.around(roll_back=roll_back)
    assert scene.done[4:] == ["burst"] + ["roll back 0007"] * roll_back
    error = caught.value
    said = error.report.sentences[-2] if isinstance(error, BurstInterrupted) else error.__notes__[0]
    way = "high-conn stays applied, as transaction 0007: wstune rollback 0007 --state-dir /nowhere takes it back"
    assert said.endswith("transaction 0007 was taken back" if roll_back else way)
    if isinstance(error, BurstInterrupted):
        assert error.code == 128 + error.number
        assert error.earlier
        assert error.earlier[1] is BEFORE


@pytest.mark.parametrize("ending", ["none", *ENDINGS])
def test_what_could_not_be_taken_back_is_an_error(monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    """Exit code 5, also after a burst that was interrupted; the report of one that has ended is not lost."""
    scene = Scene(monkeypatch)
    scene.drifted = [("net.core.somaxconn", "changed since")]
    if ending != "none":
        scene.bursts[1] = ENDINGS[ending]()
        with pytest.raises((BurstInterrupted, RollbackError)) as caught:
            scene.around(roll_back=True)
        error = caught.value
        said = error.report.sentences[-2] if isinstance(error, BurstInterrupted) else str(error)
        code = error.code if isinstance(error, BurstInterrupted) else RollbackError.exit_code
    else:
        found = scene.around(roll_back=True)
        assert found.failed is not None
        assert not found.rolled_back
        said, code = str(found.failed), found.failed.exit_code
    assert "net.core.somaxconn: changed since" in said
    assert code == 5
