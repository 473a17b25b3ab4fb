"""The journal on disk: what was intended and what came of it, durable before each act.

    STATE (0755, /var/lib/wstune)
        journal.jsonl   (0644)  one record a line, appended, fsynced: everyone can see a transaction that was cut short
        pre/            (0700)  TXN-N.json (0600): files as they were, with owner, mode and extended attributes
        pre/lock        (0600)  flock(2), by nobody else, since nobody else can open it; who holds it, since when

A line that a crash tore is ended by the next append and passed over by readers: its act had not begun.
"""

from __future__ import annotations

import base64
import errno
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from wstune.errors import UsageError
from wstune.host import writing
from wstune.host.files import reason
from wstune.host.own_files import FileImage
from wstune.host.trust import require_trusted
from wstune.tuning.records import FORMAT, Transaction, replay

DEFAULT_STATE = "/var/lib/wstune"

_INDEX, _PRE = "journal.jsonl", "pre"

_MAX_INDEX = 64 << 20
"""A journal of that size is not one: about 200,000 acts."""


class Contents(NamedTuple):
    """What a journal holds: transactions oldest first, and how many lines could not be read."""

    transactions: list[Transaction]
    damaged: int


class Journal:
    """The journal in one state directory. Reading needs no privilege and creates nothing.

    Raises UsageError for an empty name, which an unset variable leaves.
    """

    def __init__(self, state_dir: str = DEFAULT_STATE) -> None:
        if not state_dir:
            raise UsageError("--state-dir '': an empty name is no directory", f"leave it out for {DEFAULT_STATE}")
        self._settle(Path(state_dir).absolute())
        self._fd = -1

    def _settle(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.index = self.state_dir / _INDEX
        self.pre = self.state_dir / _PRE

    def read(self) -> Contents:
        """All that it tells. Raises UsageError when it cannot be read, or was written by a later wstune."""
        try:
            fd = os.open(self.index, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return Contents([], 0)
        except OSError as error:
            raise _unusable(self.index, error) from error
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_size > _MAX_INDEX:
            os.close(fd)
            raise UsageError(f"{self.index} is not a journal", "name another place with --state-dir")
        with os.fdopen(fd, "rb") as stream:
            data = stream.read()
        lines, damaged = [], 0
        for raw in data.split(b"\n"):
            line = _decoded(raw)
            if line is not None:
                lines.append(line)
            elif raw.strip():
                damaged += 1
        later = next((line for line in lines if line.get("format", FORMAT) > FORMAT), None)
        if later is not None:
            raise UsageError(
                f"{self.index} was written by a later wstune (format {later['format']}, this one knows {FORMAT})",
                "use that wstune, or a newer one",
            )
        try:
            return Contents(replay(lines), damaged)
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"{self.index} holds a record that makes no sense: {error!r}") from error

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
        size = os.fstat(self._fd).st_size
        data = json.dumps(record, separators=(",", ":"), ensure_ascii=True).encode() + b"\n"
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
                pass  # a torn line, then: readers pass over it
            raise

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
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as stream:
            data = stream.read()
        try:
            return _image(json.loads(data))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise OSError(errno.EIO, f"the pre-image is damaged: {error}", str(path)) from error

    def next_id(self) -> str:
        """The number of the next transaction: one more than the highest."""
        numbers = [int(txn.id) for txn in self.transactions() if txn.id.isdecimal()]
        return str(max(numbers, default=0) + 1)


def _decoded(raw: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(raw)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None


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
