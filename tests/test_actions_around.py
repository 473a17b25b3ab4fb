"""`verify --around`: burst, apply, burst, and the way back; what fails on the way leaves nothing applied."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import pytest

from tests.samples_verify import CASES
from wstune.actions import around as module
from wstune.actions.apply import ApplyOptions
from wstune.actions.around import around
from wstune.actions.verify_options import VerifyOptions
from wstune.actions.verify_outcome import BurstFinished, BurstInterrupted, BurstLost, BurstRefused, Outcome
from wstune.errors import InconclusiveError, RollbackError, UsageError
from wstune.signals import Interrupted
from wstune.tuning.undo import Undone

BEFORE, AFTER, CUT = CASES["verify-missed"], CASES["verify-confirmed"], CASES["verify-interrupted"]

ENDINGS: dict[str, Callable[[], BurstInterrupted | BurstRefused | BaseException]] = {
    "expected": lambda: BurstRefused(InconclusiveError("no room")),
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
        self.bursts: list[Outcome | BaseException] = [BurstFinished(BEFORE), BurstFinished(AFTER)]
        self.drifted: list[tuple[str, str]] = []
        prepared = SimpleNamespace(plan=SimpleNamespace(empty=empty))
        monkeypatch.setattr(module, "prepare", lambda *_: prepared)
        monkeypatch.setattr(module, "require_possible", lambda *_: self.done.append("possible"))
        monkeypatch.setattr(module, "carry_out", self.carry_out)
        monkeypatch.setattr(module, "run", self.run)
        monkeypatch.setattr(module, "run_rollback", self.roll_back)

    def run(self, *_: object) -> Outcome:
        self.done.append("burst")
        ended = self.bursts.pop(0)
        if isinstance(ended, BaseException):
            raise ended
        return ended

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
    assert (found.before, found.after, found.txn, found.rolled_back) == (BEFORE, BurstFinished(AFTER), "0007", False)


def test_taken_back_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """With --rollback."""
    scene = Scene(monkeypatch)
    assert scene.around(roll_back=True).rolled_back
    assert scene.done[-1] == "roll back 0007"


def test_taken_back_when_the_second_burst_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever becomes of the burst; without --rollback it stays applied."""
    for roll_back in (True, False):
        scene = Scene(monkeypatch)
        scene.bursts[1] = BurstRefused(InconclusiveError("no room"))
        assert isinstance(scene.around(roll_back=roll_back).after, BurstRefused)
        assert scene.done[4:] == ["burst"] + ["roll back 0007"] * roll_back


def test_a_first_burst_that_fails_applies_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """There would be nothing to compare with."""
    scene = Scene(monkeypatch)
    scene.bursts[0] = BurstRefused(InconclusiveError("no room"))
    found = scene.around(roll_back=True)
    assert isinstance(found.after, BurstRefused)
    assert (found.before, found.txn) == (None, "")
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
    ended = scene.bursts[0] = ENDINGS[ending]()
    if isinstance(ended, BaseException):
        with pytest.raises(type(ended)):
            scene.around(roll_back=roll_back)
    else:
        found = scene.around(roll_back=roll_back)
        assert found.before is None
        assert type(found.after) is type(ended)
        if isinstance(found.after, BurstInterrupted):
            assert "high-conn was not applied" in found.after.report.sentences[-2]
    assert scene.done == ["possible", "ask", "burst"]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("roll_back", [True, False])
def test_whatever_ends_the_second_burst_it_is_taken_back_or_told(
    monkeypatch: pytest.MonkeyPatch, ending: str, roll_back: bool
) -> None:
    """With --rollback it is taken back; without, the transaction's number is told, with the way back."""
    scene = Scene(monkeypatch)
    ended = scene.bursts[1] = ENDINGS[ending]()
    if isinstance(ended, BaseException):
        with pytest.raises(type(ended)) as caught:
            scene.around(roll_back=roll_back)
        said = caught.value.__notes__[0]
    else:
        found = scene.around(roll_back=roll_back)
        assert found.before is BEFORE
        said = said_by(found.after)
    assert scene.done[4:] == ["burst"] + ["roll back 0007"] * roll_back
    way = "high-conn stays applied, as transaction 0007: wstune rollback 0007 --state-dir /nowhere takes it back"
    assert said.endswith("transaction 0007 was taken back" if roll_back else way)


def said_by(ended: Outcome) -> str:
    """What an outcome says of the profile that was applied."""
    match ended:
        case BurstRefused(error):
            return str(error.__notes__[0])
        case BurstInterrupted(report):
            return report.sentences[-2]
        case BurstFinished() | BurstLost():
            return ""


@pytest.mark.parametrize("ending", ["none", *ENDINGS])
def test_what_could_not_be_taken_back_is_an_error(monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    """Exit code 5, also after a burst that was interrupted; the report of one that has ended is not lost."""
    scene = Scene(monkeypatch)
    scene.drifted = [("net.core.somaxconn", "changed since")]
    ended = BurstFinished(AFTER) if ending == "none" else ENDINGS[ending]()
    scene.bursts[1] = ended
    if isinstance(ended, BaseException):
        with pytest.raises(RollbackError) as caught:
            scene.around(roll_back=True)
        said = str(caught.value)
    else:
        found = scene.around(roll_back=True)
        assert found.failed is not None
        assert found.failed.exit_code == 5
        assert not found.rolled_back
        said = str(found.failed)
        assert said in said_by(found.after) or ending == "none"
    assert "net.core.somaxconn: changed since" in said
