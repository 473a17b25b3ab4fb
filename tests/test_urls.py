"""URLs: brackets and blanks are judged by the RFCs' rules, not by those of the Python at hand."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.urls import split, split_servers


@pytest.mark.parametrize(
    "server",
    [
        "[::1",
        "::1]",
        "[]",
        "[127.0.0.1]",
        "[localhost]",
        "[v1.x]",
        "x[::1]",
        "[::1]x",
        "[::1]:1[",
        "[::1][::2]",
        "[[::1]]",
        "[::1%]",
        "[::1%lo%lo]",
        "[fe80::1]@host",
        "[::1]@[::1]",
        "127.0.0.1:x",
        "127.0.0.1:65536",
        " 127.0.0.1",
        "127.0.0.1\n",
        "127.0.\t0.1",
        "127.0.0.1\x00",
    ],
)
def test_what_no_python_may_take(server: str) -> None:
    """Each is refused, alone and beside a server that is right."""
    with pytest.raises(ValueError, match=r"."):
        split(f"ws://{server}" if not server.startswith(" ") else f" ws://{server[1:]}")
    with pytest.raises(ValueError, match=r"."):
        split_servers(f"ws://127.0.0.1:1,{server}" if not server.startswith(" ") else f" ws://{server[1:]}")


@pytest.mark.parametrize("text", ["", "host", "host:80", "ws:/x", "ws:", "[::1]:80", "//[::1]/"])
def test_what_has_no_server(text: str) -> None:
    """Without :// there is none."""
    with pytest.raises(ValueError, match="no ://"):
        split_servers(text)


SERVERS = st.one_of(
    st.builds(lambda host, port: (f"{host}:{port}", host, port), st.ip_addresses(v=4), st.integers(0, 65535)),
    st.builds(lambda host, port: (f"[{host}]:{port}", host, port), st.ip_addresses(v=6), st.integers(0, 65535)),
)


@given(st.lists(SERVERS, min_size=1, max_size=5), st.sampled_from(["", "/", "/a,b?c=[::1]", "?x=[", "/]#[f"]))
def test_a_list_of_servers_is_read_whole(servers: list[tuple[str, object, int]], rest: str) -> None:
    """IPv4 and IPv6 in any order, and whatever the path holds: each with its host and its port."""
    urls, path = split_servers(f"wss://{','.join(text for text, _, _ in servers)}{rest}")
    assert [(url.hostname, url.port) for url in urls] == [(str(host), port) for _, host, port in servers]
    assert f"{path.path}{'?' if path.query else ''}{path.query}{'#' if path.fragment else ''}{path.fragment}" == rest


@given(st.text("[]:%@,.1v x\t\n", max_size=14))
def test_what_is_taken_means_one_thing(server: str) -> None:
    """What has brackets and is taken, is one IPv6 address; all else is a ValueError and nothing more."""
    try:
        parts = split(f"ws://{server}")
    except ValueError:
        return
    if "[" in parts.netloc:
        assert IPv6Address((parts.hostname or "").partition("%")[0])
