"""A scenario written as TOML; `scenario_file.parse` reads it back. Pure."""

from __future__ import annotations

import json

from wstune.burst import scenario as s


def to_toml(scenario: s.Scenario, remarks: tuple[str, ...] = ()) -> str:
    """The text of a scenario's file, with remarks as comments at its head."""
    lines = [f"# {line}".rstrip() for remark in remarks for line in remark.splitlines()]
    lines += ["", "schema = 1"] if lines else ["schema = 1"]
    if scenario.hold is not None:
        lines.append(f"hold = {time(scenario.hold)}")
    for name, texts in (("servers", scenario.servers), ("sources", scenario.sources)):
        if texts:
            lines.append(f"{name} = {_list(texts)}")
    for phase in scenario.phases:
        lines += ["", "[[phase]]", *_phase(phase)]
    for session in scenario.sessions:
        lines += ["", "[[session]]", *_session(session)]
    return "\n".join(lines) + "\n"


def _phase(phase: s.Phase) -> list[str]:
    ramp = phase.rate != phase.last_rate
    lines = [f'rate = "{_number(phase.rate)}..{_number(phase.last_rate)}"' if ramp else f"rate = {_number(phase.rate)}"]
    if phase.poisson:
        lines.append('arrival = "poisson"')
    if phase.count is not None:
        lines.append(f"count = {phase.count}")
    if phase.seconds is not None:
        lines.append(f"duration = {time(phase.seconds)}")
    return lines


def _session(session: s.Session) -> list[str]:
    lines = [f"name = {_quoted(session.name)}"]
    if session.weight != 1:
        lines.append(f"weight = {_number(session.weight)}")
    connect = [f"connect = {_quoted(session.path)}"]
    if session.subprotocols:
        connect.append(f"subprotocols = {_list(session.subprotocols)}")
    if session.origin:
        connect.append(f"origin = {_quoted(session.origin)}")
    if session.headers:
        connect.append(f"headers = {_list(session.headers)}")
    return [*lines, "steps = [", f"  {{ {', '.join(connect)} }},", *_steps(session.steps, "  "), "]"]


def _steps(steps: tuple[s.Step, ...], indent: str) -> list[str]:
    lines = []
    for step in steps:
        match step:
            case s.Repeat(times, inner):
                # TOML 1.0 lets no line end within an inline table, but within an array in it.
                lines += [f"{indent}{{ repeat = {times}, steps = [", *_steps(inner, indent + "  "), f"{indent}] }},"]
            case s.Send(text, binary):
                lines.append(f"{indent}{{ {'binary' if binary else 'send'} = {_quoted(text)} }},")
            case s.Expect(text, seconds):
                within = "" if seconds == s.EXPECT_SECONDS else f", within = {time(seconds)}"
                lines.append(f"{indent}{{ expect = {_quoted(text)}{within} }},")
            case s.Think("uniform", low, high):
                lines.append(f'{indent}{{ think = "{_number(low)}s..{_number(high)}s" }},')
            case s.Think(how, low):
                random = ', random = "exponential"' if how == "exponential" else ""
                lines.append(f"{indent}{{ think = {time(low)}{random} }},")
            case s.Ping():
                lines.append(f"{indent}{{ ping = true }},")
            case s.Close(code):
                lines.append(f"{indent}{{ close = {code} }},")
    return lines


def time(seconds: float) -> str:
    """A time in quotes, as scenario_file reads it."""
    text = f"{seconds:.9f}".rstrip("0").rstrip(".")
    return f'"{text}s"'


def _number(value: float) -> str:
    text = f"{value:.9f}".rstrip("0").rstrip(".")
    return text or "0"


def _list(texts: tuple[str, ...]) -> str:
    return f"[{', '.join(_quoted(text) for text in texts)}]"


def _quoted(text: str) -> str:
    """A basic string of TOML, which is JSON's but for DEL. What steers a terminal is spelled out besides."""
    return "".join(char if char.isprintable() else _escaped(char) for char in json.dumps(text, ensure_ascii=False))


def _escaped(char: str) -> str:
    return f"\\u{ord(char):04x}" if char <= "\uffff" else f"\\U{ord(char):08x}"
