"""Mutated messages of load machines: what they have installed, their room, their clocks, and the events of a burst."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from tests.fuzz import mutate
from tests.fuzz.trial import Outcome, call
from wstune.burst.answers import Probe
from wstune.burst.cluster import Worker
from wstune.burst.engine import events, wire
from wstune.burst.engine.records import read
from wstune.report.formats import ReportFormat

SEED = json.loads((Path(__file__).parent / "seeds/machine.json").read_text())
"""What two machines said in a real burst (`verify host --cluster local:2 --rate 20 --talkers 4 --close graceful`):
`probe`, `check`, `clock`, and one event of each kind."""

Said = dict[str, Any]
BEFORE = {
    events.ReadyEvent: (events.StartedEvent, events.MeasuredEvent),
    events.OpenEvent: (events.AliveEvent, events.ProgressEvent, events.MeasuredEvent),
    events.CloseEvent: (events.AliveEvent, events.StatusEvent, events.CountersEvent),
}
"""What a machine says before an event."""
URL = ("verify", "ws://192.0.2.7:9/", "--hosts", "gen1,gen2", "-n", "40", "--hold", "0s", "--yes", "-q")


class Kind:
    """Seed: a real burst of two machines. One of them, or both, lies."""

    def __init__(self, place: Path) -> None:
        """Nothing is needed."""

    def make(self, rng: Random) -> tuple[list[Said], tuple[str, ...]]:
        way = rng.choice((("--fanout", "1"), ("--fanout", "1", "--talkers", "4"), ()))
        form = ("--format", rng.choice(list(ReportFormat)).value)
        said = [_said(rng), _said(rng) if rng.random() < 0.3 else _honest()]
        if isinstance(said[1]["check"], dict):  # the second one is a machine of its own
            said[1]["check"]["boot_id"] = "00000000-0000-4000-8000-000000000002"
        return said, (*way, *form)

    def tried(self, made: tuple[list[Said], tuple[str, ...]]) -> Iterator[Outcome]:
        said, way = made
        machines = Machines(said)

        @contextlib.contextmanager
        def connect(*_: object) -> Iterator[Machines]:
            yield machines

        with (
            patch("wstune.actions.verify_cluster.connect", connect),
            patch("wstune.actions.verify_cluster._SETTLE_SECONDS", 0.0),
            patch("wstune.actions.cluster_plan._CLOCK_TRIES", 1),
            patch("wstune.burst.fleet.SILENCE", 0.1),
            patch("wstune.burst.fleet.START_SECONDS", 0.1),
        ):
            yield call(*URL, *way)


class Machines:
    """A cluster that is connected, and whose machines say what they are told to say."""

    def __init__(self, said: list[Said]) -> None:
        self.said = {f"tls://192.0.2.{number}:1": one for number, one in enumerate(said, 7)}
        self.workers = [
            Worker(f"gen{number}", address, read(Probe, one["probe"]))
            for number, (address, one) in enumerate(self.said.items(), 1)
        ]
        self.scheduler = "tls://192.0.2.7:2"
        self.take: Callable[[Any], None] = lambda _: None

    def ask(self, calls: dict[str, Any], function: Callable[..., Any]) -> dict[str, Any]:
        return {address: copy.deepcopy(self.said[address][function.__name__]) for address in calls}

    def listen(self, _: str, take: Callable[[Any], None]) -> None:
        self.take = take

    def start(self, address: str, _: object, run: str, *__: object) -> SimpleNamespace:
        self._say(address, run, events.ReadyEvent)
        return SimpleNamespace(status="pending", address=address)

    def tell(self, address: str, _: object, run: str, line: bytes) -> None:
        self._say(address, run, wire.read_command(line).answer)

    def cancel(self, _: object) -> None:
        """It is not asked any more."""

    def _say(self, address: str, run: str, kind: type[Any]) -> None:
        for each in (*BEFORE.get(kind, ()), kind):
            if text := self.said[address]["messages"].get(each.__name__):
                self.take({"run": run, "text": text})


def _honest() -> Said:
    texts = {name: json.dumps(event).encode() for name, event in SEED["messages"].items()}
    return {**copy.deepcopy(SEED), "messages": texts}


def _said(rng: Random) -> Said:
    """What a machine says of which one or two things are not as they should be."""
    said = _honest()
    for _ in range(rng.choice((1, 1, 2))):
        name = rng.choice((*said["messages"], "OpenEvent", "CloseEvent", "CloseEvent", "check"))
        if name == "check":  # of pickles, which hold Python's own values
            said["check"] = mutate.plain(mutate.structure(rng, SEED["check"]))
        elif rng.random() < 0.85:
            text = mutate.to_json(mutate.structure(rng, SEED["messages"][name]))
            said["messages"][name] = text if rng.random() < 0.2 else mutate.encoded(rng, text)
        else:
            said["messages"][name] = mutate.data(rng, said["messages"][name])
    return said
