"""The journal on disk: what was intended and what came of it, durable before each act.

    STATE (0755, /var/lib/wstune)
        journal.jsonl   (0644)  one record a line, appended, fsynced: everyone can see a transaction that was cut short
        pre/            (0700)  TXN-N.json (0600): files as they were, with owner, mode and extended attributes
        pre/lock        (0600)  flock(2), by nobody else, since nobody else can open it; who holds it, since when

A line that a crash tore is taken away by the next append, and passed over by readers: its act had not begun. What
else cannot be read is a hole (lines.py), and nothing is undone before somebody has seen it.
"""

from __future__ import annotations

import base64
import errno
import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from wstune.errors import UsageError
from wstune.host import writing
from wstune.host.files import reason
from wstune.host.own_files import FileImage
from wstune.host.trust import require_trusted
from wstune.tuning import lines
from wstune.tuning.record_types import sound_image
from wstune.tuning.records import FORMAT, Transaction, replay

DEFAULT_STATE = "/var/lib/wstune"

_INDEX, _PRE = "journal.jsonl", "pre"

_MAX_IMAGE = 8 << 20
"""A file of 1 MiB in base64, with its attributes."""

_MAX_INDEX = 64 << 20
"""A journal of that size is not one: about 200,000 acts."""


class Contents(NamedTuple):
    """What a journal holds.

    Attributes:
        transactions: oldest first.
        damaged: how many lines could not be read, those that a crash tore among them.
        holes: what is missing, in sentences; while there is one, what was done is not known.
        last: the highest number of a transaction that any record has.
    """

    transactions: list[Transaction]
    damaged: int
    holes: tuple[str, ...] = ()
    last: int = 0


class Journal:
    """The journal in one state directory. Reading needs no privilege and creates nothing.

    Raises UsageError for an empty name, which an unset variable leaves.
    """

    def __init__(self, state_dir: str = DEFAULT_STATE) -> None:
        if not state_dir:
            raise UsageError("--state-dir '': an empty name is no directory", f"leave it out for {DEFAULT_STATE}")
        self._settle(Path(state_dir).absolute())
        self._fd = -1
        self._number = 0
        """That of the next record; 0: it must be looked up."""

    def _settle(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.index = self.state_dir / _INDEX
        self.pre = self.state_dir / _PRE

    def read(self) -> Contents:
        """All that it tells. Raises UsageError when it cannot be read, or was written by a later wstune."""
        found = lines.read(self._data())
        begun = (line for line in found.records if line["type"] == "begin")
        later = next((line for line in begun if line.get("format", FORMAT) > FORMAT), None)
        if later is not None:
            raise UsageError(
                f"{self.index} was written by a later wstune (format {later['format']}, this one knows {FORMAT})",
                "use that wstune, or a newer one",
            )
        holes = lines.unacknowledged(found.records, [*found.holes, *lines.orphans(found.records)])
        last = max((int(line["txn"]) for line in found.records if line["type"] in ("begin", "intent")), default=0)
        return Contents(replay(found.records), found.damaged, holes, last)

    def _data(self) -> bytes:
        try:
            fd = os.open(self.index, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise _unusable(self.index, error) from error
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_size > _MAX_INDEX:
            os.close(fd)
            raise UsageError(f"{self.index} is not a journal", "name another place with --state-dir")
        with os.fdopen(fd, "rb") as stream:
            return stream.read(_MAX_INDEX + 1)

    def transactions(self) -> list[Transaction]:
        """The transactions, oldest first. Raises as `read`."""
        return self.read().transactions

    def prepare(self) -> None:
        """Make the directories, or check those that are there. Raises UsageError when others could write to them."""
        for path in (self.state_dir, self.pre):
            try:
                if path == self.pre:
                    writing.make_private_directory(str(self.pre))
                else:  # from here on by a way without links
                    self._settle(Path(writing.make_directories(str(path), 0o755)))
            except OSError as error:
                raise _unusable(path, error) from error
        if os.path.lexists(self.index):
            require_trusted(str(self.index))

    def open(self) -> None:
        """Open for appending; `prepare` must have been called. Raises OSError."""
        if self._fd < 0:
            # Everyone may see what was done, whatever the umask.
            self._fd = writing.open_kept(str(self.index), 0o644, append=True)
            self._number = 0

    def close(self) -> None:
        """Close it; a second call does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one record and wait until it is on disk.

        Raises OSError, after which the record is not there (or, where even that failed, is a torn line).
        """
        self.open()
        if not self._number:
            self._number = self._go_to_the_end()
        size = os.fstat(self._fd).st_size
        data = lines.sealed(record, self._number)
        if size and os.pread(self._fd, 1, size - 1) != b"\n":
            data = b"\n" + data
        try:
            written = 0
            while written < len(data):
                written += os.write(self._fd, data[written:])
            os.fsync(self._fd)
        except OSError:
            try:
                os.ftruncate(self._fd, size)
            except OSError:
                self._number = 0  # what is there now is seen before the next one
            raise
        self._number += 1

    def size(self) -> int:
        """Bytes that it has now. Raises OSError."""
        self.open()
        return os.fstat(self._fd).st_size

    def cut_back(self, size: int) -> None:
        """Forget what was appended since it had that size: all of it is undone. Needs no room. Raises OSError."""
        self.open()
        self._number = 0
        os.ftruncate(self._fd, size)
        try:
            os.fsync(self._fd)
        except OSError:
            pass  # after a crash the record may be there again, of acts that are all undone

    def _go_to_the_end(self) -> int:
        """The number of the next record, once a torn line at the end is gone. Raises OSError."""
        size = os.fstat(self._fd).st_size
        found = lines.read(os.pread(self._fd, size, 0))
        if found.torn:
            os.ftruncate(self._fd, size - found.torn)
        return found.number

    def save_image(self, txn: str, number: int, image: FileImage) -> str:
        """Keep a file as it was, durably, for its owner only; its name is returned. Raises OSError."""
        name = f"{txn}-{number}.json"
        with writing.folder(str(self.pre)) as where:
            writing.replace(where, name, json.dumps(_image_record(image)).encode())
        return name

    def load_image(self, name: str) -> FileImage:
        """A file as it was. Raises OSError, EIO when what is kept is damaged."""
        if Path(name).name != name:
            raise OSError(errno.EINVAL, "not the name of a pre-image", name)
        path = self.pre / name
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as stream:
            data = stream.read(_MAX_IMAGE + 1)
        try:
            record = json.loads(data)
            if not sound_image(record):
                raise ValueError("it is not a file as it was")
            return _image(record)
        except (ValueError, RecursionError) as error:
            raise OSError(errno.EIO, "the pre-image is damaged", str(path)) from error

    def next_id(self) -> str:
        """The number of the next transaction: one more than the highest, of which a pre-image is kept or a record."""
        kept = [int(path.name.partition("-")[0]) for path in self.pre.glob("*-*.json") if _is_image(path.name)]
        return str(max([self.read().last, *kept], default=0) + 1)


def _is_image(name: str) -> bool:
    return re.fullmatch(r"[0-9]{1,18}-[0-9]{1,9}\.json", name) is not None


def _image_record(image: FileImage) -> dict[str, Any]:
    return {
        "content": base64.b64encode(image.content).decode(),
        "mode": image.mode,
        "uid": image.uid,
        "gid": image.gid,
        "xattrs": {name: base64.b64encode(value).decode() for name, value in image.xattrs.items()},
    }


def _image(record: Mapping[str, Any]) -> FileImage:
    xattrs = {str(name): base64.b64decode(value, validate=True) for name, value in record["xattrs"].items()}
    content = base64.b64decode(record["content"], validate=True)
    return FileImage(content, int(record["mode"]), int(record["uid"]), int(record["gid"]), xattrs)


def _unusable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot use {path}: {reason(error)}", "name another place with --state-dir")
