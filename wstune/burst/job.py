"""What one generator opens. Lean: forked by the hundred."""

from __future__ import annotations

import random

from wstune.burst import pacing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wstune.burst.script import Instruction


class Job:
    """What one generator opens.

    Attributes:
        share: connections. sources: addresses to come from; none: the kernel chooses.
        server: (address, port). path, host, headers: of the request; headers end in CRLF each.
        routes: where to go and how, when that is not the same for all: each has these four names, a `weight`, the
            `kind` of its session, `protocols` (subprotocols that are asked for), `name` (the certificate's) and
            `tunnel` (what a proxy is asked for; empty: none).
        first_number: of all connections of this machine's generators, counted on by `parts`.
        programs: what a session of each kind does once it is open; see burst.script.
        buffers: bytes of unfinished messages that it keeps at the most; 0: no bound.
        window: handshakes in flight at the most. timeout: seconds for one.
        phases: for `pacing.due_times`, with `part` of `parts`; empty: as fast as it goes. seed: of chance.
        start: CLOCK_MONOTONIC of the common start, when paced.
    """

    __slots__ = (
        "buffers",
        "first_number",
        "headers",
        "host",
        "part",
        "parts",
        "path",
        "phases",
        "programs",
        "routes",
        "seed",
        "server",
        "share",
        "sources",
        "start",
        "timeout",
        "window",
    )

    def __init__(self, share: int, sources: list[str], server: tuple[str, int]) -> None:
        self.share = share
        self.sources = sources
        self.server = server
        self.host = (b"[%b]:%d" if ":" in server[0] else b"%b:%d") % (server[0].encode(), server[1])
        self.path = b"/"
        self.headers = b""
        self.window = 256
        self.buffers = 0
        self.timeout = 10.0
        self.first_number = 0
        self.part = 0
        self.parts = 1
        self.phases: list[pacing.Phase] = []
        self.routes: list[dict[str, Any]] = []
        self.programs: list[list[Instruction]] = []
        self.seed = 0
        self.start = 0.0

    def own_route(self) -> dict[str, Any]:
        """The one way to go where there are no others."""
        return {
            "server": self.server,
            "host": self.host,
            "path": self.path,
            "headers": self.headers,
            "weight": 1,
            "kind": 0,
            "protocols": (),
            "name": "",
            "tunnel": b"",
        }

    def due_times(self) -> list[float]:
        """CLOCK_MONOTONIC times at which to start each connection, the last first; empty when not paced."""
        if not self.phases:
            return []
        # Gaps between arrivals are no secret.
        some_random = any(len(phase) > 4 and phase[4] for phase in self.phases)
        dice = random.Random(self.seed * 1_000_003 + self.part).random if some_random else None  # noqa: S311
        offsets = pacing.due_times(self.phases, self.part, self.parts, dice)
        return [self.start + offset for offset in offsets][::-1]
