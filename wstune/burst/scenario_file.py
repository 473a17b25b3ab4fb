"""A scenario as TOML, read and checked: every mistake has its file and line, and the nearest right name. Pure."""

from __future__ import annotations

import re
from typing import Any

from wstune.burst import scenario as s
from wstune.errors import ScenarioError
from wstune.readiness.expressions import closest
from wstune.readiness.toml_lines import Key, inline_lines, key_lines
from wstune.readiness.toml_reader import TomlError, read_toml

SCHEMA = 1
TOP_KEYS = ("schema", "hold", "servers", "sources", "phase", "session")
PHASE_KEYS = ("rate", "interval", "arrival", "count", "duration")
SESSION_KEYS = ("name", "weight", "steps")
STEP_KEYS = {
    "connect": ("subprotocols", "origin", "headers"),
    "send": (),
    "binary": (),
    "expect": ("within",),
    "think": ("random",),
    "repeat": ("steps",),
    "ping": (),
    "close": (),
}
"""What a step does, and what it may say besides."""

MOST_MESSAGE = 65_536
LONGEST = 7 * 24 * 3600.0
_SCALES = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_TIME = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)?", re.ASCII)
_RATE = re.compile(r"(\d{1,7}(?:\.\d{1,9})?)(?:\.\.(\d{1,7}(?:\.\d{1,9})?))?", re.ASCII)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)


class _Place:
    """Which line a mistake is on."""

    def __init__(self, where: str, text: str) -> None:
        self._where = where
        self._lines = key_lines(text)
        self._steps: dict[Key, list[int]] = inline_lines(text)

    def __call__(self, table: str, number: int = 0, key: str = "") -> str:
        places: tuple[Key, ...] = ((table, number, key), (table or key, number, ""), ("", 0, table or key))
        return f"{self._where}:{next((self._lines[place] for place in places if place in self._lines), 1)}"

    def steps(self, session: int) -> list[str]:
        """Where each step of a session begins, those of its repeats included, from the last to the first."""
        lines = self._steps.get(("session", session, "steps"), [])
        return [f"{self._where}:{line}" for line in reversed(lines)]


def parse(text: str, where: str) -> s.Scenario:
    """Parse and check a scenario. `where` is how its file is named in messages. Raises ScenarioError."""
    document = _document(text, where)
    place = _Place(where, text)
    _known(document, TOP_KEYS, "key", lambda key: place("", 0, key))
    schema = document.get("schema")
    if schema != SCHEMA or type(schema) is not int:
        found = "has no `schema`" if schema is None else f"has schema {schema!r:.40}"
        raise ScenarioError(place("", 0, "schema"), f"{found}, this wstune reads schema {SCHEMA}", f"schema = {SCHEMA}")
    sessions = _tables(document, "session", place, s.MOST_SESSIONS)
    if not sessions:
        raise ScenarioError(f"{where}:1", "has no session", 'write [[session]], then steps = [{ send = "hello" }]')
    phases = tuple(
        _phase(table, at, place) for at, table in enumerate(_tables(document, "phase", place, s.MOST_PHASES))
    )
    for at, phase in enumerate(phases[:-1]):
        if phase.count is None and phase.seconds is None:
            raise ScenarioError(
                place("phase", at), "a phase without an end before another", "give it count or duration"
            )
    return s.Scenario(
        sessions=_named(tuple(_session(table, at, place) for at, table in enumerate(sessions)), place),
        phases=phases,
        hold=seconds(document["hold"], place("", 0, "hold"), "hold") if "hold" in document else None,
        servers=_texts(document.get("servers", []), place("", 0, "servers"), "servers"),
        sources=_texts(document.get("sources", []), place("", 0, "sources"), "sources"),
        where=where,
    )


def _document(text: str, where: str) -> dict[str, Any]:
    try:
        return read_toml(text)
    except TomlError as error:
        raise ScenarioError(f"{where}:{error.line}", str(error)) from None


def _tables(document: dict[str, Any], name: str, place: _Place, most: int) -> list[dict[str, Any]]:
    tables = document.get(name, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ScenarioError(place(name), f"`{name}` is not a list of tables", f"write [[{name}]], twice bracketed")
    if len(tables) > most:
        raise ScenarioError(place(name, most), f"more than {most:,} of [[{name}]]", "leave some out")
    return tables


def _phase(table: dict[str, Any], number: int, place: _Place) -> s.Phase:
    def at(key: str = "") -> str:
        return place("phase", number, key)

    _known(table, PHASE_KEYS, "key of a phase", at)
    if ("rate" in table) == ("interval" in table):
        raise ScenarioError(at("interval"), "a phase has either rate or interval", 'rate = 1000, or interval = "1ms"')
    if "rate" in table:
        first, last = _rate(table["rate"], at("rate"))
    else:
        gap = seconds(table["interval"], at("interval"), "interval")
        if gap < 1e-6:
            raise ScenarioError(at("interval"), "an interval of nothing", 'for example: interval = "1ms"')
        first = last = 1 / gap
    arrival = table.get("arrival", "constant")
    if arrival not in ("constant", "poisson"):
        raise _unknown(at("arrival"), "arrival", arrival, ("constant", "poisson"))
    count = _whole(table["count"], at("count"), "count", 1, 100_000_000) if "count" in table else None
    length = seconds(table["duration"], at("duration"), "duration") if "duration" in table else None
    if length is not None and not length:
        raise ScenarioError(at("duration"), "a duration of nothing", 'for example: duration = "60s"')
    return s.Phase(first, last, count, length, arrival == "poisson")


def _rate(value: object, where: str) -> tuple[float, float]:
    found = _RATE.fullmatch(value if isinstance(value, str) else repr(value))
    if found is None or isinstance(value, bool):
        raise ScenarioError(where, f"rate {value!r:.40} is no rate", 'for example: rate = 1000, or rate = "100..2000"')
    first = float(found[1])
    last = float(found[2] or found[1])
    if not (0 < first <= 1e6 and 0 < last <= 1e6):
        raise ScenarioError(where, f"rate {value!r:.40}: expected above 0, and at most a million a second")
    return first, last


def _session(table: dict[str, Any], number: int, place: _Place) -> s.Session:
    def at(key: str = "") -> str:
        return place("session", number, key)

    _known(table, SESSION_KEYS, "key of a session", at)
    weight = table.get("weight", 1)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight <= 1e9:
        raise ScenarioError(at("weight"), f"weight {weight!r:.40}: expected a number above 0")
    steps = table.get("steps", [])
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise ScenarioError(at("steps"), "`steps` is not a list of tables", 'steps = [{ send = "hello" }]')
    lines = place.steps(number)
    connect: dict[str, Any] = {}
    where = at("steps")
    if steps and "connect" in steps[0]:
        connect, where = steps[0], lines.pop() if lines else where
        steps = steps[1:]
    made = _steps(steps, lines, at("steps"), depth=0)
    return s.Session(
        name=_text(table.get("name", f"session {number + 1}"), at("name"), "name"),
        weight=float(weight),
        steps=made,
        **_connect(connect, where),
    )


def _connect(step: dict[str, Any], where: str) -> dict[str, Any]:
    _known(step, ("connect", *STEP_KEYS["connect"]), "key of connect", lambda _: where)
    path = _text(step.get("connect", ""), where, "connect")
    if path and (
        not path.startswith("/") or not path.isascii() or not path.isprintable() or " " in path or "#" in path
    ):
        raise ScenarioError(where, f"connect {path!r:.80}: expected a path", 'for example: { connect = "/chat" }')
    protocols = _texts(step.get("subprotocols", []), where, "subprotocols")
    for name in protocols:
        if not _TOKEN.fullmatch(name):
            raise ScenarioError(where, f"subprotocol {name!r:.60}: expected letters, digits, - or .")
    origin = _text(step.get("origin", ""), where, "origin")
    if not origin.isascii() or not origin.isprintable() or " " in origin:
        raise ScenarioError(where, f"origin {origin!r:.60}: expected as in https://example.org")
    headers = _texts(step.get("headers", []), where, "headers")
    for line in headers:
        name, colon, value = line.partition(":")
        if not (colon and _TOKEN.fullmatch(name) and value.isascii() and value.isprintable()):
            raise ScenarioError(where, f"header {line!r:.60}: expected Name: value")
    return {"path": path, "subprotocols": protocols, "origin": origin, "headers": headers}


def _steps(steps: list[Any], lines: list[str], where: str, depth: int) -> tuple[s.Step, ...]:
    made: list[s.Step] = []
    if depth > 8:
        raise ScenarioError(where, "repeat within repeat, more than eight deep")
    for at, step in enumerate(steps):
        where = lines.pop() if lines else where
        if not isinstance(step, dict):
            raise ScenarioError(where, f"step {step!r:.40} is no table", 'for example: { send = "hello" }')
        made.append(_step(step, lines, where, depth))
        if isinstance(made[-1], s.Close) and (depth or at < len(steps) - 1):
            raise ScenarioError(where, "close ends the session, and something comes after it", "make it the last step")
    return tuple(made)


def _step(step: dict[str, Any], lines: list[str], where: str, depth: int) -> s.Step:
    kinds = [key for key in step if key in STEP_KEYS]
    if not kinds:
        key = next(iter(step), "")
        raise _unknown(where, "step", key, tuple(STEP_KEYS))
    if len(kinds) > 1:
        raise ScenarioError(where, f"one step does {' and '.join(kinds)}", "make it two steps")
    kind = kinds[0]
    _known(step, (kind, *STEP_KEYS[kind]), f"key of {kind}", lambda _: where)
    value = step[kind]
    match kind:
        case "connect":
            raise ScenarioError(where, "connect is not the first step", "a session connects once; make another session")
        case "send" | "binary":
            text = _text(value, where, kind)
            if len(text.encode()) > MOST_MESSAGE:
                raise ScenarioError(where, f"a message of more than {MOST_MESSAGE:,} bytes")
            return s.Send(text, kind == "binary")
        case "expect":
            within = seconds(step.get("within", s.EXPECT_SECONDS), where, "within")
            return s.Expect("" if value is True else _text(value, where, kind), within)
        case "think":
            return _think(value, step.get("random"), where)
        case "repeat":
            inner = step.get("steps")
            if not isinstance(inner, list) or not inner:
                raise ScenarioError(where, "repeat without steps", '{ repeat = 10, steps = [{ think = "1s" }] }')
            return s.Repeat(_whole(value, where, "repeat", 1, 1_000_000_000), _steps(inner, lines, where, depth + 1))
        case "ping":
            if value is not True:
                raise ScenarioError(where, f"ping = {value!r:.40}", "ping = true")
            return s.Ping()
        case _:
            code = 1000 if value is True else _whole(value, where, "close", 1000, 4999)
            if code != 1000 and not 3000 <= code <= 4999:
                raise ScenarioError(where, f"close code {code} is not a client's to send", "1000, or 3000 to 4999")
            return s.Close(code)


def _think(value: object, how: object, where: str) -> s.Think:
    if how not in (None, "exponential"):
        raise _unknown(where, "random", how, ("exponential",))
    if isinstance(value, str) and ".." in value:
        first, _, last = value.partition("..")
        low, high = seconds(first, where, "think"), seconds(last, where, "think")
        if how or high < low:
            raise ScenarioError(where, f"think {value!r:.40}: expected LOW..HIGH, without random", 'think = "1s..3s"')
        return s.Think("uniform", low, high)
    return s.Think("exponential" if how else "fixed", seconds(value, where, "think"))


def seconds(value: object, where: str, name: str) -> float:
    """`"10s"`, `"200ms"`, `"2m"`, `"1h"`, or a number of seconds. Raises ScenarioError."""
    text = value.strip() if isinstance(value, str) else repr(value)
    found = _TIME.fullmatch(text)
    if found is None or isinstance(value, bool):
        raise ScenarioError(where, f"{name} {value!r:.40} is no time", f'for example: {name} = "10s"')
    time = float(found[1]) * _SCALES[found[2] or "s"]
    if time > LONGEST:
        raise ScenarioError(where, f"{name} {value!r:.40}: that is more than a week")
    return time


def _named(sessions: tuple[s.Session, ...], place: _Place) -> tuple[s.Session, ...]:
    seen: set[str] = set()
    for at, session in enumerate(sessions):
        if session.name in seen:
            raise ScenarioError(place("session", at, "name"), f"there are two sessions {session.name!r:.60}")
        seen.add(session.name)
    return sessions


def _whole(value: object, where: str, name: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ScenarioError(where, f"{name} {value!r:.40}: expected a whole number from {least:,} to {most:,}")
    return value


def _text(value: object, where: str, key: str) -> str:
    if not isinstance(value, str):
        raise ScenarioError(where, f"`{key}` is {value!r:.60}, expected a text in quotes")
    return value


def _texts(value: object, where: str, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ScenarioError(where, f"`{key}` is {value!r:.60}, expected a list of texts")
    return tuple(value)


def _known(table: dict[str, Any], keys: tuple[str, ...], what: str, at: Any) -> None:
    for key in table:
        if key not in keys:
            raise _unknown(at(key), what, key, keys)


def _unknown(where: str, what: str, name: object, known: tuple[str, ...]) -> ScenarioError:
    close = closest(name, known) if isinstance(name, str) else ""
    return ScenarioError(
        where, f"unknown {what} {name!r:.60}", f"did you mean {close}?" if close else f"one of: {', '.join(known)}"
    )
