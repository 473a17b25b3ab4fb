"""A Tsung session's elements read into steps. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

from wstune.burst import scenario as s
from wstune.burst.tsung_xml import Element
from wstune.errors import ScenarioError

SCALES = {"millisecond": 0.001, "second": 1.0, "minute": 60.0, "hour": 3600.0}
MOST_UNROLLED = 2000
_LONGEST = 7 * 24 * 3600.0
_UNIQUE = "%%ts_user_server:get_unique_id%%"
_PLACES = re.compile(r"%%([^%]+)%%")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)


@dataclass(slots=True)
class Import:
    """A file being read: what was lost so far, its options, and whether plain data goes into WebSocket frames."""

    where: str
    options: dict[str, Element] = field(default_factory=dict)
    raw: bool = False
    unrolled: int = 0
    _notes: list[tuple[int, str]] = field(default_factory=list)

    def error(self, element: Element, words: str, tip: str = "") -> ScenarioError:
        return ScenarioError(f"{self.where}:{element.line}", words, tip)

    def lost(self, element: Element, words: str) -> None:
        """Note something that is lost, or different."""
        self._notes.append((element.line, words))

    def notes(self) -> list[str]:
        return [f"{self.where}:{line}: {words}" for line, words in dict.fromkeys(sorted(self._notes))]

    def number(self, element: Element, name: str, default: float | None = None) -> float:
        """An attribute that is a number. Raises ScenarioError."""
        text = element.get(name)
        if not text and default is not None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not (isfinite(value) and value >= 0 and text.isascii()):
            raise self.error(element, f"{name} {text!r:.40} of <{element.name}> is no number")
        return value

    def scale(self, element: Element, name: str) -> float:
        """Seconds of an attribute that is a unit of time."""
        text = element.get(name, "second")
        if text not in SCALES:
            raise self.error(element, f"{name} {text!r:.40}: expected one of {', '.join(SCALES)}")
        return SCALES[text]

    def option(self, name: str) -> str:
        found = self.options.get(name)
        return found.get("value") if found is not None else ""

    def tail(self, one: s.Session) -> tuple[s.Step, ...]:
        """The steps at the end of a session that do nothing but think."""
        steps = one.steps
        start = len(steps)
        while start and _only_thinks(steps[start - 1]):
            start -= 1
        return steps[start:]

    def finished(self, one: s.Session, *, held: bool) -> s.Session:
        """With its end as ours: held until the end of all, or closed, as Tsung does when a session is over."""
        if one.closes:
            return one
        if not held:
            return replace(one, steps=(*one.steps, s.Close()))
        steps = one.steps[: len(one.steps) - len(self.tail(one))]
        if steps and isinstance(steps[-1], s.Expect):  # waiting for just anything, only to hold then
            steps = steps[:-1]
        return replace(one, steps=steps)


def _only_thinks(step: s.Step) -> bool:
    return isinstance(step, s.Think) or (isinstance(step, s.Repeat) and all(map(_only_thinks, step.steps)))


def session(element: Element, made: Import) -> s.Session:
    """A session. Raises ScenarioError for one that is not of WebSocket."""
    kind = element.get("type")
    if kind != "ts_websocket" and not (kind == "ts_raw" and made.raw):
        raise made.error(element, f"a session of type {kind!r:.40}", "only ts_websocket is read: leave the others out")
    reader = _Steps(made, element, raw=kind == "ts_raw")
    steps = reader.steps(element, {})
    if not steps and not reader.connected:
        raise made.error(element, f"session {element.get('name')!r:.40} does nothing")
    return s.Session(element.get("name") or "websocket", 1.0, steps=steps, **reader.connect)


class _Steps:
    """Reads one session's elements. `connect`: path, subprotocols, origin and headers of its request."""

    def __init__(self, made: Import, element: Element, *, raw: bool) -> None:
        self.made = made
        self.connected = raw
        self.closed = False
        self.connect: dict[str, Any] = {"path": made.option("websocket_path") or "/"} if raw else {}
        if raw:
            self.connect["subprotocols"] = _names(made.option("websocket_subprotocols"))
            self.connect["origin"] = made.option("websocket_origin")
            self._check(made.options.get("websocket_path", element))

    def steps(self, parent: Element, values: dict[str, str]) -> tuple[s.Step, ...]:
        """The steps of an element's children; `values` of loop counters."""
        found: list[s.Step] = []
        for element in parent.children:
            if self.closed:
                self.made.lost(element, f"<{element.name}> after the close: a session here ends with it")
                break
            found += self._step(element, values)
        return tuple(found)

    def _step(self, element: Element, values: dict[str, str]) -> tuple[s.Step, ...]:
        made = self.made
        match element.name:
            case "request":
                return self._request(element, values)
            case "thinktime":
                return self._think(element)
            case "transaction":
                return self.steps(element, values)
            case "for":
                return self._for(element, values)
            case "repeat" | "foreach" | "if":
                steps = self.steps(element, values) if element.name == "repeat" else ()
                done = "done once" if steps else "left out"
                made.lost(element, f"<{element.name}> depends on what is answered: its steps are {done}")
                return steps
            case "setdynvars" if element.get("sourcetype") in ("erlang", "eval"):
                raise made.error(element, "runs Erlang, which is refused", "put what it makes into the messages")
            case "change_type":
                raise made.error(element, "a session that changes its protocol")
            case "abort":
                made.lost(element, "abort: the session closes")
                self.closed = True
                return (s.Close(),)
            case _:
                made.lost(element, f"<{element.name}>: it has no counterpart")
                return ()

    def _request(self, request: Element, values: dict[str, str]) -> tuple[s.Step, ...]:
        made = self.made
        for other in request.of("match", "dyn_variable"):
            made.lost(other, f"<{other.name}>: answers are not looked into")
        bodies = [child for child in request.children if child.name not in ("match", "dyn_variable")]
        subst = request.get("subst", "false") in ("true", "all_except_body")
        if len(bodies) != 1 or bodies[0].name not in ("websocket", "raw"):
            names = ", ".join(child.name for child in bodies) or "nothing"
            raise made.error(request, f"a request of {names:.60}", "only <websocket> is read")
        body = bodies[0]
        if body.name == "raw":
            data = body.get("data") or "x" * min(65_536, int(made.number(body, "datasize", 0.0)))
            return self._message(body, self._filled(body, data, subst, values), made.option("websocket_frame"))
        match body.get("type"):
            case "connect":
                self._connect(body, subst, values)
                return ()
            case "message":
                text = body.text.strip()
                return self._message(
                    body,
                    self._filled(body, text, request.get("subst") == "true", values),
                    body.get("frame"),
                )
            case "close":
                self.closed = True
                return (s.Close(),)
            case unknown:
                raise made.error(body, f"a websocket request of type {unknown!r:.40}", "connect, message or close")

    def _connect(self, body: Element, subst: bool, values: dict[str, str]) -> None:
        made = self.made
        if self.connected:
            raise made.error(body, "a second connect in one session", "make it a session of its own")
        self.connected = True
        path = self._filled(body, body.get("path", "/") or "/", subst, values)
        headers = []
        for header in body.of("http_header"):
            line = f"{header.get('name')}: {self._filled(header, header.get('value'), subst, values)}"
            if not _TOKEN.fullmatch(header.get("name")) or not line.isascii() or not line.isprintable():
                raise made.error(header, f"header {line!r:.60} is none")
            headers.append(line)
        names = _names(body.get("subprotocols"))
        self.connect |= {"path": path, "origin": body.get("origin"), "subprotocols": names, "headers": tuple(headers)}
        self._check(body)

    def _check(self, element: Element) -> None:
        """What the request says must be what a scenario may say. Raises ScenarioError."""
        path, origin, names = (self.connect[key] for key in ("path", "origin", "subprotocols"))
        if not path.startswith("/") or not _is_visible(path) or "#" in path:
            raise self.made.error(element, f"path {path!r:.60} is no path")
        if not _is_visible(origin):
            raise self.made.error(element, f"origin {origin!r:.60} is none")
        if not all(_TOKEN.fullmatch(name) for name in names):
            raise self.made.error(element, f"subprotocols {', '.join(names)!r:.60} are none")

    def _message(self, body: Element, text: str, frame: str) -> tuple[s.Step, ...]:
        made = self.made
        if not self.connected:
            raise made.error(body, "a message before the connect")
        if len(text.encode()) > 65_536:
            raise made.error(body, "a message of more than 65,536 bytes")
        sent = s.Send(text, binary=frame != "text")
        if sent.binary:
            made.lost(body, "a binary frame, as Tsung sends unless frame is text: many chat servers pass those by")
        if body.get("ack", "parse") == "no_ack":
            return (sent,)
        made.lost(
            body,
            'waits for any frame (ack is "parse"): left out where only the hold follows, else a silence is a loss',
        )
        timeout = made.options.get("idle_timeout")
        within = made.number(timeout, "value") / 1000 if timeout is not None else 600.0
        return (sent, s.Expect("", min(within, _LONGEST)))

    def _think(self, element: Element) -> tuple[s.Step, ...]:
        made, option = self.made, self.made.options.get("thinktime")
        if option is not None and (option.get("override") == "true" or not element.get("value") + element.get("min")):
            element = replace_attributes(element, option)
        value = element.get("value")
        if value == "wait_bidi":
            return (s.Expect("", 600.0),)
        if value == "wait_global" or "%%" in value:
            made.lost(element, f"a thinktime of {value!r:.40}")
            return ()
        if element.get("min") or element.get("max"):
            low, high = made.number(element, "min"), made.number(element, "max")
            if not low <= high <= _LONGEST:
                raise made.error(element, f"a thinktime from {low:g} to {high:g} s")
            return (s.Think("uniform", low, high),)
        seconds = made.number(element, "value")
        if seconds > _LONGEST:
            raise made.error(element, f"a thinktime of {seconds:g} s: more than a week")
        return (s.Think("exponential" if element.get("random") == "true" else "fixed", seconds),) if seconds else ()

    def _for(self, element: Element, values: dict[str, str]) -> tuple[s.Step, ...]:
        made = self.made
        if "%%" in element.get("from") + element.get("to"):
            made.lost(element, "a loop whose length is known only there: its steps are done once")
            return self.steps(element, values)
        first, last = int(made.number(element, "from")), int(made.number(element, "to"))
        step = max(1, int(made.number(element, "incr", 1.0)))
        times = len(range(first, last + 1, step))
        if not times:
            return ()
        name = element.get("var")
        if f"%%_{name}%%" not in _all_text(element):
            steps = self.steps(element, values)
            if self.closed:
                return steps
            return (s.Repeat(times, steps),) if steps else ()
        self.made.unrolled += times
        if self.made.unrolled > MOST_UNROLLED:
            raise made.error(element, f"a loop of {times:,} that says its counter: more than {MOST_UNROLLED:,} steps")
        return tuple(
            one for at in range(times) for one in self.steps(element, {**values, name: str(first + at * step)})
        )

    def _filled(self, element: Element, text: str, subst: bool, values: dict[str, str]) -> str:
        """A text with its substitutions made. Raises ScenarioError for those that run something."""
        if s.PLACE in text:
            self.made.lost(element, f"{s.PLACE} in it stands for the connection's number here")
        if not subst or "%%" not in text:
            return text

        def one(found: re.Match[str]) -> str:
            name = found[1]
            if found[0] == _UNIQUE:
                return s.PLACE
            if name.startswith("_") and name[1:] in values:
                return values[name[1:]]
            if ":" in name:
                raise self.made.error(element, f"runs {name!r:.60}, which is refused", f"only {_UNIQUE} is known")
            self.made.lost(element, f"the variable {name.removeprefix('_')!r:.40}: it is said as it stands")
            return found[0]

        return _PLACES.sub(one, text)


def replace_attributes(element: Element, other: Element) -> Element:
    """An element where it stands, with another's attributes."""
    return Element(element.name, element.line, dict(other.attributes))


def _is_visible(text: str) -> bool:
    """Whether it is ASCII without blanks and control characters, as a request's first line and its Origin are."""
    return text.isascii() and text.isprintable() and " " not in text


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _all_text(element: Element) -> str:
    whole = [element.text, *element.attributes.values(), *map(_all_text, element.children)]
    return "\0".join(whole)
