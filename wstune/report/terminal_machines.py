"""The load machines of a cluster, as a table for people: of a burst, or of a fleet that was checked."""

from __future__ import annotations

from collections.abc import Sequence

from wstune.report import machine_columns
from wstune.report.words import BOLD, RED, paint, wrapped
from wstune.verification import Machine

_NAME = 15


def machines_lines(machines: Sequence[Machine], *, color: bool, width: int) -> list[str]:
    """A row for each, and what has become of those that were lost; nothing without machines."""
    if not machines:
        return []
    titles = "".join(f"{column.title:>{column.width}}" for column in machine_columns.COLUMNS)
    columns = f"{titles}{'p99 ms':>7}  room, by what"
    lines = ["", paint("load machines", BOLD, color), f"  {'machine':<{_NAME}}{columns}"]
    for machine in machines:
        numbers = "".join(f"{column.cell(machine):>{column.width}}" for column in machine_columns.COLUMNS)
        row = f"  {machine.name:<{_NAME}}{numbers}{machine_columns.p99(machine):>7}  {machine_columns.room(machine)}"
        lines.append(paint(row, RED, color) if machine.gone else row)
        if machine.gone:
            lines += wrapped(f"lost: {machine.gone}", width, "    ")
    return lines
