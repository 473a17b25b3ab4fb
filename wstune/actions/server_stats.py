"""What a server elsewhere says about itself, if it is wstune's: its /stats."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import replace
from typing import Any

from wstune.actions.verify_report import Shown
from wstune.actions.verify_target import Target
from wstune.burst import shares
from wstune.host import kernel_counters
from wstune.host.files import Root

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
    """What the server counted meanwhile, as counters `server.…`."""
    if before is None or after is None:
        return {}
    names = ("accept_errors", "handshakes_failed", "messages", "opened")
    found = _grown(before["total"], after["total"])
    return {f"server.{name}": found[name] for name in names if name in found}


def kernel_growth(before: Stats | None, after: Stats | None) -> tuple[str, int, dict[str, int]] | None:
    """(boot, network namespace, growth) of what the server's kernel counted; None where it does not tell, or where
    somebody else answered the second time."""
    were, kernel = (before or {}).get("kernel"), (after or {}).get("kernel")
    if not isinstance(were, dict) or not isinstance(kernel, dict):
        return None
    boot_id, netns = kernel.get("boot_id"), kernel.get("netns")
    if not isinstance(boot_id, str) or type(netns) is not int:
        return None
    if (were.get("boot_id"), were.get("netns")) != (boot_id, netns):
        return None
    old, new = were.get("counters"), kernel.get("counters")
    return (boot_id, netns, _grown(old, new)) if isinstance(old, dict) and isinstance(new, dict) else None


def _grown(old: dict[str, Any], new: dict[str, Any]) -> dict[str, int]:
    return {
        name: value - old[name]
        for name, value in new.items()
        if type(value) is int and type(old.get(name)) is int and value != old[name]
    }


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
    kernel = kernel_growth(before, after)
    if kernel is not None:  # ours last: of one and the same namespace it is ours that count
        shown.counters = shares.merged_counters([kernel, (*kernel_counters.whose(Root()), shown.counters)])
    grown, opened = memory_growth(before, shown.server_figures), shown.opened.get("open", 0)
    if grown is not None and opened and shown.memory is not None:
        shown.memory = replace(shown.memory, server_user_bytes=grown / opened)
    if before is not None:
        also = ", and its kernel's" * (kernel is not None)
        shown.remarks.append(f"the server is a wstune: its own figures, of /stats{also}, are among the counters")
    if kernel is None and not target.here:
        shown.remarks.append("what the server's kernel counted is not known here; the counters are this host's")
    if target.proxy:
        shown.remarks.append(f"by way of the proxy {target.proxy}, as the environment says (--no-proxy: directly)")
