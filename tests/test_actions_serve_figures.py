"""Where `wstune serve` shows its figures, and to whom."""

from __future__ import annotations

import os
import socket

import pytest

from wstune.actions import serve_figures
from wstune.errors import UsageError


@pytest.mark.parametrize(
    ("text", "where"), [("127.0.0.1:0", "http://127.0.0.1:"), ("localhost:0", "http://127.0.0.1:"), ("127.9.9.9:0", "http://127.9.9.9:")]
)  # fmt: skip
def test_loopback_needs_no_token(text: str, where: str) -> None:
    """A free port, which is said; plain HTTP, though the server has a certificate."""
    bound = serve_figures.bind(text, protected=False, tls=True)
    assert bound is not None
    with socket.socket(fileno=bound.fd) as held:
        assert bound.local
        assert f"{where}{held.getsockname()[1]}/stats" in bound.announcement
        assert os.get_inheritable(held.fileno())


def test_beyond_loopback_a_token_is_needed() -> None:
    """Refused at the start, with both ways out; with one of them it is bound, over TLS where there is a certificate."""
    with pytest.raises(UsageError, match="could read the server's figures") as caught:
        serve_figures.bind("0.0.0.0:0", protected=False, tls=False)
    assert "--metrics-token @FILE" in caught.value.tip
    assert "--expose-metrics" in caught.value.tip
    for tls, scheme in ((False, "http"), (True, "https")):
        bound = serve_figures.bind("0.0.0.0:0", protected=True, tls=tls)
        assert bound is not None
        os.close(bound.fd)
        assert not bound.local
        assert f"{scheme}://0.0.0.0:" in bound.announcement


@pytest.mark.parametrize(
    "text", ["", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1", "::1:9100", ":9100",
             "host:9100", "[::1]", "127.0.0.1:٣", "127.0.0.1:" + "9" * 5000, "OFF"]
)  # fmt: skip
def test_what_is_no_place_is_one_sentence(text: str) -> None:
    """An address and a port, or off; nothing else."""
    with pytest.raises(UsageError, match="expected ADDRESS:PORT"):
        serve_figures.bind(text, protected=True, tls=False)


def test_a_place_that_is_taken_or_not_ours() -> None:
    """As for --port: a sentence and a tip."""
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(UsageError, match="the port is taken"):
        serve_figures.bind(f"127.0.0.1:{other.getsockname()[1]}", protected=False, tls=False)
    with pytest.raises(UsageError, match="no address of this host"):
        serve_figures.bind("192.0.2.1:0", protected=True, tls=False)


def test_off_is_none() -> None:
    """Nothing is bound."""
    assert serve_figures.bind("off", protected=False, tls=False) is None


def test_the_token_is_handed_on_in_memory() -> None:
    """A descriptor without a name, at its beginning."""
    fd = serve_figures.in_memory("token")
    try:
        assert os.read(fd, 100) == b"token"
    finally:
        os.close(fd)
    assert serve_figures.token_of(None) == ""
