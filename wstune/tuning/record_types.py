"""What a record of the journal may hold: the type, the size and the form of each field. Pure.

What undoing relies on is looked at here, once: a record that does not fit is a damaged one, whoever damaged it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from wstune.values import Kind, parse

_Test = Callable[[Any], bool]

_TRANSACTION = re.compile(r"[0-9]{1,18}")
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:*/@-]*")
_PROCESS = re.compile(r"[0-9]{1,10}:[0-9]{1,20}")
_PAIR = re.compile(r"[0-9]{1,20} [0-9]{1,20}")
_IMAGE = re.compile(r"[0-9]{1,18}-[0-9]{1,9}\.json")
_SHA = re.compile(r"[0-9a-f]{64}")
_LONGEST = 1 << 20
_U64 = 1 << 64


def sound(record: Mapping[str, Any]) -> bool:
    """Whether each field that this wstune knows is what it must be; a type that it does not know is sound."""
    required, optional = _FIELDS.get(str(record.get("type")), ({}, {}))
    if not _name(record.get("type")) or not all(
        name in record and test(record[name]) for name, test in required.items()
    ):
        return False
    if not all(test(record[name]) for name, test in optional.items() if name in record):
        return False
    return record["type"] != "intent" or _intent(record)


def sound_image(record: object) -> bool:
    """Whether it is a file as it was: see journal._image_record."""
    fields: dict[str, _Test] = {
        "content": _text, "mode": _below(0o10000), "uid": _below(1 << 32), "gid": _below(1 << 32), "xattrs": _table,
    }  # fmt: skip
    return isinstance(record, dict) and all(name in record and test(record[name]) for name, test in fields.items())


def _intent(record: Mapping[str, Any]) -> bool:
    """Whether target, before and after are such as the kind of act writes and reads back."""
    target, values = record["target"], (record["before"], record["after"])
    match record["act"]:
        case "sysctl":
            if not _KEY.fullmatch(target) or ".." in target:
                return False
            return all(_parses(Kind(record.get("kind", "text")), value) for value in values)
        case "rlimit":
            return bool(_PROCESS.fullmatch(target)) and all(map(_PAIR.fullmatch, values))
        case "file":
            image = record.get("pre", "")
            hashes = all(value == "" or _SHA.fullmatch(value) for value in values)
            return _absolute(target) and hashes and (image == "" or bool(_IMAGE.fullmatch(image)))
        case _:
            return _absolute(target)


def _parses(kind: Kind, value: str) -> bool:
    try:
        parse(kind, value)
    except ValueError:
        return False
    return True


def _absolute(path: str) -> bool:
    return path.startswith("/") and "\0" not in path and not {"..", "."} & set(path.split("/"))


def _text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST and not any("\ud800" <= char <= "\udfff" for char in value)


def _name(value: object) -> bool:
    return _text(value) and 0 < len(str(value)) <= 100


def _transaction(value: object) -> bool:
    return isinstance(value, str) and bool(_TRANSACTION.fullmatch(value))


def _below(bound: int) -> _Test:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value < bound


def _flag(value: object) -> bool:
    return isinstance(value, bool)


def _or_null(test: _Test) -> _Test:
    return lambda value: value is None or test(value)


def _one_of(*names: str) -> _Test:
    return lambda value: isinstance(value, str) and value in names


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _entries(value: object) -> bool:
    return isinstance(value, list) and all(_texts(entry) and len(entry) == 3 for entry in value)


def _table(value: object) -> bool:
    return isinstance(value, dict) and all(_text(name) and _text(each) for name, each in value.items())


def _act_number(value: object) -> bool:
    return _below(1_000_000)(value) and value != 0


_ONE: dict[str, _Test] = {"txn": _transaction}
_FIELDS: dict[str, tuple[dict[str, _Test], dict[str, _Test]]] = {
    "begin": (
        _ONE,
        {
            "format": _below(1 << 31), "at": _text, "boot_id": _or_null(_text), "netns": _or_null(_below(_U64)),
            "netns_cookie": _or_null(_below(_U64)), "initial_netns": _or_null(_flag), "profile": _text,
            "kernel": _text, "ram_bytes": _or_null(_below(_U64)), "argv": _texts,
        },
    ),
    "intent": (
        {
            **_ONE, "n": _act_number, "act": _one_of("sysctl", "rlimit", "file", "directory"), "target": _text,
            "before": _text, "after": _text,
        },
        {
            "claim": _flag, "kind": _one_of(*(kind.value for kind in Kind)), "local": _flag, "pre": _text,
            "style": _text, "entries": _entries,
        },
    ),
    "done": ({**_ONE, "n": _act_number}, {"live": _text}),
    "failed": ({**_ONE, "n": _act_number}, {}),
    "undone": ({**_ONE, "n": _act_number}, {"how": _text, "sha": _text}),
    "commit": (_ONE, {}),
    "end": (_ONE, {"why": _text}),
    "acknowledge": ({}, {}),
}  # fmt: skip
"""By type of record: the fields that it must have, and those that it may have."""
