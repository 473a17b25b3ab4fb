"""What a kernel makes of a text that is written to a sysctl, held against this kernel in a network namespace."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.readiness.written import taken
from wstune.tunables import CATALOGUE
from wstune.values import Kind, parse

INTEGERS = (
    "1000 # x", "0x1000", "0X10", "010", "08", "9M", "12 13", "", " ", "+55", "-5", "4096,", "0", "00", "0x", "1e3",
    "1_000", "\t77 \t", "2147483647", "2147483648", "9223372036854775808", "99999999999999999999", "5.", "5 ,", "- 5",
    "max",
)  # fmt: skip
VECTORS = {
    "net.core.somaxconn": INTEGERS,
    "net.ipv4.tcp_fin_timeout": INTEGERS[:12],
    "net.ipv4.ip_local_port_range": (
        "20000 60000", "20000", "20000 60000 7", "30000-60000", "30000,60000", "60000 1024", "0x4e20 0xea60", "0 9",
        "1024 65536", "1024 70000", "20001\t60001 # x",
    ),
    "net.ipv4.tcp_rmem": (
        "4096 90000 6000000", "4096 90000", "4096", "4096,90001,6000000", "4096 90002 6000000 99", "4096 90002 -6",
        "x 1 2",
    ),
    "net.ipv4.ip_local_reserved_ports": (
        "80,90-100", "80, 90", "80 90", "70000", "", "90-80", "80,90-100 # x", "8080-", "a",
    ),
}  # fmt: skip
"""Keys that every network namespace has of its own."""

CASES = [(key, text) for key, texts in VECTORS.items() for text in texts]

_CHILD = """
import json, sys
found = []
for key, text, first in json.load(sys.stdin):
    path = "/proc/sys/" + key.replace(".", "/")
    with open(path, "w") as file:
        file.write(first)
    try:
        with open(path, "w") as file:
            file.write(text + "\\n")
        took = True
    except OSError:
        took = False
    with open(path) as file:
        found.append((took, file.read()))
print(json.dumps(found))
"""


@pytest.mark.netns
def test_as_this_kernel_does() -> None:
    """What this kernel refuses we call refused, and what it stores is the value that we say."""
    first = {key: "40000 50000" if "range" in key else "4096 87380 4194304" if "rmem" in key else "" for key in VECTORS}
    first |= {"net.core.somaxconn": "333", "net.ipv4.tcp_fin_timeout": "33"}
    asked = json.dumps([(key, text, first[key] + "\n") for key, text in CASES])
    run = subprocess.run(
        ["unshare", "-Urn", sys.executable, "-c", _CHILD], input=asked, capture_output=True, text=True, check=True
    )
    wrong = []
    for (key, text), (took, after) in zip(CASES, json.loads(run.stdout), strict=True):
        ours = taken(CATALOGUE[key], text)
        held = parse(CATALOGUE[key].kind, after)
        if (ours is not None) is not took:
            wrong.append((key, text, "taken" if took else "refused"))
        elif ours is not None and ours.kind is Kind.TEXT:
            assert held.raw.split()[: len(ours.raw.split())] == ours.raw.split(), (key, text)
        elif ours is not None and not ours.same(held):
            wrong.append((key, text, after))
    assert wrong == []


@given(st.sampled_from(sorted(CATALOGUE)), st.text(max_size=30))
def test_any_text(name: str, text: str) -> None:
    """Any text is a value or refused."""
    value = taken(CATALOGUE[name], text)
    assert value is None or value.raw.isprintable()


@given(st.integers(0, 2**31 - 1))
def test_decimal(number: int) -> None:
    """A plain number is itself."""
    value = taken(CATALOGUE["net.core.somaxconn"], f" {number}\n")
    assert value is not None
    assert value.number == number
