"""Where the report of check, verify or report goes: to stdout, and to the files of -o, each in a format."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import PurePath
from typing import NamedTuple

from wstune.cli.output import check_writable
from wstune.errors import UsageError
from wstune.report.formats import FORMATS, ReportFormat

ENDINGS = {row.ending: format_ for format_, row in FORMATS.items() if row.ending}
"""The format of a file by its ending; the others are named: nagios:FILE."""
_NAMES = {format_.value: format_ for format_ in ReportFormat}


class Destination(NamedTuple):
    """A format, and the file that it goes to; None: stdout."""

    format: ReportFormat
    file: str | None = None

    @property
    def stdout(self) -> bool:
        """Whether it goes to stdout, by whatever name."""
        if self.file is None:
            return True
        from wstune.host import outputs

        return outputs.descriptor(self.file) == 1


def destinations(format_: ReportFormat | None, files: Sequence[str] | None) -> tuple[Destination, ...]:
    """What --format (None: it was not given) and every -o mean.

    One -o takes the format of --format; without that, and where there are several, each goes by its ending or as
    FORMAT:FILE, and --format is that of stdout. Raises UsageError: an unknown ending, one file twice, and a file that
    cannot be written, before the work rather than after it.
    """
    named = [_named(text) for text in files or ()]
    found = [_destination(format_, file, own, alone=len(named) == 1) for own, file in named]
    seen: dict[str, str] = {}
    for _, file in named:
        place = os.path.realpath(file)
        if place in seen:
            raise UsageError(f"-o {file}: that file is named twice", "give each format a file of its own")
        seen[place] = file
        check_writable(file)
    apart = len(found) > 1 or (bool(named) and named[0][0] is not None)
    if not found or (format_ is not None and apart and not any(each.stdout for each in found)):
        found.insert(0, Destination(format_ or ReportFormat.TERMINAL))
    return tuple(found)


def primary(where: Sequence[Destination]) -> ReportFormat:
    """The format whose exit code counts: that of stdout, else of the first file."""
    return next((each.format for each in where if each.stdout), where[0].format)


def _named(text: str) -> tuple[ReportFormat | None, str]:
    """`json:FILE` names its format."""
    name, colon, file = text.partition(":")
    return (_NAMES[name], file) if colon and file and name in _NAMES else (None, text)


def _destination(format_: ReportFormat | None, file: str, own: ReportFormat | None, *, alone: bool) -> Destination:
    if own is not None:
        return Destination(own, file)
    ending = ENDINGS.get(PurePath(file).suffix.lower())
    if alone:
        return Destination(format_ or ending or ReportFormat.TERMINAL, file)
    if file == "-":
        return Destination(format_ or ReportFormat.TERMINAL, file)
    if ending is None:
        raise UsageError(
            f"-o {file}: its ending names no format", f"one of {', '.join(ENDINGS)}; or FORMAT:FILE, as json:{file}"
        )
    return Destination(ending, file)
