"""What servers elsewhere say about themselves, if they are wstune's: their /stats."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from wstune.actions.verify_report import Shown
from wstune.actions.verify_target import Target, address_of
from wstune.burst import shares
from wstune.burst.scenario import Place
from wstune.host import kernel_counters
from wstune.host.files import Root

_SECONDS = 3.0
_AT_ONCE = 16
_MOST = 1 << 20

Stats = dict[str, Any]


def fetch(target: Target) -> list[Stats | None]:
    """The figures of every server, in the order of `servers`; None of one that has none for us, or is another's.

    `total` has those of all its workers. All are asked at once: who does not answer costs its time once.
    """
    asked = servers(target)
    if not asked:
        return []
    with ThreadPoolExecutor(min(len(asked), _AT_ONCE)) as pool:
        return list(pool.map(lambda place: _ask(place, target.security is not None), asked))


def servers(target: Target) -> list[Place]:
    """Whom to ask: each address and port once. Nobody where the server is our own, or a proxy stands between."""
    if target.ours or target.proxy:
        return []
    return list({place.server: place for place in target.places}.values())


def _ask(place: Place, tls: bool) -> Stats | None:
    connection = _connection(address_of(place.server), int(place.server[1]), tls)
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


def _connection(address: str, port: int, tls: bool) -> http.client.HTTPConnection:
    if not tls:
        return http.client.HTTPConnection(address, port, timeout=_SECONDS)
    # Whose figures these are, the burst's own connections prove.
    unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(address, port, timeout=_SECONDS, context=unchecked)


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


Pair = tuple[Stats | None, Stats | None]


def pairs(target: Target, before: Sequence[Stats | None], after: Sequence[Stats | None]) -> list[Pair]:
    """What each server said before and after. A server that listens on several addresses is one: it says what
    namespace it is in, and has one port there."""
    found: dict[object, Pair] = {}
    for place, first, last in zip(servers(target), before, after, strict=True):
        kernel = (last or {}).get("kernel") or {}
        known = isinstance(kernel, dict) and kernel.get("boot_id") and kernel.get("netns")
        key = (kernel["boot_id"], kernel["netns"], place.server[1]) if known else place.server
        found.setdefault(key, (first, last))
    return list(found.values())


def add(shown: Shown, before: Sequence[Stats | None], after: Sequence[Stats | None]) -> None:
    """Put what the servers say about themselves into what was shown, or say that they say nothing."""
    target = shown.target
    if target.ours:
        return
    asked = pairs(target, before, after)
    told = [growth(*pair) for pair in asked if None not in pair]
    kernels = [kernel for pair in asked if (kernel := kernel_growth(*pair)) is not None]
    if kernels:  # ours last: of one and the same namespace it is ours that count
        ours = shown.counted or [(*kernel_counters.whose(Root()), shown.counters)]
        shown.counters = shares.merged_counters([*kernels, *ours])
    for name in sorted({name for own in told for name in own}):
        shown.counters[name] = sum(own.get(name, 0) for own in told)
    if shown.server_figures:
        _add_memory(shown, pairs(target, before, shown.server_figures))
    shown.remarks += _said(target, len(asked), len(told), len(kernels), apart=bool(shown.counted))


def _said(target: Target, asked: int, told: int, kernels: int, *, apart: bool) -> list[str]:
    """In words, whose figures are among the counters; `apart`: of several machines."""
    said = []
    if told:
        whose = "the server is a wstune: its" if asked == 1 else f"{told} of {asked} servers are wstune: their"
        also = f", and of {kernels} of their kernels" if asked > 1 else ", and its kernel's"
        said.append(f"{whose} own figures, of /stats{also * bool(kernels)}, are among the counters")
    if kernels < max(1, asked) and not target.here:
        of = "the server's kernel" if asked < 2 else f"{asked - kernels} of the servers' kernels"
        ours = "the load machines'" if apart else "this host's"
        said.append(f"what {of} counted is not known here; the counters are {ours}")
    if target.proxy:
        said.append(f"by way of the proxy {target.proxy}, as the environment says (--no-proxy: directly)")
    return said


def _add_memory(shown: Shown, asked: list[Pair]) -> None:
    """Bytes for each connection at the servers, where every one of them tells."""
    grown = [memory_growth(first, last) for first, last in asked]
    opened = shown.opened.get("open", 0)
    if grown and opened and shown.memory is not None and None not in grown:
        total = sum(more for more in grown if more is not None)
        shown.memory = replace(shown.memory, server_user_bytes=total / opened)
