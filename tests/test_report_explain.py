"""`wstune explain` as text: what stands in the catalogue, and nothing made up where it says nothing."""

from __future__ import annotations

from wstune.model import Absence, Direction, Reading
from wstune.report.explain import explain_text
from wstune.tunables import CATALOGUE
from wstune.values import UNLIMITED, Kind, make

ROW = CATALOGUE["net.core.somaxconn"]
HERE = Reading(make(Kind.INTEGER, 4096))


def _line(text: str, label: str) -> str:
    return next((line[11:] for line in text.splitlines() if line[:11].strip() == label), "")


def test_the_value_here_has_its_unit() -> None:
    """A value is told with the unit that the catalogue gives it."""
    assert _line(explain_text(ROW, HERE, color=False), "here") == f"4,096 {ROW.unit}"


def test_no_limit_has_no_unit() -> None:
    """What is unlimited is not so many of something."""
    assert _line(explain_text(ROW, Reading(make(Kind.INTEGER, UNLIMITED)), color=False), "here") == "no limit"


def test_why_there_is_no_value_is_told() -> None:
    """An absent value comes with its reason."""
    text = explain_text(ROW, Reading(absence=Absence.DENIED, why="permission denied by the kernel"), color=False)
    assert _line(text, "here") == "denied"
    assert "permission denied by the kernel" in text


def test_what_is_accepted() -> None:
    """Bounds are told, and their lack too, and what can only be read."""

    def accepted(low: int | None, high: int | None, read_only: bool = False) -> str:
        row = ROW._replace(minimum=low, maximum=high, read_only=read_only)
        return _line(explain_text(row, HERE, color=False), "accepted")

    assert accepted(None, None) == "any"
    assert accepted(0, None) == "from 0"
    assert accepted(64, UNLIMITED) == "from 64"
    assert accepted(0, 65535) == "0 to 65,535; other numbers are EINVAL"
    assert accepted(0, 1, read_only=True) == "nothing: it can only be read"


def test_a_policy_helps_neither_way() -> None:
    """Where neither direction allows more connections, that is said."""
    text = explain_text(ROW._replace(direction=Direction.NONE), HERE, color=False)
    assert _line(text, "helps") == "neither way: it depends"


def test_empty_fields_make_no_line() -> None:
    """What the catalogue does not say is not labelled."""
    text = explain_text(ROW._replace(latched="", since=""), HERE, color=False)
    assert not _line(text, "counts")
    assert not _line(text, "since")
