"""A burst on several machines as seen from the head: commands go to all, their events come back as one.

It is used as `process.Burst` is. The head owns liveness: a machine that says nothing for `SILENCE` seconds, whose task
ends, that does not answer, or that says too much or something else than a machine of a burst does, is lost; its task is
cancelled, its connections count as lost, and the burst goes on with the others.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from wstune.burst import agent, answers
from wstune.burst.engine import events, wire
from wstune.burst.engine.events import Standing
from wstune.burst.engine.plan import Plan
from wstune.burst.engine.records import Json, WireError
from wstune.burst.engine.wire import Mergeable
from wstune.burst.shares import MachineStanding

if TYPE_CHECKING:
    from distributed import Future

    from wstune.burst.cluster import Cluster


Answer = TypeVar("Answer", bound=Mergeable)
SILENCE = 5.0
START_SECONDS = 15.0
_MARGIN_SECONDS = 0.7
"""From when a common start is named until it comes: the command's way, and forks."""
_LAST_WORDS_SECONDS = 3.0
ANSWER_SECONDS = 600.0
"""For a command, beyond what it takes by itself: a round of PINGs to a million takes minutes."""
READY_SECONDS = 60.0
QUOTA_BYTES = 4 << 20
"""Of what a machine says in all; it grows by QUOTA_RATE a second. Its end is the longest: 0.3 MB."""
QUOTA_RATE = 64 << 10
_MESSAGE_BYTES = 512
"""What a message costs besides its text."""
_MOST_UNASKED = 100
"""Events that nobody has asked for."""

NOWHERE = Standing()


@dataclass(slots=True)
class Member:
    """A machine of the burst.

    Attributes:
        name, address: of its Dask worker. share: connections that it is to open.
        plan, force, authority: what its task is given (burst.agent.burst).
        ahead: its CLOCK_MONOTONIC less the head's, in seconds.
        standing: its last. answers: those that nobody has taken yet. ready, opened, closed: what it has answered.
        at_ready, at_open, growth: what was measured there. heard: when it was heard last.
        lost: why it counts as lost; empty while it does not. done: its task has ended as it should.
        said: bytes that it has sent since `began`, by the head's CLOCK_MONOTONIC; flooding: more than it may.
    """

    name: str
    address: str
    share: int
    plan: Plan
    force: bool = False
    authority: str = ""
    ahead: float = 0.0
    server: bool = False
    run: str = ""
    future: Future | None = None
    standing: Standing = NOWHERE
    answers: list[events.Event] = field(default_factory=list)
    ready: events.ReadyEvent | None = None
    opened: events.OpenEvent | None = None
    closed: events.CloseEvent | None = None
    at_ready: events.MeasuredEvent | None = None
    at_open: events.MeasuredEvent | None = None
    growth: dict[str, int] | None = None
    heard: float = 0.0
    starts: int = 0
    lost: str = ""
    lost_open: int = 0
    done: bool = False
    said: int = 0
    began: float = 0.0
    flooding: bool = False

    @property
    def live(self) -> bool:
        """Whether it takes part still."""
        return not self.lost and not self.done


class Fleet:
    """Machines at work. `on_progress` hears where all of them stand, and each, whenever one has said something."""

    def __init__(
        self,
        cluster: Cluster,
        run: str,
        members: list[Member],
        on_progress: Callable[[events.ProgressEvent, tuple[MachineStanding, ...]], None],
    ) -> None:
        self.members = members
        self.began = 0.0
        self._cluster = cluster
        self._run = run
        self._on_progress = on_progress
        self._incoming: queue.SimpleQueue[tuple[Member, str | bytes]] = queue.SimpleQueue()
        self._by_run: dict[str, Member] = {}
        self._closing = False
        cluster.listen(f"wstune-{run}", self._arrive)

    def start(self, members: list[Member]) -> None:
        """Start the tasks and wait until each coordinator is ready, or lost."""
        for number, member in enumerate(members):
            member.run = f"{self._run}-{member.name}-{number}"
            self._by_run[member.run] = member
            member.began = time.monotonic()
            member.heard = member.began + START_SECONDS - SILENCE
            until = time.monotonic() + START_SECONDS + member.ahead
            topic = f"wstune-{self._run}"
            arguments = (topic, wire.line_of(member.plan), until, member.force, member.authority)
            member.future = self._cluster.start(member.address, agent.burst, member.run, *arguments)
        self._gather(events.ReadyEvent, members, READY_SECONDS)

    @property
    def generators(self) -> list[Member]:
        """Those that take part still."""
        return [member for member in self.members if member.live and not member.server]

    @property
    def lost(self) -> list[Member]:
        """Those that were lost."""
        return [member for member in self.members if member.lost]

    def do(self, command: wire.Request[Answer]) -> Answer:
        """A command to every generator, and what they answer, merged. Whoever is lost meanwhile is not waited for."""
        members = self.generators
        at = time.monotonic() + _MARGIN_SECONDS + 0.002 * sum(len(member.plan.shares) for member in members)
        if issubclass(command.answer, events.OpenEvent):
            self.began = at
        self._closing = issubclass(command.answer, events.CloseEvent | events.EndEvent)
        for number, member in enumerate(members):
            self.say(member, _part(command, number, len(members), at + member.ahead))
        return self._gather(command.answer, members, ANSWER_SECONDS + _takes(command, members))

    def ask(self, member: Member, command: wire.Request[Answer]) -> Answer:
        """A command to one machine, and its answer; what is merged of none if it is lost."""
        self.say(member, command)
        return self._gather(command.answer, [member], ANSWER_SECONDS)

    def say(self, member: Member, command: wire.Request[Mergeable]) -> None:
        if isinstance(command, wire.StatusCommand):  # what the task there asks for itself does not come back
            command = command._replace(relayed=True)
        self._cluster.tell(member.address, agent.command, member.run, wire.line_of(command))

    def wait_for(self, kind: type[Answer]) -> Answer:
        """The next event of that kind from every generator."""
        return self._gather(kind, self.generators, ANSWER_SECONDS)

    def watch(self, seconds: float) -> None:
        """Let time pass, with an eye on who is lost. Returns early when nobody is left."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and self.generators:
            self._take(min(left, 0.5))

    def end(self) -> None:
        """Leave no task behind."""
        for member in self.members:
            if member.live and member.future is not None:
                self._cluster.cancel(member.future)

    def _gather(self, kind: type[Answer], members: list[Member], seconds: float) -> Answer:
        """Their answers to a command, merged; whoever has not answered after so many seconds is lost."""
        told: dict[str, Answer] = {}
        until = time.monotonic() + seconds
        while True:
            for member in members:
                found = next(((at, event) for at, event in enumerate(member.answers) if isinstance(event, kind)), None)
                if member.name not in told and found is not None:
                    told[member.name] = found[1]
                    del member.answers[found[0]]
            if all(member.name in told or not member.live for member in members):
                break
            self._take(0.2)
            if time.monotonic() > until:
                for member in members:
                    if member.live and member.name not in told:
                        name = kind.__name__.removesuffix("Event").lower()
                        self._lose(member, f"it did not answer `{name}` within {seconds:.0f} s")
        if issubclass(kind, events.OpenEvent | events.StatusEvent):
            self._report()
        return kind.merged(list(told.values()))

    def _take(self, seconds: float) -> None:
        """Take what has come, waiting that long for it; then see who is silent."""
        try:
            message = self._incoming.get(timeout=max(0.01, seconds))
            while True:
                self._hear(*message)
                message = self._incoming.get_nowait()
        except queue.Empty:
            self._look_for_silence()

    def _arrive(self, message: Json | dict[str, str | bytes]) -> None:
        """Queue what has come, in the cluster's thread; of a machine that sends too much, that it does."""
        run, text = (message.get("run"), message.get("text")) if isinstance(message, dict) else (None, None)
        member = self._by_run.get(run) if isinstance(run, str) else None
        if member is None or member.flooding:
            return
        line = text if isinstance(text, str | bytes) else ""
        member.said += _MESSAGE_BYTES + len(line)
        member.flooding = member.said > QUOTA_BYTES + QUOTA_RATE * (time.monotonic() - member.began)
        self._incoming.put((member, line))

    def _hear(self, member: Member, line: str | bytes) -> None:
        if member.lost:
            return
        if member.flooding:
            self._lose(member, f"it sent more than {QUOTA_BYTES >> 20} MiB")
            return
        try:
            event = wire.event_of(answers.read_json(line))
        except WireError as error:
            self._lose(member, f"it sent something that is not a wstune answer: {error}")
            return
        member.heard = time.monotonic()
        self._take_event(member, event)

    def _take_event(self, member: Member, event: events.Event) -> None:
        match event:
            case events.ProgressEvent() | events.StatusEvent(relayed=False):
                member.standing = event.standing
                if self.began:
                    self._report()
            case events.AliveEvent(silent):
                if silent > SILENCE and not self._closing:
                    self._lose(member, f"its coordinator has said nothing for {silent:.0f} s")
            case events.StartedEvent():
                member.starts += 1
                if member.starts > 1:
                    self._lose(member, "its worker was lost and its task started again")
            case events.GoneEvent():
                self._lose(member, "its coordinator was lost; look for the OOM killer in dmesg there")
            case events.ErrorEvent(number, message):
                if member.server:
                    raise OSError(number, message)
                self._lose(member, f"{message} (errno {number})")
            case events.MeasuredEvent():
                if member.ready is None:
                    member.at_ready = event
                else:
                    member.at_open = event
            case events.CountersEvent(growth):
                member.growth = growth
            case _:
                self._take_answer(member, event)

    def _take_answer(self, member: Member, event: events.Event) -> None:
        if isinstance(event, events.CloseEvent | events.StatusEvent) and member.plan.server is None:
            event = event._replace(server=events.ServerState())  # it has none
        match event:
            case events.ReadyEvent():
                member.ready = event
            case events.OpenEvent():
                member.opened, member.standing = event, event.standing
            case events.CloseEvent():
                member.closed = event
            case events.EndEvent():
                member.done = True
            case _:
                pass
        member.answers.append(event)
        if len(member.answers) > _MOST_UNASKED:
            self._lose(member, f"it sent {_MOST_UNASKED} answers that nobody asked for")

    def _look_for_silence(self) -> None:
        now = time.monotonic()
        for member in self.members:
            if not member.live or member.future is None:
                continue
            status = member.future.status
            if status in ("error", "cancelled", "lost") and now - member.heard < START_SECONDS:
                self._lose(member, "its Dask worker was lost" if status != "error" else "its task failed there")
            elif status == "finished" and now - member.heard > _LAST_WORDS_SECONDS:
                self._lose(member, "its task ended early")
            elif now - member.heard > SILENCE:
                self._lose(member, f"it has said nothing for {SILENCE:.0f} s")

    def _lose(self, member: Member, why: str) -> None:
        member.lost = why
        member.lost_open = member.standing.open
        if member.future is not None:
            self._cluster.cancel(member.future)
        if self.began:
            self._report()

    def _report(self) -> None:
        self._on_progress(self.progress(), self.machines())

    def progress(self) -> events.ProgressEvent:
        """Where all of them stand: the open connections of a machine that was lost are lost."""
        now = time.monotonic()
        fleet = [member for member in self.members if not member.server]
        total = Standing.merged(member.standing for member in fleet if not member.lost)
        gone = [member for member in fleet if member.lost]
        total = total._replace(
            lost=total.lost + sum(member.lost_open + member.standing.lost for member in gone),
            failed=total.failed + sum(member.standing.failed for member in gone),
        )
        return events.ProgressEvent(max(0.0, now - self.began) if self.began else 0.0, total)

    def machines(self) -> tuple[MachineStanding, ...]:
        """Each load machine by itself."""
        return tuple(
            MachineStanding(member.name, 0 if member.lost else member.standing.open, member.share, member.lost)
            for member in self.members
            if not member.server
        )


def _takes(command: wire.Request[Mergeable], members: list[Member]) -> float:
    """Seconds that a command takes by itself: opening may take its limit, closing goes at its rate."""
    match command:
        case wire.OpenCommand():
            return max((member.plan.seconds for member in members), default=0.0)
        case wire.CloseCommand(rate=rate) if rate:
            return sum(member.share for member in members) / rate
        case _:
            return 0.0


def _part(command: wire.Request[Mergeable], number: int, members: int, at: float) -> wire.Request[Mergeable]:
    """What one machine of several is to do; `at` is the common moment, by its own CLOCK_MONOTONIC."""
    match command:
        case wire.OpenCommand():
            return command._replace(at=at)
        case wire.FanoutCommand():
            return command._replace(at=at, speak=number == 0)
        case wire.TalkCommand(talkers, rate):
            own = talkers * (number + 1) // members - talkers * number // members
            return command._replace(talkers=own, rate=rate * own / talkers if talkers else 0.0, alone=False)
        case wire.CloseCommand(sample, rate):
            return command._replace(sample=-(-sample // members), rate=rate / members)
        case _:
            return command
