"""What a server elsewhere says about itself, if it is wstune's: its /stats."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import replace
from typing import Any

from wstune.actions.verify_report import Shown
from wstune.actions.verify_target import Target

_SECONDS = 3.0
_MOST = 1 << 20

Stats = dict[str, Any]


def fetch(target: Target) -> Stats | None:
    """The server's figures; None if it has none for us, or is another's. `total` has those of all its workers."""
    if target.ours or not target.places or target.proxy:
        return None
    place = target.places[0]
    connection = _connection(target)
    try:
        connection.request("GET", "/stats", headers={"Host": place.host, "Connection": "close"})
        answer = connection.getresponse()
        document = json.loads(answer.read(_MOST)) if answer.status == 200 else None
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    if not isinstance(document, dict) or not isinstance(document.get("total"), dict):
        return None
    return document if {"handshakes_failed", "accept_errors", "opened"} <= document["total"].keys() else None


def _connection(target: Target) -> http.client.HTTPConnection:
    if target.security is None:
        return http.client.HTTPConnection(target.address, target.port, timeout=_SECONDS)
    # Whose figures these are, the burst's own connections prove.
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(target.address, target.port, timeout=_SECONDS, context=unchecked)


def growth(before: Stats | None, after: Stats | None) -> dict[str, int]:
    """What the server counted meanwhile, as counters `server.…`, and its kernel's where it tells them."""
    if before is None or after is None:
        return {}
    old, new = before["total"], after["total"]
    found = {
        f"server.{name}": new[name] - old[name]
        for name in ("accept_errors", "handshakes_failed", "messages", "opened")
        if type(new.get(name)) is int and type(old.get(name)) is int
    }
    kernel, were = after.get("kernel"), before.get("kernel")
    if isinstance(kernel, dict) and isinstance(were, dict):
        found |= {
            name: value - were[name]
            for name, value in kernel.items()
            if type(value) is int and type(were.get(name)) is int
        }
    return {name: value for name, value in found.items() if value}


def memory_growth(before: Stats | None, after: Stats | None) -> int | None:
    """Bytes by which the server's anonymous memory has grown; None where it is not known."""
    if before is None or after is None:
        return None
    try:
        return max(
            0, int(after["total"]["memory"]["anonymous_bytes"]) - int(before["total"]["memory"]["anonymous_bytes"])
        )
    except (KeyError, TypeError, ValueError):
        return None


def add(shown: Shown, before: Stats | None) -> None:
    """Put what the server says about itself into what was shown, or say that it says nothing."""
    target, after = shown.target, fetch(shown.target)
    if target.ours:
        return
    shown.counters = {**growth(before, after), **shown.counters}
    grown, opened = memory_growth(before, shown.server_figures), shown.opened.get("open", 0)
    if grown is not None and opened and shown.memory is not None:
        shown.memory = replace(shown.memory, server_user_bytes=grown / opened)
    if before is not None:
        shown.remarks.append("the server is a wstune: its own figures, of /stats, are among the counters")
    elif not target.here:
        shown.remarks.append("what the server's kernel counted is not known here; the counters are this host's")
    if target.proxy:
        shown.remarks.append(f"by way of the proxy {target.proxy}, as the environment says (--no-proxy: directly)")
