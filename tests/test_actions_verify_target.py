"""What TARGET means: hosts, ports and paths of URLs, several of them, TLS, proxies of the environment."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from wstune.actions.verify_target import HOST, Security, is_here, target_of
from wstune.errors import UsageError


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_host_is_the_built_in_server() -> None:
    """And has no TLS to be checked."""
    assert target_of("host") is HOST
    with pytest.raises(UsageError, match="speaks no TLS"):
        target_of("host", security=Security(insecure=True))


@pytest.mark.parametrize(
    ("url", "server", "path"),
    [
        ("ws://127.0.0.1:3000/chat?a=b", ("127.0.0.1", 3000), "/chat?a=b"),
        ("ws://127.0.0.1", ("127.0.0.1", 80), "/"),
        ("wss://127.0.0.1", ("127.0.0.1", 443), "/"),
        ("ws://[::1]:3000/", ("::1", 3000, 0, 0), "/"),
    ],
)
def test_a_url(url: str, server: tuple[Any, ...], path: str) -> None:
    """Address, port (80 and 443 unless said) and path with its query."""
    target = target_of(url)
    assert target.places[0].server.sockaddr == server
    assert (target.address, target.port, target.path) == (server[0], server[1], path)
    assert (target.security is not None) == url.startswith("wss")
    assert target.here


def test_several_servers_are_several_places() -> None:
    """Each with its own Host, and the name that its certificate must have."""
    places = target_of("wss://127.0.0.1:1,localhost:2/x").places
    assert [(place.server[:2], place.host, place.name) for place in places] == [
        (("127.0.0.1", 1), "127.0.0.1:1", "127.0.0.1"),
        (("127.0.0.1", 2), "localhost:2", "localhost"),
    ]


def test_every_address_of_a_name_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is resolved once; of two families the one that answers, all its addresses."""

    asked: list[str] = []

    def resolve(host: str, port: int, **_: object) -> list[tuple[Any, ...]]:
        asked.append(host)
        v6 = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0)) for address in ("::1",)]
        v4 = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("127.0.0.1", "127.0.0.2")]
        return v6 + v4

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        target = target_of(f"ws://many.example:{port}/")
    assert [place.server.sockaddr for place in target.places] == [("127.0.0.1", port), ("127.0.0.2", port)]
    assert asked == ["many.example"]


def test_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """http_proxy for ws, https_proxy for wss; the name stays the proxy's to resolve; nothing of it is here."""
    monkeypatch.setenv("http_proxy", "http://u:p@127.0.0.1:3128")
    target = target_of("ws://no.such.host.invalid/x")
    (place,) = target.places
    assert place.server.sockaddr == ("127.0.0.1", 3128)
    assert place.tunnel.startswith("CONNECT no.such.host.invalid:80 HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic dTpw\r\n" in place.tunnel
    assert (target.proxy, target.here) == ("127.0.0.1:3128", False)


@pytest.mark.parametrize("url", ["ws://127.0.0.1:1/", "ws://localhost:1/", "wss://127.0.0.1/", "ws://[::1]/"])
def test_no_proxy_to_this_host(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback is never gone to by a proxy, nor is what no_proxy names, nor anything with --no-proxy."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:3128")
    assert target_of(url).proxy == ""


def test_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """no_proxy and --no-proxy."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:3128")
    monkeypatch.setenv("no_proxy", "192.0.2.1")
    assert target_of("ws://192.0.2.1/").proxy == ""
    assert target_of("ws://192.0.2.2/").proxy != ""
    assert target_of("ws://192.0.2.2/", proxies=False).proxy == ""


@pytest.mark.parametrize(
    ("url", "security", "words"),
    [
        ("ws://user@127.0.0.1/", Security(), "has a user"),
        ("ws://127.0.0.1/#x", Security(), "a fragment"),
        ("ws://127.0.0.1:1,[::1]:1/", Security(), "some IPv6"),
        ("ws://127.0.0.1:x/", Security(), "is not a URL"),
        ("ws://127.0.0.1,/", Security(), "there is no target"),
        ("ws://127.0.0.1/a b", Security(), "percent-encoded"),
        ("ws://127.0.0.1/é", Security(), "percent-encoded"),
        ("ws://127.0.0.1/", Security(insecure=True), "are for wss://"),
        ("wss://127.0.0.1/", Security(ca="/no/such/file"), "--ca /no/such/file"),
        ("wss://127.0.0.1/", Security(ca="/dev/null"), "--ca /dev/null"),
    ],
)
def test_what_makes_no_target(url: str, security: Security, words: str) -> None:
    """One sentence, before anything is opened."""
    with pytest.raises(UsageError, match=words):
        target_of(url, security=security)


def test_a_proxy_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only http:// proxies are asked for a tunnel."""
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1080")
    with pytest.raises(UsageError, match="socks5"):
        target_of("ws://192.0.2.1/")


@pytest.mark.parametrize("written", ["fe80::1%25lo", "fe80::1%lo"])
@pytest.mark.parametrize(("scheme", "port"), [("ws", ""), ("wss", ":8443")])
def test_an_interface_is_our_own_affair(scheme: str, port: str, written: str) -> None:
    """It is where connect() goes to; neither Host nor the certificate's name has it (RFC 6874)."""
    target = target_of(f"{scheme}://[{written}]{port}/x")
    (place,) = target.places
    index = socket.if_nametoindex("lo")
    assert place.server.sockaddr == ("fe80::1", int(port[1:] or 80), 0, index)
    assert (place.host, place.name) == (f"[fe80::1]{port}", "fe80::1")
    assert (target.address, target.addresses, target.host_header) == (
        f"fe80::1%{index}",
        (f"fe80::1%{index}",),
        place.host,
    )
    assert not target.here


def test_a_link_that_is_not_said() -> None:
    """connect() would say EINVAL of every connection."""
    with pytest.raises(UsageError, match="fe80::1 is good on one link only") as refused:
        target_of("ws://[fe80::1]/")
    assert "%25eth0" in refused.value.tip


def test_an_interface_and_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy's interfaces are others; its own address may have one of ours."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:3128")
    with pytest.raises(UsageError, match="names an interface of this host"):
        target_of("ws://[fe80::1%25lo]/")
    monkeypatch.setenv("http_proxy", "http://[fe80::1%25lo]:3128")
    assert target_of("ws://192.0.2.1/").addresses == (f"fe80::1%{socket.if_nametoindex('lo')}",)


def test_what_is_here() -> None:
    """Loopback is this host's; an address for documentation is not."""
    assert is_here("127.1.2.3")
    assert is_here("::1")
    assert not is_here("192.0.2.1")
