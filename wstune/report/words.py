"""Numbers, values and demands as people read them; shared by the reports for a terminal."""

from __future__ import annotations

import textwrap

from wstune.model import HostFacts, Operator, Reading, Requirement, Role
from wstune.tunables import CATALOGUE
from wstune.values import UNLIMITED_FROM, Kind, Value, format_value

RED, YELLOW, GREEN, DIM, BOLD = "31", "33", "32", "2", "1"

_SHOWN_RANGES = 2
_SHOWN_TEXT = 40


def paint(text: str, code: str, color: bool) -> str:
    """The text in an ANSI colour or weight, or as it is."""
    return f"\x1b[{code}m{text}\x1b[0m" if color else text


def count(number: int) -> str:
    """With thousands separators; LONG_MAX and its like as `no limit`."""
    return "no limit" if number >= UNLIMITED_FROM else f"{number:,}"


def counted(number: int, noun: str) -> str:
    """`1 process`, `4 processes`, `100,000 connections`."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count(number)} {noun if number == 1 else plural}"


def size(number: float) -> str:
    """Bytes in the largest binary unit that leaves at least 1: `512 MiB`, `23.5 GiB`."""
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    while number >= 1024 and len(units) > 1:
        number /= 1024
        del units[0]
    return f"{number:.1f}".removesuffix(".0") + f" {units[0]}"


def value_text(value: Value) -> str:
    """A kernel value: ports as they are, other numbers grouped, long lists of ports cut."""
    match value.kind:
        case Kind.INTEGER | Kind.TRIPLE:
            return " ".join(map(count, value.numbers))
        case Kind.RANGE:
            return "-".join(map(str, value.numbers))
        case Kind.PORTS:
            ranges = [part for part in format_value(value).split(",") if part]
            more = len(ranges) - _SHOWN_RANGES
            return (", ".join(ranges[:_SHOWN_RANGES]) + (f" and {more} more" if more > 0 else "")) or "none"
        case Kind.TEXT:
            return value.raw if len(value.raw) <= _SHOWN_TEXT else value.raw[: _SHOWN_TEXT - 1] + "…"


def reading_text(reading: Reading) -> str:
    """The value, or the one word for why there is none."""
    if reading.value is not None:
        return value_text(reading.value)
    return reading.absence.value if reading.absence else "unknown"


_SIGNS = {
    Operator.AT_LEAST: "≥ ",
    Operator.AT_MOST: "≤ ",
    Operator.EQUALS: "= ",
    Operator.COVERS: "covering ",
    Operator.ONE_OF: "",
    Operator.CONTAINS: "containing ",
}


def demand_text(requirement: Requirement) -> str:
    """What is required: `≥ 16,384`, `≤ default 131,072`, `covering 10000-65535`, `1 or 2`."""
    if any(field is None for field in requirement.fields):
        names = CATALOGUE[requirement.tunable].fields or tuple(map(str, range(1, len(requirement.fields) + 1)))
        wanted = [f"{name} {count(n)}" for name, n in zip(names, requirement.fields, strict=True) if n is not None]
        return _SIGNS[requirement.operator] + ", ".join(wanted)
    return _SIGNS[requirement.operator] + " or ".join(map(value_text, requirement.operands))


def role_text(role: Role) -> str:
    return "server and generator" if role is Role.BOTH else role.value


def host_text(host: HostFacts) -> str:
    """A host in one line: what could be read of it."""
    parts = [f"Linux {host.kernel}" if host.kernel else "kernel unknown"]
    parts.append(size(host.ram_bytes) if host.ram_bytes is not None else "memory unknown")
    parts.append(counted(host.cpus, "CPU") if host.cpus is not None else "CPUs unknown")
    if host.container:
        parts.append(f"in a container ({host.container})")
    if host.initial_netns is False:
        parts.append("own network namespace")
    return ", ".join(parts)


def wrapped(text: str, width: int, indent: str, first: str | None = None) -> list[str]:
    """The text in lines of at most `width`, indented; words longer than a line are kept whole."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
