"""What a server says about itself in its /stats, checked field by field: it is another's text until then."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_BOOT = re.compile(r"[A-Za-z0-9-]{0,64}")
_MOST_COUNTERS = 4096
_LARGEST = 1 << 64
_DIGITS = 20


@dataclass(frozen=True, slots=True)
class KernelFigures:
    """What the server's kernel counts, and whose that is: `netns` is the inode of the network namespace."""

    boot_id: str
    netns: int
    counters: dict[str, int]


@dataclass(frozen=True, slots=True)
class ServerFigures:
    """Of all workers together; `anonymous_bytes` and `kernel` are None where the server does not know them."""

    opened: int
    handshakes_failed: int
    accept_errors: int
    messages: int
    anonymous_bytes: int | None = None
    kernel: KernelFigures | None = None


@dataclass(frozen=True, slots=True)
class NotKnown:
    """There is no answer that could be believed: `reason`, in our own words."""

    reason: str


Answer = ServerFigures | NotKnown


def read(text: bytes) -> ServerFigures:
    """The figures in a body of /stats. Raises ValueError, with the reason, for whatever else it is."""
    try:
        document = json.loads(
            text, object_pairs_hook=_once, parse_int=_integer, parse_float=_float, parse_constant=_no_number
        )
    except (ValueError, RecursionError) as error:
        raise ValueError(str(error) if isinstance(error, _Wrong) else "its /stats is not JSON") from None
    total = _table(_table(document, "/stats").get("total"), "total")
    memory = total.get("memory")
    kernel = document.get("kernel")
    return ServerFigures(
        _count(total, "opened", "total"),
        _count(total, "handshakes_failed", "total"),
        _count(total, "accept_errors", "total"),
        _count(total, "messages", "total"),
        None if memory is None else _count(_table(memory, "memory"), "anonymous_bytes", "memory"),
        None if kernel is None else _kernel(_table(kernel, "kernel")),
    )


class _Wrong(ValueError):
    """JSON that is well-formed, and none of ours."""


def _kernel(said: dict[str, Any]) -> KernelFigures | None:
    boot_id, netns, counters = (
        said.get("boot_id"),
        _count(said, "netns", "kernel"),
        _table(said.get("counters"), "counters"),
    )
    if not isinstance(boot_id, str) or not _BOOT.fullmatch(boot_id):
        raise _Wrong("kernel.boot_id in its /stats is not an identifier")
    if len(counters) > _MOST_COUNTERS or not all(map(_NAME.fullmatch, counters)):
        raise _Wrong("kernel.counters in its /stats has names that are not those of counters")
    checked = {name: _count(counters, name, "counters") for name in counters}
    return KernelFigures(boot_id, netns, checked) if boot_id and netns else None


def _table(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Wrong(f"{name} in its /stats is not an object" if name != "/stats" else "its /stats is not an object")
    return value


def _count(table: dict[str, Any], name: str, where: str) -> int:
    value = table.get(name)
    if type(value) is not int or not 0 <= value < _LARGEST:
        raise _Wrong(f"{where}.{name} in its /stats is not a count")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Wrong("its /stats has a key twice")
    return found


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise _Wrong("its /stats has a number that no counter reaches")
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        _no_number(text)
    return number


def _no_number(_: str) -> NoReturn:
    raise _Wrong("its /stats has a number that is none")
