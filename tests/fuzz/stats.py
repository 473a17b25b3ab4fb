"""Mutated answers to GET /stats, of a real HTTP server: fetched, compared, and put into a report."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from tests.fuzz import mutate
from tests.fuzz.trial import Outcome, call
from wstune.burst.engine import events, wire

ANSWERS: dict[Any, Any] = {
    events.OpenEvent: events.OpenEvent(0.01, events.Standing(5)),
    events.PingEvent: events.PingEvent(5, 5),
    events.StatusEvent: events.StatusEvent(0.01, events.Standing(5)),
    events.CloseEvent: events.CloseEvent(events.Counts(), 5, 5, 5),
    events.EndEvent: events.EndEvent(),
}
SEED = json.loads((Path(__file__).parent / "seeds/stats.json").read_text())
"""What `wstune serve` answered, with five clients."""


class _Burst:
    """Stands where the coordinator would be: five connections, at once, and nothing wrong with them."""

    def __init__(self, *_: object) -> None:
        """Nothing is started."""

    def do(self, command: wire.Request[Any]) -> Any:
        return ANSWERS[command.answer]

    def ready(self, seconds: float) -> events.ReadyEvent:
        return events.ReadyEvent(1)

    def watch(self, seconds: float) -> None:
        """No time passes."""

    def end(self) -> None:
        """Nothing was started."""


class Kind:
    """Seed: a real answer. Each server answers mutated, before the burst or after it or both."""

    def __init__(self, place: Path) -> None:
        self.report = str(place / "report")
        self.answers: list[bytes] = []
        kind = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = kind.answers.pop(0) if len(kind.answers) > 1 else kind.answers[0]
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def make(self, rng: Random) -> tuple[list[bytes], str]:
        return [_answer(rng) for _ in range(3)], rng.choice(
            ("terminal", "json", "html", "markdown", "prometheus", "junit", "csv", "nagios")
        )

    def tried(self, made: tuple[list[bytes], str]) -> Iterator[Outcome]:
        self.answers, form = list(made[0]), made[1]
        with (
            patch("wstune.actions.verify.Burst", _Burst),
            patch("wstune.actions.verify._SETTLE_SECONDS", 0.0),
            patch("wstune.actions.verify._ping", lambda *_: None),
        ):
            url, stats = f"ws://127.0.0.1:{self.port}/", f"http://127.0.0.1:{self.port}/stats"
            yield call("verify", url, "--stats", stats, "-n", "5", "--hold", "0s", "--format", form, "-q")


def _answer(rng: Random) -> bytes:
    """Headers and a body; of three, one is as it should be."""
    if rng.random() < 0.3:
        body = json.dumps(SEED).encode()
    elif rng.random() < 0.7:
        body = mutate.encoded(rng, mutate.to_json(mutate.structure(rng, SEED)))
    else:
        body = mutate.data(rng, json.dumps(SEED).encode())
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return mutate.encoded(rng, mutate.lines(rng, head)) + body if rng.random() < 0.1 else head.encode() + body
