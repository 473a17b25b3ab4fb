"""The live line of a burst on a terminal: open connections over time, rate, what is left, failed, memory."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wstune.printable import printable

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from wstune.actions.verify_options import Progress


SPARKS = "▁▂▃▄▅▆▇█"
COLUMNS = 24


class Curve:
    """Open connections over time, in so many columns; when those are full, each then stands for twice as long."""

    def __init__(self, columns: int = COLUMNS) -> None:
        self._columns = columns
        self._heights: list[int] = []
        self._each = 1
        self._seen = 0

    def add(self, number: int) -> None:
        """The next moment's connections."""
        if self._seen % self._each == 0:
            self._heights.append(number)
        else:
            self._heights[-1] = number
        self._seen += 1
        if len(self._heights) > self._columns:
            self._heights = self._heights[1::2] if len(self._heights) % 2 == 0 else self._heights[::2]
            self._each *= 2
            self._seen = len(self._heights) * self._each

    def text(self, target: int) -> str:
        """A block a column, as high as its share of the target; none for nothing."""
        scaled = [-(-number * len(SPARKS) // max(target, 1)) for number in self._heights]
        return "".join(SPARKS[min(height, len(SPARKS)) - 1] if height > 0 else " " for height in scaled)


@contextmanager
def progress_line(quiet: bool, verbose: bool = False) -> Iterator[Callable[[Progress], None]]:
    """What to call with each Progress: a line that moves on a terminal; elsewhere nothing, or with `verbose` a line for
    each phase and for each tenth of the target."""
    if quiet or not sys.stderr.isatty():
        yield _Log().show if verbose and not quiet else lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TextColumn

    console = Console(stderr=True)
    bars = Bars(
        TextColumn("{task.description:<6}"),
        TextColumn("{task.fields[curve]:<24}", style="cyan", markup=False),
        TextColumn("{task.fields[figures]}", markup=False),
        console=console,
        transient=True,
        auto_refresh=False,  # no thread: this process forks
    )
    task = bars.add_task("start", figures="", curve="")
    curve, log = Curve(), _Log(lambda line: console.print(printable(line), markup=False, highlight=False))
    rows: dict[str, tuple[TaskID, Curve]] = {}

    def show(progress: Progress) -> None:
        _show_machines(bars, rows, progress)
        _show(bars, task, curve, log if verbose else None, progress)

    with bars:
        yield show


def _show(bars: Bars, task: TaskID, curve: Curve, log: _Log | None, progress: Progress) -> None:
    if log is not None:
        log.show(progress)
    elif progress.note:
        bars.console.print(printable(progress.note), markup=False, highlight=False)
    curve.add(progress.open)
    bars.update(
        task,
        description=progress.phase,
        curve=curve.text(progress.target),
        figures=figures(progress),
        refresh=True,
    )


def _show_machines(bars: Bars, rows: dict[str, tuple[TaskID, Curve]], progress: Progress) -> None:
    """A line for each machine of a cluster, below that of all."""
    for name, number, share, lost in progress.machines:
        if name not in rows:
            rows[name] = (bars.add_task("", figures="", curve=""), Curve())
        task, curve = rows[name]
        curve.add(number)
        bars.update(task, curve=curve.text(share), figures=machine_figures(name, number, share, lost))


def machine_figures(name: str, number: int, share: int, lost: str) -> str:
    """`gen1 20,000/20,000`, or why it is lost."""
    return f"{name} {number:,}/{share:,}" + (f" lost: {lost}" if lost else "")


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


class _Log:
    """Progress as lines that stay: for a log, and for those who want to see it all."""

    def __init__(self, write: Callable[[str], None] | None = None) -> None:
        self._write = write or _to_stderr
        self._last = ("", -1)

    def show(self, progress: Progress) -> None:
        if progress.note:
            self._write(progress.note)
        step = (progress.phase, 10 * progress.open // max(progress.target, 1))
        if step != self._last:
            self._last = step
            each = "".join(f"; {machine_figures(*machine)}" for machine in progress.machines)
            self._write(f"{progress.seconds:8.2f} s  {progress.phase:<6}  {figures(progress)}{each}")


def figures(progress: Progress) -> str:
    """The figures beside the curve: at most 47 columns for a million connections."""
    parts = [f"{progress.open:,}/{progress.target:,}"]
    if progress.phase == "open":
        parts.append(f"{progress.rate:,.0f}/s")
        if progress.rate and progress.open < progress.target:
            parts.append(f"eta {(progress.target - progress.open) / progress.rate:,.0f}s")
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    if progress.lost:
        parts.append(f"{progress.lost:,} lost")
    if progress.available_bytes is not None:
        parts.append(f"{progress.available_bytes / 2**30:.1f}G free")
    return " ".join(parts)
