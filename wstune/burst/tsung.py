"""Tsung's files read into scenarios, with a report of what was lost. Pure.

Facts: Tsung 1.7's tsung-1.0.dtd, ts_config.erl and its manual. The steps of sessions are in tsung_steps.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from itertools import product

from wstune.burst import scenario as s
from wstune.burst.tsung_steps import SCALES, Import, session
from wstune.burst.tsung_xml import Element, read

_SCHEMES = {"tcp": "ws", "tcp6": "ws", "websocket": "ws", "ssl": "wss", "ssl6": "wss", "websocket_ssl": "wss"}
MOST_SOURCES = 4096
MOST_LOOPS = 100

_NEEDLESS = frozenset(
    {"ports_range", "ip_bind_address_no_port", "tcp_reuseaddr", "hibernate", "max_ssh_startup_per_core", "seed"}
)
"""Options whose purpose wstune serves in its own way: nothing is lost."""


def convert(data: bytes, where: str) -> tuple[s.Scenario, tuple[str, ...]]:
    """The scenario, and what was lost or is different, a sentence each: `FILE:LINE: …`, in the order of the file.

    Raises ScenarioError for what is no XML, no Tsung, or has no WebSocket session; never reads anything but `data`.
    """
    root = read(data, where)
    made = Import(where)
    if root.name != "tsung":
        raise made.error(root, f"is not of Tsung: its root is <{root.name}>")
    made.options = _options(root, made)
    servers = _servers(root, made)
    sources = _clients(root, made)
    for element in root.of("monitoring"):
        made.lost(element, "monitoring: what was watched there is the host's kernel here, and a server's /stats")
    phases = _load(root, made)
    sessions = _sessions(root, made)
    hold = _hold(sessions, phases, made)
    found = tuple(made.finished(one, held=hold is not None) for one in sessions)
    scenario = s.Scenario(found, phases, hold, tuple(_url(server, found) for server in servers), tuple(sources), where)
    return scenario, tuple(made.notes())


def _options(root: Element, made: Import) -> dict[str, Element]:
    found: dict[str, Element] = {}
    for options in root.of("options"):
        for option in options.of("option"):
            name = option.get("name")
            found[name] = option
            known = name in _NEEDLESS or name == "thinktime" or name.startswith("websocket_") or name == "idle_timeout"
            if not known:
                made.lost(option, f"option {name}: it has no counterpart")
    return found


def _servers(root: Element, made: Import) -> list[tuple[str, str]]:
    """(scheme, host:port) of each server."""
    found: list[tuple[str, str]] = []
    weights = set()
    for servers in root.of("servers"):
        for server in servers.of("server"):
            kind = server.get("type", "tcp")
            if kind not in _SCHEMES:
                raise made.error(server, f"a server of type {kind!r:.40}", "WebSocket goes over tcp or ssl")
            host, port = server.get("host"), server.get("port")
            if not host or not (port.isdecimal() and port.isascii() and 1 <= int(port) <= 65_535):
                raise made.error(server, f"a server without a host, or with port {port!r:.40}")
            found.append((_SCHEMES[kind], f"[{host}]:{port}" if ":" in host else f"{host}:{port}"))
            weights.add(server.get("weight", "1"))
            made.raw = made.raw or kind.startswith("websocket")
    if not found:
        raise made.error(root, "names no server")
    if len(weights) > 1:
        made.lost(root.of("servers")[0], "servers with different weights: each gets as many connections here")
    if len({scheme for scheme, _ in found}) > 1:
        made.lost(root.of("servers")[0], "ws and wss servers: a burst has one of them, choose by its URL")
    return found


def _url(server: tuple[str, str], sessions: tuple[s.Session, ...]) -> str:
    paths = {one.path for one in sessions}
    return f"{server[0]}://{server[1]}{paths.pop() if len(paths) == 1 else '/'}".replace(s.PLACE, "1")


def _clients(root: Element, made: Import) -> list[str]:
    """The source addresses of all clients."""
    sources: list[str] = []
    names = []
    for clients in root.of("clients"):
        for client in clients.of("client"):
            host = client.get("host")
            if host and host not in ("localhost", "127.0.0.1"):
                names.append((client, host))
            if client.get("type") == "batch":
                made.lost(client, f"a client of the batch system {client.get('batch')!r:.20}: see --cluster")
            for address in client.of("ip"):
                value = address.get("value")
                if address.get("scan") == "true" or value == "resolve":
                    made.lost(address, f"addresses of {value!r:.40} found by looking: name them with --source")
                elif _is_address(value):
                    sources.append(value)
                else:
                    made.lost(address, f"{value!r:.40} is no address")
            for block in client.of("iprange"):
                sources += _range(block, made)
    if names:
        hosts = ",".join(dict.fromkeys(host for _, host in names))
        made.lost(
            names[0][0], f"load machines, with their processors and weights: --hosts {hosts:.200} checks and uses them"
        )
    return list(dict.fromkeys(sources))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _range(block: Element, made: Import) -> list[str]:
    """`172.28.1-20.0-254`: each part a number or a range."""
    parts: list[range] = []
    for part in block.get("value").split("."):
        low, _, high = part.partition("-")
        if not (low.isdecimal() and (high or low).isdecimal() and int(low) <= int(high or low) <= 255):
            break
        parts.append(range(int(low), int(high or low) + 1))
    many = 1
    for one in parts:
        many *= len(one)
    if len(parts) != 4 or many > MOST_SOURCES:
        made.lost(block, f"the range {block.get('value')!r:.40}: name the addresses with --source")
        return []
    return [".".join(map(str, address)) for address in product(*parts)]


def _load(root: Element, made: Import) -> tuple[s.Phase, ...]:
    phases: list[s.Phase] = []
    loads = root.of("load")
    if not loads:
        raise made.error(root, "has no load")
    for load in loads:
        own = [_phase(phase, made) for phase in load.of("arrivalphase")]
        for user in load.of("user"):
            made.lost(user, "a user with a time of its own")
        loops = made.number(load, "loop", 0.0)
        if not 0 <= loops < MOST_LOOPS:
            raise made.error(load, f"loop {load.get('loop')!r:.20}: expected 0 to {MOST_LOOPS - 1}")
        own *= int(loops) + 1
        if load.get("duration"):
            own = _cut(load, own, made)
        phases += own
    if not phases:
        raise made.error(loads[0], "has no arrivalphase")
    if len(phases) > s.MOST_PHASES:
        raise made.error(loads[0], f"{len(phases):,} phases, loops counted: at most {s.MOST_PHASES:,} are read")
    return tuple(phases)


def _phase(phase: Element, made: Import) -> s.Phase:
    seconds = made.number(phase, "duration") * made.scale(phase, "unit")
    users = phase.of("users")
    if not users:
        raise made.error(phase, "an arrivalphase without users")
    for other in users[1:]:
        made.lost(other, "more users in the same phase")
    for setup in phase.of("session_setup"):
        made.lost(setup, f"session_setup of {setup.get('name')!r:.40}: weights are the same in all phases")
    if phase.get("wait_all_sessions_end") == "true":
        made.lost(phase, "wait_all_sessions_end: the next phase begins in its time")
    one = users[0]
    if bool(one.get("arrivalrate")) == bool(one.get("interarrival")):
        raise made.error(one, "users have either arrivalrate or interarrival")
    if one.get("arrivalrate"):
        rate = made.number(one, "arrivalrate") / made.scale(one, "unit")
    else:
        gap = made.number(one, "interarrival") * made.scale(one, "unit")
        rate = 1 / gap if gap else 0.0
    if not 0 < rate <= 1e6 or not 0 < seconds <= 7 * 24 * 3600:
        raise made.error(one, f"{rate:g} users a second for {seconds:g} s: expected above 0, and at most a week")
    count = None
    if one.get("maxnumber"):
        most = made.number(one, "maxnumber")
        if not 1 <= most <= 100_000_000:
            raise made.error(one, f"maxnumber {one.get('maxnumber')!r:.20}: expected 1 or more")
        count = int(most)
    return s.Phase(rate, rate, count, seconds, poisson=True)


def _cut(load: Element, phases: list[s.Phase], made: Import) -> list[s.Phase]:
    """The phases that fit the load's own duration."""
    left = made.number(load, "duration") * SCALES.get(load.get("unit", "second"), 1.0)
    kept: list[s.Phase] = []
    for phase in phases:
        if left <= 0:
            break
        kept.append(replace(phase, seconds=min(phase.seconds or 0.0, left)))
        left -= phase.seconds or 0.0
    return kept


def _sessions(root: Element, made: Import) -> list[s.Session]:
    found: list[s.Session] = []
    kinds: set[str] = set()
    for sessions in root.of("sessions"):
        for element in sessions.of("session"):
            kinds |= {name for name in ("probability", "weight") if element.get(name)}
            if len(kinds) > 1:
                raise made.error(element, "sessions have either a probability or a weight, all of them the same")
            weight = made.number(element, next(iter(kinds)), 0.0) if kinds else 1.0
            if weight <= 0:
                made.lost(element, f"session {element.get('name')!r:.40}: its probability is 0")
                continue
            found.append(replace(session(element, made), weight=weight))
    if not found:
        raise made.error(root, "has no session that is done")
    if len(found) > s.MOST_SESSIONS:
        raise made.error(root, f"{len(found):,} sessions: at most {s.MOST_SESSIONS} are read", "leave some out")
    names = [one.name for one in found]
    return [
        replace(one, name=one.name if names.count(one.name) == 1 else f"{one.name} {at + 1}")
        for at, one in enumerate(found)
    ]


def _hold(sessions: list[s.Session], phases: tuple[s.Phase, ...], made: Import) -> float | None:
    """Seconds to hold, when every session ends by thinking for longer than all of them take to arrive."""
    arriving = sum(phase.seconds or 0.0 for phase in phases)
    idle = [s.think_seconds(made.tail(one)) for one in sessions]
    return max(idle) if min(idle) >= max(arriving, 1.0) and not any(one.closes for one in sessions) else None
