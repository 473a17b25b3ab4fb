"""No configuration, however hostile, makes check or capture fail, or says to a terminal what it would obey."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trees import plant
from wstune.actions.next_boot import next_boots
from wstune.cli.main import run
from wstune.host.capture import capture
from wstune.host.files import Root
from wstune.host.host import Host
from wstune.model import HostFacts, Store
from wstune.tunables import CATALOGUE

SYSCTLS = [tunable for tunable in CATALOGUE.values() if tunable.store is Store.SYSCTL]
KEYS = [tunable.name for tunable in SYSCTLS]
BASE = {"proc/1/comm": "systemd\n", "proc/sys/net/ipv4/tcp_mem": "1 2 3\n"}
WANTS = "etc/systemd/system/multi-user.target.wants"
PLACES = [
    "etc/default/ufw",
    "etc/modules-load.d/x.conf",
    "etc/saptune/override/1",
    "etc/sysconfig/saptune",
    "etc/sysctl.conf",
    "etc/sysctl.d/50-x.conf",
    "etc/sysctl.d/\x1b[2J.conf",
    "etc/tuned/active_profile",
    "etc/tuned/tuned-main.conf",
    "etc/udev/rules.d/x.rules",
    "etc/ufw/sysctl.conf",
    "etc/ufw/ufw.conf",
    "proc/cmdline",
    "run/sysctl.d/50-x.conf",
    "usr/lib/sysctl.d/10-y.conf",
    "usr/lib/tuned/a/tuned.conf",
    "var/lib/kubelet/config.yaml",
    "var/lib/saptune/working/notes/1",
]
WORDS = st.one_of(
    st.sampled_from([
        *KEYS, "net/core/somaxconn", "net.*", "*", "[sysctl]", "[main]", "include=a", "type=sysctl", "-", "=", "${x}",
        ">", "ENABLED=yes", 'NOTE_APPLY_ORDER="1 2 ../x"', "a", "b ../../c", "IPT_SYSCTL=/etc/shadow", "\x1b[2J",
        "4096", "4096 9 9", "9" * 5000, "-1", "0x", "1e9", "१", "# Ansible managed \x1b[31m", "\0", "\r",
        "sysctl.net.core.somaxconn=7", "modules_load=nf_conntrack", "net.ipv4.tcp_congestion_control",
    ]),
    st.text(max_size=6),
)  # fmt: skip
TEXTS = st.lists(st.lists(WORDS, max_size=4).map("".join), max_size=6).map("\n".join)


def looked_at(tree: Path) -> None:
    host = Host(tree)
    for key, boot in next_boots(host, HostFacts(), host.read_all(SYSCTLS)).items():
        words = [boot.why, *boot.managers]
        for persisted in (boot.persisted, boot.by_procps):
            words += [persisted.source, str(persisted.value)] if persisted else []
        assert all(text.isprintable() for text in words), (key, boot)
        assert boot.settled or boot.why or boot.managers


@settings(max_examples=60)
@given(files=st.dictionaries(st.sampled_from(PLACES), TEXTS, min_size=1, max_size=8), services=st.booleans())
def test_any_configuration(tmp_path_factory: pytest.TempPathFactory, files: dict[str, str], services: bool) -> None:
    """Lines of any kind in any file that is looked at."""
    links = {f"{WANTS}/{name}.service": "/nowhere" for name in ("tuned", "bpftune", "firewalld")} if services else {}
    texts = {path: text.encode(errors="replace") for path, text in files.items()}
    looked_at(plant(tmp_path_factory.mktemp("any"), {**BASE, **texts}, links))


@settings(max_examples=20)
@given(files=st.dictionaries(st.sampled_from(PLACES), st.binary(max_size=200), max_size=8))
def test_binary_configuration(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    """Any bytes, by check itself and by capture."""
    base = tmp_path_factory.mktemp("binary")
    tree = plant(base / "tree", {**BASE, **files})
    looked_at(tree)
    assert run(["check", "--root", str(tree), "-o", str(base / "report")]) in (0, 1, 3)
    capture(Root(tree), str(base / "copy"), KEYS)
    looked_at(base / "copy")


@settings(max_examples=20)
@given(
    links=st.dictionaries(
        st.sampled_from([*PLACES, "etc/sysctl.d", "usr/lib/sysctl.d", "etc/tuned"]),
        st.sampled_from([*PLACES, "/", "..", ".", "/etc/shadow", "/dev/zero", "/dev/tty", "/proc/self/mem", "x" * 300]),
        max_size=8,
    )
)
def test_knotted_configuration(tmp_path_factory: pytest.TempPathFactory, links: dict[str, str]) -> None:
    """Links to one another, to devices, to directories, to themselves and out of the tree."""
    tree = plant(tmp_path_factory.mktemp("knotted"), BASE)
    for path, target in links.items():
        try:
            plant(tree, {}, {path: target})
        except OSError:
            continue  # its directory is a link already
    looked_at(tree)


def test_huge_and_many(tmp_path: Path) -> None:
    """Terabytes are not read, and say so; a thousand files and deep directories are."""
    for path in PLACES:
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("wb") as stream:
            stream.truncate(1 << 40)
    plant(tmp_path, {f"etc/sysctl.d/{number}.conf": "net.core.somaxconn = 1\n" for number in range(1000)})
    looked_at(plant(tmp_path, BASE))
    host = Host(tmp_path)
    boot = next_boots(host, HostFacts(), host.read_all(SYSCTLS))["net.core.somaxconn"]
    assert not boot.settled
    assert "could not be read" in boot.why


def test_a_secret_is_not_read_through_a_link(tmp_path: Path) -> None:
    """A link to a file outside the tree leads nowhere, whoever looks."""
    (tmp_path / "secret").write_text("net.core.somaxconn = 31337\n")
    links = {"etc/sysctl.d/50-x.conf": str(tmp_path / "secret"), "etc/sysctl.d/60-y.conf": "../../../secret"}
    tree = plant(tmp_path / "tree", BASE, links)
    host = Host(tree)
    assert next_boots(host, HostFacts(), host.read_all(SYSCTLS))["net.core.somaxconn"].persisted is None
