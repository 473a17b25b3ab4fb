"""The live line of a burst on a terminal: a bar, the open connections over time, rate, failed, memory."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from wstune.actions.verify import Progress


@contextmanager
def progress_line(quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """What to call with each Progress: a line that moves on a terminal; elsewhere nothing."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    bars = Bars(
        TextColumn("{task.description:<8}"),
        BarColumn(24),
        TextColumn("{task.fields[figures]}"),
        console=Console(stderr=True),
        transient=True,
        auto_refresh=False,  # no thread: this process forks
    )
    task = bars.add_task("start", figures="")
    with bars:
        yield lambda progress: _show(bars, task, progress)


def _show(bars: Bars, task: TaskID, progress: Progress) -> None:
    if progress.note:
        bars.console.print(progress.note, markup=False, highlight=False)
    bars.update(
        task,
        description=progress.phase,
        total=progress.target,
        completed=progress.open,
        figures=figures(progress),
        refresh=True,
    )


def figures(progress: Progress) -> str:
    """The line beside the bar: at most 46 columns for a million connections."""
    parts = [f"{progress.open:,}/{progress.target:,}"]
    if progress.phase == "open":
        parts.append(f"{progress.rate:,.0f}/s")
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    if progress.lost:
        parts.append(f"{progress.lost:,} lost")
    if progress.available_bytes is not None:
        parts.append(f"{progress.available_bytes / 2**30:.1f}G free")
    return " ".join(parts)
