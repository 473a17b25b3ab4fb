"""The table of load machines: its columns, which every format that has the table renders. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wstune.report.figures import Unit
from wstune.verification import Machine


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table of load machines: its title, the field of verification.Machine, and how a cell is said."""

    title: str
    name: str
    unit: Unit
    width: int
    cell: Callable[[Machine], str]
    words: str


COLUMNS: tuple[Column, ...] = (
    Column(
        "share", "share", Unit.CONNECTIONS, 10, lambda machine: f"{machine.share:,}", "connections that it was to open"
    ),
    Column(
        "opened", "opened", Unit.CONNECTIONS, 10, lambda machine: f"{machine.opened:,}", "connections that it had open"
    ),
    Column(
        "failed",
        "failed",
        Unit.CONNECTIONS,
        7,
        lambda machine: f"{machine.failed:,}",
        "connections that it could not open",
    ),
    Column("lost", "lost", Unit.CONNECTIONS, 7, lambda machine: f"{machine.lost:,}", "connections that it lost"),
    Column(
        "rate",
        "rate",
        Unit.PER_SECOND,
        7,
        lambda machine: f"{machine.rate:,.0f}",
        "connections that it opened a second",
    ),
)
"""Numbers of each load machine; its p99 of the upgrade, its room and why it was lost stand beside them."""


def p99(machine: Machine) -> str:
    """Of its upgrades, in milliseconds; empty where none was timed."""
    return "" if machine.upgrade_ms is None else f"{machine.upgrade_ms.p99:,.0f}"


def room(machine: Machine) -> str:
    """The connections that it had room for beforehand, and by which limit."""
    return "not bound" if machine.room is None else f"{machine.room:,} {machine.binds}"
