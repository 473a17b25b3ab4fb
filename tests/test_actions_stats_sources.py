"""Whom verify asks for a server's figures, and whom it does not."""

from __future__ import annotations

import pytest

from wstune.actions import stats_sources
from wstune.actions.stats_sources import Source, StatsOptions, asked, ports, source_of
from wstune.actions.verify_target import HOST, Security, Target, target_of
from wstune.errors import UsageError
from wstune.service import Listener


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("http://127.0.0.1:9100", Source("127.0.0.1", 9100, "127.0.0.1:9100")),
        ("http://127.0.0.1:9100/", Source("127.0.0.1", 9100, "127.0.0.1:9100")),
        ("http://127.0.0.1/x/stats", Source("127.0.0.1", 80, "127.0.0.1:80", "/x/stats")),
        ("https://[::1]:1", Source("::1", 1, "[::1]:1", name="::1")),
        ("https://127.0.0.1", Source("127.0.0.1", 443, "127.0.0.1:443", name="127.0.0.1")),
    ],
)
def test_a_url(url: str, source: Source) -> None:
    """http and https, /stats unless there is a path."""
    assert source_of(url) == source


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:9100", "ws://127.0.0.1", "http://", "http://:80", "http://a:0", "http://a:65536", "http://a:x",
     "http://u:p@127.0.0.1", "http://127.0.0.1/a b", "http://127.0.0.1/\r\nX: y", "http://127.0.0.1#f", "http://[::1",
     "http://::1", "http://[127.0.0.1%25lo]", "http://\x1b[2J", "http://ä", "http://nowhere.invalid", "http://a..b",
     "http://" + "a" * 300, "http://127.0.0.1:" + "9" * 5000]
)  # fmt: skip
def test_what_is_no_url_is_one_sentence(url: str) -> None:
    """A grammar, and a name that there is; nothing of it reaches a request or a terminal otherwise."""
    with pytest.raises(UsageError) as caught:
        source_of(url)
    assert str(caught.value).isprintable()


def aimed(*servers: str) -> Target:
    return target_of(f"ws://{','.join(servers)}/", proxies=False)


def test_nobody_but_the_target_is_asked() -> None:
    """Each address and port once, the target itself last; the built-in server, and what is behind a proxy, not."""
    target = aimed("127.0.0.1:1", "127.0.0.2:2", "127.0.0.1:1")
    none = StatsOptions()
    assert asked(target, none) == [
        (Source("127.0.0.1", 1, "127.0.0.1:1"),),
        (Source("127.0.0.2", 2, "127.0.0.2:2"),),
    ]
    assert ports(target, none) == [1, 2]
    behind = Target("ws://a/", "192.0.2.1", 1, places=target.places, proxy="192.0.2.1:3128", here=False)
    for other in (HOST, behind):
        assert (asked(other, none), ports(other, none)) == ([], [])


def test_stats_says_who_is_asked_instead() -> None:
    """Also behind a proxy; of servers that --stats leaves out nothing is known."""
    source = Source("127.0.0.9", 9, "127.0.0.9:9")
    target, chosen = aimed("127.0.0.1:1", "127.0.0.2:2"), StatsOptions((source,))
    assert (asked(target, chosen), ports(target, chosen)) == ([(source,), ()], [9, 0])
    behind = Target("ws://a/", "192.0.2.1", 1, places=target.places, proxy="192.0.2.1:3128", here=False)
    assert (asked(behind, chosen), ports(behind, chosen)) == ([(source,)], [9])


def test_the_listener_of_the_figures_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback without TLS, before what the process listens to elsewhere, which has the server's certificate."""
    found = (Listener(7, "192.0.2.7", 1, 0, 0, 1), Listener(9, "127.0.0.1", 1, 0, 0, 2), Listener(8, "::", 1, 0, 0, 3))
    monkeypatch.setattr(stats_sources, "listeners_beside", lambda address, port: found)
    ((first, *others),) = asked(aimed("127.0.0.1:1"), StatsOptions())
    assert first == Source("127.0.0.1", 9, "127.0.0.1:9")
    assert [(each.address, each.port) for each in others] == [("192.0.2.7", 7), ("::1", 8), ("127.0.0.1", 1)]
    secured = target_of("wss://127.0.0.1:1/", security=Security(insecure=True), proxies=False)
    ((first, *others),) = asked(secured, StatsOptions())
    assert first.name == ""
    assert {(each.name, each.security.insecure) for each in others} == {("127.0.0.1", True)}
