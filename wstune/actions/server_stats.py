"""What of the servers' own figures goes into a report: what has grown from before the burst to after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from wstune.actions.server_figures import Answer, NotKnown, ServerFigures
from wstune.actions.stats_conversation import ask_all
from wstune.actions.stats_sources import NO_STATS, StatsOptions, asked, ports
from wstune.actions.verify_state import Run
from wstune.actions.verify_target import Target
from wstune.burst import shares
from wstune.host import kernel_counters
from wstune.host.files import Root
from wstune.readiness.evidence import NO_MEMORY

Pair = tuple[Answer, Answer]
_NAMES = ("accept_errors", "handshakes_failed", "messages", "opened")


def fetch(target: Target, stats: StatsOptions = NO_STATS) -> list[Answer]:
    """The figures of every server, or why they are not known. Nothing that a server sends takes longer than 3 s."""
    return ask_all(asked(target, stats), stats.token)


def growth(before: Answer, after: Answer) -> dict[str, int]:
    """What the server counted meanwhile, as counters `server.…`."""
    if not (isinstance(before, ServerFigures) and isinstance(after, ServerFigures)):
        return {}
    grown = {name: getattr(after, name) - getattr(before, name) for name in _NAMES}
    return {f"server.{name}": count for name, count in grown.items() if count}


def kernel_growth(before: Answer, after: Answer) -> tuple[str, int, dict[str, int]] | None:
    """(boot, network namespace, growth) of what the server's kernel counted; None where it does not tell, or where
    somebody else answered the second time."""
    if not (isinstance(before, ServerFigures) and isinstance(after, ServerFigures)):
        return None
    were, kernel = before.kernel, after.kernel
    if were is None or kernel is None or (were.boot_id, were.netns) != (kernel.boot_id, kernel.netns):
        return None
    grown = {
        name: value - were.counters[name]
        for name, value in kernel.counters.items()
        if name in were.counters and value != were.counters[name]
    }
    return kernel.boot_id, kernel.netns, grown


def memory_growth(before: Answer, after: Answer) -> int | None:
    """Bytes by which the server's anonymous memory has grown; None where it is not known."""
    if not (isinstance(before, ServerFigures) and isinstance(after, ServerFigures)):
        return None
    if before.anonymous_bytes is None or after.anonymous_bytes is None:
        return None
    return max(0, after.anonymous_bytes - before.anonymous_bytes)


def pairs(at_ports: Sequence[int], before: Sequence[Answer], after: Sequence[Answer]) -> list[Pair]:
    """What each server said before and after. A server that listens on several addresses is one: it says what
    namespace it is in, and has one port there."""
    found: dict[object, Pair] = {}
    for index, (port, first, last) in enumerate(zip(at_ports, before, after, strict=True)):
        kernel = last.kernel if isinstance(last, ServerFigures) else None
        found.setdefault((kernel.boot_id, kernel.netns, port) if kernel else index, (first, last))
    return list(found.values())


def add(
    run: Run,
    before: Sequence[Answer],
    after: Sequence[Answer],
    stats: StatsOptions = NO_STATS,
) -> None:
    """Put what the servers say about themselves into the evidence, or say that it is not known, and why."""
    target, evidence = run.options.target, run.evidence
    if target.ours:
        return
    at_ports = ports(target, stats)
    both = pairs(at_ports, before, after)
    told = [growth(*pair) for pair in both if all(isinstance(answer, ServerFigures) for answer in pair)]
    kernels = [kernel for pair in both if (kernel := kernel_growth(*pair)) is not None]
    if kernels:  # ours last: of one and the same namespace it is ours that count
        ours = run.counted or [(*kernel_counters.whose(Root()), evidence.counters)]
        evidence.counters = shares.merged_counters([*kernels, *ours])
    for name in sorted({name for own in told for name in own}):
        evidence.counters[name] = sum(own.get(name, 0) for own in told)
    if run.figures:
        _add_memory(run, pairs(at_ports, before, run.figures))
    evidence.remarks += _said(target, both, len(told), len(kernels), apart=bool(run.counted))


def _said(target: Target, both: list[Pair], told: int, kernels: int, *, apart: bool) -> list[str]:
    """In words, whose figures are among the counters; `apart`: of several machines."""
    said, count = [], len(both)
    if told:
        whose = "the server is a wstune: its" if count == 1 else f"{told} of {count} servers are wstune: their"
        also = f", and of {kernels} of their kernels" if count > 1 else ", and its kernel's"
        said.append(f"{whose} own figures, of /stats{also * bool(kernels)}, are among the counters")
    why = [answer.reason for pair in both for answer in pair if isinstance(answer, NotKnown)]
    if why:
        whose = "the server's" if count == 1 else f"{count - told} of {count} servers'"
        said.append(f"{whose} own figures are not known: {why[0]}")
    if kernels < max(1, count) and not target.here:
        of = "the server's kernel" if count < 2 else f"{count - kernels} of the servers' kernels"
        ours = "the load machines'" if apart else "this host's"
        said.append(f"what {of} counted is not known here; the counters are {ours}")
    if target.proxy:
        said.append(f"by way of the proxy {target.proxy}, as the environment says (--no-proxy: directly)")
    return said


def _add_memory(run: Run, both: list[Pair]) -> None:
    """Bytes for each connection at the servers, where every one of them tells."""
    grown = [memory_growth(first, last) for first, last in both]
    opened, known = run.opened.standing.open if run.opened else 0, run.evidence.memory
    if grown and opened and known != NO_MEMORY and None not in grown:
        total = sum(more for more in grown if more is not None)
        run.evidence.memory = replace(known, server_user_bytes=total / opened)
