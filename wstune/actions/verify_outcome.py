"""How a burst ends. Whoever runs one must say what each of these ends means there: `match` is to be exhaustive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from wstune import signals
from wstune.errors import WstuneError
from wstune.readiness.evidence import Evidence
from wstune.verification import VerifyReport


@dataclass(frozen=True, slots=True)
class BurstFinished:
    """It came to its end."""

    report: VerifyReport


@dataclass(frozen=True, slots=True)
class BurstLost:
    """Its coordinator was lost, or it broke off; the report has what it had shown."""

    report: VerifyReport


@dataclass(frozen=True, slots=True)
class BurstInterrupted:
    """A signal, by its number, ended it early; the report has what it had shown."""

    report: VerifyReport
    number: int

    def saying(self, *sentences: str) -> BurstInterrupted:
        """The same with remarks before the report's last sentence, which is its verdict's."""
        said = self.report.sentences
        return replace(self, report=replace(self.report, sentences=(*said[:-1], *sentences, *said[-1:])))


@dataclass(frozen=True, slots=True)
class BurstRefused:
    """Nothing was opened, and there is nothing to report but why."""

    error: WstuneError


Outcome = BurstFinished | BurstLost | BurstInterrupted | BurstRefused


@contextmanager
def interruptible(evidence: Evidence) -> Iterator[None]:
    """What a signal may end at any moment: it is noted in the evidence."""
    try:
        with signals.heard():
            yield
    except KeyboardInterrupt as error:
        evidence.interrupted = evidence.interrupted or signals.number_of(error)
