"""How the options of `wstune verify` are read: each function takes the text that was typed. All raise UsageError."""

from __future__ import annotations

from wstune.errors import UsageError
from wstune.values import parse_count, parse_size

_LONGEST = 7 * 24 * 3600.0
_SCALES = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def seconds(option: str, text: str) -> float:
    """`30`, `1.5`, `30s`, `10m`, `2h`, `200ms`: seconds."""
    number, scale = text.strip(), 1.0
    unit = next((unit for unit in _SCALES if number.endswith(unit)), "")
    if unit:
        number, scale = number.removesuffix(unit), _SCALES[unit]
    if not number.replace(".", "", 1).isdecimal() or not number.isascii():
        raise UsageError(f"{option} {text}: expected a time such as 30, 90s, 10m or 2h", "a bare number is seconds")
    value = float(number) * scale
    if value > _LONGEST:
        raise UsageError(f"{option} {text}: that is more than a week", "give at most 168h")
    return value


def hold(text: str) -> float:
    """--hold."""
    return seconds("--hold", text)


def time_limit(text: str) -> float:
    """--time-limit."""
    value = seconds("--time-limit", text)
    if not value:
        raise UsageError("--time-limit 0: there is no time to do anything in", "leave it out for an hour")
    return value


def slo(text: str) -> float:
    """--slo: seconds."""
    value = seconds("--slo", text)
    if not value:
        raise UsageError("--slo 0: nothing is that fast", "give a time such as 500ms or 1s")
    return value


def port(text: str) -> int:
    """--port."""
    if not (text.isdecimal() and text.isascii() and len(text) < 10 and 1 <= int(text) <= 65_535):
        raise UsageError(f"--port {text}: expected a port from 1 to 65535", "leave it out for one that is free")
    return int(text)


def count(option: str, text: str, least: int, most: int) -> int:
    """A number such as 100 or 10k, within bounds."""
    try:
        number = parse_count(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}", f"{option} {least or 1}") from None
    if not least <= number <= most:
        raise UsageError(f"{option} {text}: expected {least:,} to {most:,}", f"{option} {least or 1}")
    return number


def fanouts(text: str) -> int:
    """--fanout."""
    return count("--fanout", text, 0, 10_000)


def talkers(text: str) -> int:
    """--talkers."""
    return count("--talkers", text, 0, 1_000_000)


def message_rate(text: str) -> float:
    """--message-rate: messages a second."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1e6:
        raise UsageError(f"--message-rate {text}: expected messages a second, above 0", "--message-rate 1")
    return value


def message_size(text: str) -> int:
    """--message-size: bytes."""
    try:
        value = parse_size(text)
    except ValueError as error:
        raise UsageError(f"--message-size: {error}", "--message-size 64") from None
    if not 34 <= value <= 65_536:
        raise UsageError(f"--message-size {text}: expected 34 to 64K bytes", "--message-size 64")
    return value


def buffers(text: str) -> int:
    """--buffers: bytes."""
    try:
        value = parse_size(text)
    except ValueError as error:
        raise UsageError(f"--buffers: {error}", "--buffers 128M") from None
    if value > 2**40:
        raise UsageError(f"--buffers {text}: expected at most 1024G", "--buffers 128M")
    return value


def phases(text: str | None, connections: int) -> tuple[tuple[float, float, int], ...]:
    """--rate, for that many connections."""
    if text is None:
        return ()
    from wstune.burst.pacing import parse_rate

    try:
        return tuple(parse_rate(text, connections))
    except ValueError as error:
        raise UsageError(
            f"--rate: {error}", "--rate 1000, --rate 100..2000:10,2000 (a ramp of 10 s, then on)"
        ) from None


def sources(text: str | None) -> tuple[str, ...]:
    """--source: addresses separated by commas."""
    from ipaddress import ip_address

    found = tuple(part.strip() for part in (text or "").split(",") if part.strip())
    for source in found:
        try:
            ip_address(source)
        except ValueError:
            raise UsageError(f"--source {source}: expected an address", "--source 192.0.2.1,192.0.2.2") from None
    return found
