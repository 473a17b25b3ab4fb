"""The load machines of a cluster, as a table for people: of a burst, or of a fleet that was checked."""

from __future__ import annotations

from collections.abc import Sequence

from wstune.report.words import BOLD, RED, paint, wrapped
from wstune.verification import Machine

_NAME = 16


def machines_lines(machines: Sequence[Machine], *, color: bool, width: int) -> list[str]:
    """A row for each, and what has become of those that were lost; nothing without machines."""
    if not machines:
        return []
    columns = f"{'share':>10}{'opened':>10}{'failed':>8}{'lost':>8}{'rate':>8}{'p99 ms':>8}  room, by what"
    lines = ["", paint("load machines", BOLD, color), f"  {'machine':<{_NAME}}{columns}"]
    for machine in machines:
        p99 = "" if machine.upgrade_ms is None else f"{machine.upgrade_ms.p99:,.0f}"
        room = "not bound" if machine.room is None else f"{machine.room:,} {machine.binds}"
        numbers = f"{machine.share:>10,}{machine.opened:>10,}{machine.failed:>8,}{machine.lost:>8,}"
        row = f"  {machine.name:<{_NAME}}{numbers}{machine.rate:>8,.0f}{p99:>8}  {room}"
        lines.append(paint(row, RED, color) if machine.gone else row)
        if machine.gone:
            lines += wrapped(f"lost: {machine.gone}", width, "    ")
    return lines
