"""A scenario written as a Tsung file, with what Tsung cannot do in its comments. Pure."""

from __future__ import annotations

from math import ceil, sqrt
from xml.sax.saxutils import escape, quoteattr

from wstune.burst import scenario as s

DTD = "/usr/share/tsung/tsung-1.0.dtd"
"""Where Debian has it; Tsung takes the one beside its own program, whatever this says."""

_UNIQUE = "%%ts_user_server:get_unique_id%%"
_HOLD_STEP = 10.0
_TYPES = {"ws": "tcp", "wss": "ssl"}


class _Export:
    def __init__(self) -> None:
        self.remarks: list[str] = []
        self.loops = 0

    def lost(self, words: str) -> None:
        if words not in self.remarks:
            self.remarks.append(words)


def to_tsung(
    scenario: s.Scenario, servers: tuple[tuple[str, str, int], ...], *, connections: int, clients: tuple[str, ...] = ()
) -> str:
    """The text of the file.

    Args:
        servers: (ws or wss, host, port) of each. connections: for a phase without an end.
        clients: load machines; none: this one.
    """
    made = _Export()
    body = [
        "  <clients>",
        *(_client(host, scenario.sources, connections, own=host == "localhost") for host in clients or ("localhost",)),
        "  </clients>",
        "  <servers>",
        *(
            f'    <server host={quoteattr(host)} port="{port}" type="{_TYPES[scheme]}{6 if ":" in host else ""}"/>'
            for scheme, host, port in servers
        ),
        "  </servers>",
        "  <load>",
        *_phases(scenario, connections, made),
        "  </load>",
        "  <options>",
        # Off by default in Tsung; without it a source address runs out of ports early.
        '    <option name="ip_bind_address_no_port" value="true"/>' if scenario.sources else "",
        "  </options>",
        "  <sessions>",
        *(line for session in scenario.sessions for line in _session(session, scenario, made)),
        "  </sessions>",
    ]
    head = ['<?xml version="1.0" encoding="UTF-8"?>', f'<!DOCTYPE tsung SYSTEM "{DTD}">']
    body = [
        "".join(char if char.isprintable() or char in "\n\t" else f"&#{ord(char)};" for char in line) for line in body
    ]
    comments = [f"<!-- {remark.replace('--', '- -')} -->" for remark in made.remarks]
    lines = [*head, *comments, '<tsung loglevel="notice" version="1.0">', *body, "</tsung>"]
    return "\n".join(line for line in lines if line) + "\n"


def _client(host: str, sources: tuple[str, ...], connections: int, *, own: bool) -> str:
    controller = ' use_controller_vm="true"' if own else ""
    head = f'    <client host={quoteattr(host)}{controller} maxusers="{max(1000, connections)}"'
    inside = "".join(f"<ip value={quoteattr(source)}/>" for source in sources)
    return f"{head}>{inside}</client>" if inside else f"{head}/>"


def _phases(scenario: s.Scenario, connections: int, made: _Export) -> list[str]:
    phases = scenario.phases
    if not phases:
        made.lost("as fast as it goes is nothing that Tsung knows: 1,000 a second")
        phases = (s.Phase(1000.0, 1000.0),)
    lines: list[str] = []
    left = connections
    for phase in phases:
        count = phase.arrivals(left)
        left -= count
        if not phase.poisson:
            made.lost("arrivals at even gaps: Tsung's are at random (Poisson)")
        for rate, some, seconds in _pieces(phase, count, made):
            if not lines and not phase.seconds:
                seconds += 1  # Tsung counts its first phase from up to a second before the first arrival (ts_launcher)
            lines += [
                f'    <arrivalphase phase="{len(lines) // 3 + 1}" {_duration(seconds)}>',
                f'      <users {_arrivals(rate)} maxnumber="{some}" unit="second"/>',
                "    </arrivalphase>",
            ]
    return lines


def _pieces(phase: s.Phase, count: int, made: _Export) -> list[tuple[float, int, float]]:
    """(rate, connections, seconds) of each phase of Tsung that a phase of ours becomes; a ramp is ten steps."""
    if phase.rate == phase.last_rate:
        # At random it may take longer until they have come: five standard deviations more, unless an end is given.
        seconds = phase.seconds or (count + 5 * sqrt(count)) / phase.rate
        return [(phase.rate, count, seconds)] if count else []
    made.lost("a ramp: ten steps of constant rates")
    length = 2 * count / (phase.rate + phase.last_rate)
    steps = [phase.rate + (phase.last_rate - phase.rate) * (at + 0.5) / 10 for at in range(10)]
    pieces = [(rate, max(1, round(rate * length / 10)), length / 10) for rate in steps]
    return pieces if count else []


def _duration(seconds: float) -> str:
    """Whole numbers are all that it takes."""
    if seconds == round(seconds):
        return f'duration="{round(seconds)}" unit="second"'
    return f'duration="{ceil(seconds * 1000)}" unit="millisecond"'


def _arrivals(rate: float) -> str:
    return f'arrivalrate="{round(rate)}"' if rate == round(rate) else f'interarrival="{_number(1 / rate)}"'


def _session(session: s.Session, scenario: s.Scenario, made: _Export) -> list[str]:
    name = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in session.name) or "session"
    lines = [f'    <session name={quoteattr(name)} weight="{_number(session.weight)}" type="ts_websocket">']
    attributes = f" path={quoteattr(_filled(session.path or '/'))}"
    if session.origin:
        attributes += f" origin={quoteattr(session.origin)}"
    if session.subprotocols:
        attributes += f" subprotocols={quoteattr(', '.join(session.subprotocols))}"
    if session.headers:
        made.lost("headers of the request: the DTD of Tsung 1.7, by which it checks its files, has none here")
    subst = ' subst="true"' if s.PLACE in session.path else ""
    lines.append(f'      <request{subst}><websocket type="connect"{attributes}></websocket></request>')
    lines += _steps(session.steps, "      ", made)
    if not session.closes:
        arriving = sum(phase.seconds or 0.0 for phase in scenario.phases)
        hold = (scenario.hold or 0.0) + arriving
        if hold:
            times = max(1, ceil(hold / _HOLD_STEP))
            lines += [
                f'      <for var="hold" from="1" to="{times}" incr="1">',
                f'        <thinktime value="{_number(hold / times)}"/>',
                "      </for>",
            ]
    return [*lines, "    </session>"]


def _steps(steps: tuple[s.Step, ...], indent: str, made: _Export) -> list[str]:
    lines: list[str] = []
    for at, step in enumerate(steps):
        after = steps[at + 1] if at + 1 < len(steps) else None
        match step:
            case s.Send(text, binary):
                lines.append(_message(text, binary, indent, isinstance(after, s.Expect), made))
            case s.Expect(text):
                if text:
                    made.lost("which message is expected: Tsung takes any")
                if at == 0 or not isinstance(steps[at - 1], s.Send):
                    lines.append(f'{indent}<thinktime value="wait_bidi"/>')
            case s.Think("uniform", low, high):
                if low != round(low) or high != round(high):
                    made.lost("thinking between fractions of seconds: Tsung takes whole ones")
                lines.append(f'{indent}<thinktime min="{round(low)}" max="{max(round(high), round(low) + 1)}"/>')
            case s.Think(how, low):
                random = ' random="true"' if how == "exponential" else ""
                lines.append(f'{indent}<thinktime value="{_number(low)}"{random}/>')
            case s.Ping():
                made.lost("a PING: Tsung sends none")
            case s.Close():
                lines.append(f'{indent}<request><websocket type="close"></websocket></request>')
            case s.Repeat(times, inner):
                made.loops += 1
                lines.append(f'{indent}<for var="loop{made.loops}" from="1" to="{times}" incr="1">')
                lines += [*_steps(inner, indent + "  ", made), f"{indent}</for>"]
    return lines


def _message(text: str, binary: bool, indent: str, awaited: bool, made: _Export) -> str:
    plain = "".join(letter if _has(letter) else "?" for letter in text)
    if plain != text:
        made.lost("characters that XML cannot hold: a question mark stands for each")
        text = plain
    if text != text.strip():
        made.lost("blanks at the ends of a message: Tsung takes them off")
    subst = ' subst="true"' if s.PLACE in text else ""
    frame = "binary" if binary else "text"
    ack = "parse" if awaited else "no_ack"
    body = escape(_filled(text))
    return f'{indent}<request{subst}><websocket type="message" frame="{frame}" ack="{ack}">{body}</websocket></request>'


def _has(letter: str) -> bool:
    """Whether XML 1.0 can hold a character (its section 2.2), and gives it back as it was."""
    return letter in "\t\n" or " " <= letter <= "\ud7ff" or "\ue000" <= letter <= "\ufffd" or letter > "\uffff"


def _filled(text: str) -> str:
    return text.replace(s.PLACE, _UNIQUE)


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".") or "0"
