"""A short run of the fuzz; a long one is `python -m tests.fuzz_protocol 1000000`."""

from __future__ import annotations

import random

import pytest

from tests import fuzz_protocol
from wstune.protocol import frames

COUNT = 20_000


@pytest.mark.slow
def test_spoilt_inputs_break_nothing() -> None:
    """20,000 of them, the same each time: only the protocol's errors, bounded memory, linear work."""
    assert sum(1 for _ in fuzz_protocol.run(COUNT, 6455)) == COUNT // 1000


def test_the_fuzz_sees_quadratic_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that unmasks all that it has each time a byte comes is found out."""
    original = frames.Receiver._payload

    def again_and_again(self: frames.Receiver, chunk: bytes) -> None:
        original(self, chunk)
        frames.mask_payload(bytes(self._message), b"mask")

    monkeypatch.setattr(frames.Receiver, "_payload", again_and_again)
    with fuzz_protocol.Work() as work:
        receiver = frames.Receiver("client")
        data = frames.encode(frames.BINARY, bytes(2000))
        for at in range(len(data)):
            receiver.feed(data[at : at + 1])
    with pytest.raises(AssertionError, match="bytes looked at"):
        work.check(len(data), len(data))


def test_an_input_is_made_from_its_number_alone() -> None:
    """So that a failure can be had again."""
    first, second = (fuzz_protocol.stream(random.Random("1/7"), True) for _ in range(2))
    assert first == second
