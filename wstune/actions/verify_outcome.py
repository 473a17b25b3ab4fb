"""How a burst ends: with its report, or, when a signal ended it, with an exception that brings what there was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from wstune import signals
from wstune.actions.verify_report import Shown, report_of
from wstune.verification import VerifyReport


class BurstInterrupted(signals.Interrupted):
    """A signal ended a burst early.

    Attributes:
        report: what it showed until then. earlier: the burst before it, by its name.
        code: the program's exit code.
    """

    def __init__(self, report: VerifyReport, number: int) -> None:
        super().__init__(number)
        self.report = report
        self.earlier: tuple[str, VerifyReport] | None = None
        self.code = signals.exit_code(number)

    def say(self, *sentences: str) -> None:
        """Put remarks before the report's last sentence, which is its verdict's."""
        said = self.report.sentences
        self.report = replace(self.report, sentences=(*said[:-1], *sentences, *said[-1:]))


@contextmanager
def interruptible(shown: Shown) -> Iterator[None]:
    """What a signal may end at any moment: it is noted in `shown`, for `outcome`."""
    try:
        with signals.heard():
            yield
    except KeyboardInterrupt as error:
        shown.interrupted = shown.interrupted or signals.number_of(error)


def outcome(shown: Shown) -> VerifyReport:
    """The report of a burst that has come to its end. Raises BurstInterrupted, with the report, for others."""
    if shown.interrupted:
        raise BurstInterrupted(report_of(shown), shown.interrupted)
    return report_of(shown)
