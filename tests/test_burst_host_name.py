"""What can be the name of a machine, whatever is typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.burst.cluster_ssh import login
from wstune.burst.host_name import is_host
from wstune.cli.cluster_options import hosts_of, where_of
from wstune.errors import UsageError

GOOD = ["gen1", "gen-1.example.org", "gen1.", "my_host", "10.0.0.1", "::1", "fe80::1%eth0", "bücher.example", "a" * 63]
BAD = [
    "",
    ".",
    "..",
    "a..b",
    "a" * 64,
    "a" * 300,
    "a." * 150,
    "-oProxyCommand=x",
    "a b",
    "a\0b",
    "a\x1bb",
    "a/b",
    "%",
    "[::1]",
]
BAD += [
    "fe80::1%",
    "fe80::1%a b",
    "gen1%eth0",
    "ü" * 100,
    "\ud800",
    "a,b",
    "a;b",
    "$(x)",
    "`x`",
    "gen\n1",
    "\u2028",
    "xn--\x80",
]


@pytest.mark.parametrize("name", GOOD)
def test_names_and_addresses_are_hosts(name: str) -> None:
    """As they are typed, those of other alphabets too."""
    assert is_host(name)


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_resolved_is_no_host(name: str) -> None:
    """And is a usage error where it is typed, before anything is looked up."""
    assert not is_host(name)
    for text in (name, f"user@{name}:22") if "," not in name else ():
        with pytest.raises(UsageError):
            hosts_of(text)
    if name:
        with pytest.raises(UsageError):
            where_of("gen1", None, name, "", False, False, "")


@given(st.text(max_size=300))
def test_any_name_is_a_machine_or_a_usage_error(name: str) -> None:
    """There is no third thing; and a host can be asked for without an error of Python's own."""
    try:
        host = login(name)["host"]
    except UsageError:
        return
    assert is_host(host)
    host.encode("idna")


@pytest.mark.parametrize("name", [name for name in BAD if name not in ("", "[::1]")])
@pytest.mark.parametrize("scheme", ["tls", "tcp"])
def test_a_scheduler_has_a_name_too(scheme: str, name: str) -> None:
    """`--cluster` as `--hosts`."""
    from wstune.burst.cluster_entry import Where, require

    with pytest.raises(UsageError):
        require(Where(address=f"{scheme}://{name}:8786", insecure=True))
