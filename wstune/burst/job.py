"""What one generator opens. Lean: forked by the hundred."""

from __future__ import annotations

import random
from typing import NamedTuple

from wstune.burst import pacing
from wstune.burst.engine.plan import Address, Plan, Route
from wstune.burst.ports import share


class Job(NamedTuple):
    """One generator's part of a plan.

    Attributes:
        part: its number, from 0. routes: the plan's, each with a server and a host.
        start: CLOCK_MONOTONIC of the common start, when paced.
    """

    plan: Plan
    part: int
    routes: tuple[Route, ...]
    start: float = 0.0

    @classmethod
    def of(cls, plan: Plan, part: int, port: int, start: float) -> Job:
        """Of a plan whose server listens on `port`."""
        target = plan.target._replace(port=port)
        return cls(plan, part, tuple(_complete(route, target) for route in plan.routes), start)

    @property
    def parts(self) -> int:
        """Generators of this machine."""
        return len(self.plan.shares)

    @property
    def share(self) -> int:
        """Connections that it is to open."""
        return self.plan.shares[self.part]

    @property
    def sources(self) -> list[str]:
        """Addresses to come from; none: the kernel chooses."""
        return share(self.plan.sources, self.parts, self.part) if self.plan.sources else []

    @property
    def buffers(self) -> int:
        """Bytes of unfinished messages that it keeps at the most; 0: no bound."""
        return max(1, self.plan.buffers // self.parts) if self.plan.buffers else 0

    @property
    def seed(self) -> int:
        """Of its own chance."""
        return self.plan.seed * 1_000_003 + self.part

    def due_times(self) -> list[float]:
        """CLOCK_MONOTONIC times at which to start each connection, the last first; empty when not paced."""
        phases = self.plan.phases
        # Gaps between arrivals are no secret.
        dice = random.Random(self.seed).random if any(phase.poisson for phase in phases) else None  # noqa: S311
        offsets = pacing.due_times(phases, self.part, self.parts, dice)
        return [self.start + offset for offset in offsets][::-1]


def _complete(route: Route, target: Address) -> Route:
    """A route with a server and a host; `target`: where it leads when it does not say."""
    server = route.server if route.server.port else target
    name = f"[{server.host}]" if ":" in server.host else server.host
    return route._replace(server=server, host=route.host or f"{name}:{server.port}".encode())
