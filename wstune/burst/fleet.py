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
from typing import TYPE_CHECKING, Any

from wstune.burst import agent, answers
from wstune.burst.answers import NotAnAnswerError
from wstune.burst.merge import MERGED, together
from wstune.burst.process import Event

if TYPE_CHECKING:
    from distributed import Future

    from wstune.burst.cluster import Cluster

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


@dataclass(slots=True)
class Member:
    """A machine of the burst.

    Attributes:
        name, address: of its Dask worker. share: connections that it is to open. plan: of its coordinator.
        ahead: its CLOCK_MONOTONIC less the head's, in seconds.
        progress: its last; events: those that nobody has taken yet. heard: when it was heard last.
        lost: why it counts as lost; empty while it does not. done: its task has ended as it should.
        said: bytes that it has sent since `began`, by the head's CLOCK_MONOTONIC; flooding: more than it may.
    """

    name: str
    address: str
    share: int
    plan: Event
    ahead: float = 0.0
    server: bool = False
    run: str = ""
    future: Future | None = None
    progress: Event = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    told: dict[str, Event] = field(default_factory=dict)
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
    """Machines at work. `on_progress` gets one progress event of all of them whenever one has said something."""

    def __init__(self, cluster: Cluster, run: str, members: list[Member], on_progress: Callable[[Event], None]) -> None:
        self.members = members
        self.began = 0.0
        self._cluster = cluster
        self._run = run
        self._on_progress = on_progress
        self._incoming: queue.SimpleQueue[Any] = queue.SimpleQueue()
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
            member.future = self._cluster.start(member.address, agent.burst, member.run, topic, member.plan, until)
        self._gather("ready", members, READY_SECONDS)

    @property
    def generators(self) -> list[Member]:
        """Those that take part still."""
        return [member for member in self.members if member.live and not member.server]

    @property
    def lost(self) -> list[Member]:
        """Those that were lost."""
        return [member for member in self.members if member.lost]

    def do(self, verb: str, **arguments: Any) -> Event:
        """A command to every generator, and what they answer, merged. Whoever is lost meanwhile is not waited for."""
        members = self.generators
        at = time.monotonic() + _MARGIN_SECONDS + 0.002 * sum(len(member.plan["shares"]) for member in members)
        if verb == "open":
            self.began = at
        self._closing = verb in ("close", "end")
        for number, member in enumerate(members):
            own = dict(arguments)
            if verb in ("open", "fanout"):
                own["at"] = at + member.ahead
            if verb == "fanout":
                own["speak"] = number == 0
            if verb == "talk":
                own = _part_of_talk(arguments, number, len(members))
            if verb == "close":
                own |= {"sample": -(-arguments["sample"] // len(members)), "rate": arguments["rate"] / len(members)}
            self.say(member, {"do": verb, **own})
        return self._gather(verb, members, ANSWER_SECONDS + _takes(verb, arguments, members))

    def ask(self, member: Member, verb: str, **arguments: Any) -> Event:
        """A command to one machine, and its answer; what is merged of none if it is lost."""
        self.say(member, {"do": verb, **arguments})
        return self._gather(verb, [member], ANSWER_SECONDS)

    def say(self, member: Member, command: Event) -> None:
        if command["do"] == "status":  # what the task there asks for itself does not come back as an answer
            command = {**command, "asked": True}
        self._cluster.tell(member.address, agent.command, member.run, command)

    def wait_for(self, verb: str) -> Event:
        """The next event of that name from every generator."""
        return self._gather(verb, self.generators, ANSWER_SECONDS)

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

    def _gather(self, verb: str, members: list[Member], seconds: float) -> Event:
        """Their answers to a command, merged; whoever has not answered after so many seconds is lost."""
        told: dict[str, Event] = {}
        until = time.monotonic() + seconds
        while True:
            for member in members:
                at = next((at for at, event in enumerate(member.events) if event["event"] == verb), None)
                if member.name not in told and at is not None:
                    told[member.name] = member.told[verb] = member.events.pop(at)
            if all(member.name in told or not member.live for member in members):
                break
            self._take(0.2)
            if time.monotonic() > until:
                for member in members:
                    if member.live and member.name not in told:
                        self._lose(member, f"it did not answer `{verb}` within {seconds:.0f} s")
        merged = MERGED[verb](list(told.values())) if verb in MERGED else {}
        if verb in ("open", "status"):
            self._on_progress(self.progress())
        return {"event": verb, **merged}

    def _take(self, seconds: float) -> None:
        """Take what has come, waiting that long for it; then see who is silent."""
        try:
            message = self._incoming.get(timeout=max(0.01, seconds))
            while True:
                self._hear(message)
                message = self._incoming.get_nowait()
        except queue.Empty:
            self._look_for_silence()

    def _arrive(self, message: Any) -> None:
        """Queue what has come, in the cluster's thread; of a machine that sends too much, that it does."""
        run, text = (message.get("run"), message.get("text")) if isinstance(message, dict) else (None, None)
        member = self._by_run.get(run) if isinstance(run, str) else None
        if member is None or member.flooding:
            return
        member.said += _MESSAGE_BYTES + (len(text) if isinstance(text, str) else 0)
        member.flooding = member.said > QUOTA_BYTES + QUOTA_RATE * (time.monotonic() - member.began)
        self._incoming.put((member, text))

    def _hear(self, message: tuple[Member, Any]) -> None:
        member, text = message
        if member.lost:
            return
        if member.flooding:
            self._lose(member, f"it sent more than {QUOTA_BYTES >> 20} MiB")
            return
        try:
            event: Event = answers.event(text if isinstance(text, str) else "")
        except NotAnAnswerError as error:
            self._lose(member, f"it sent something that is not a wstune answer: {error}")
            return
        member.heard = time.monotonic()
        match event["event"]:
            case "progress":
                member.progress = {**member.progress, **event}
                if event["silent"] > SILENCE and not self._closing:
                    self._lose(member, f"its coordinator has said nothing for {event['silent']:.0f} s")
                elif self.began:
                    self._on_progress(self.progress())
            case "started":
                member.starts += 1
                if member.starts > 1:
                    self._lose(member, "its worker was lost and its task started again")
            case "gone":
                self._lose(member, "its coordinator was lost; look for the OOM killer in dmesg there")
            case "error":
                if member.server:
                    raise OSError(event["errno"], event["what"])
                self._lose(member, f"{event['what']} (errno {event['errno']})")
            case _:
                if event["event"] == "open":
                    member.progress = {**member.progress, **event}
                if event["event"] == "end":
                    member.done = True
                member.events.append(event)
                if len(member.events) > _MOST_UNASKED:
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
        member.lost_open = member.progress.get("open", 0)
        if member.future is not None:
            self._cluster.cancel(member.future)
        if self.began:
            self._on_progress(self.progress())

    def progress(self) -> Event:
        """Where all of them stand: the open connections of a machine that was lost are lost."""
        now = time.monotonic()
        fleet = [member for member in self.members if not member.server]
        total = together([member.progress for member in fleet if not member.lost])
        total["lost"] += sum(member.lost_open + member.progress.get("lost", 0) for member in fleet if member.lost)
        total["failed"] += sum(member.progress.get("failed", 0) for member in fleet if member.lost)
        total["machines"] = [
            (member.name, 0 if member.lost else member.progress.get("open", 0), member.share, member.lost)
            for member in fleet
        ]
        return {"event": "progress", "seconds": max(0.0, now - self.began) if self.began else 0.0, **total}


def _takes(verb: str, arguments: Event, members: list[Member]) -> float:
    """Seconds that a command takes by itself: opening may take its limit, closing goes at its rate."""
    if verb == "open":
        return max((float(member.plan.get("seconds", 0.0)) for member in members), default=0.0)
    if verb == "close" and arguments["rate"]:
        return float(sum(member.share for member in members) / arguments["rate"])
    return 0.0


def _part_of_talk(arguments: Event, number: int, members: int) -> Event:
    """Each machine lets its part of the talkers talk, at their part of the rate."""
    talkers = arguments["talkers"]
    own = talkers * (number + 1) // members - talkers * number // members
    return {**arguments, "talkers": own, "rate": arguments["rate"] * own / talkers if talkers else 0.0, "alone": False}
