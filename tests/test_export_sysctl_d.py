"""sysctl.d: systemd-sysctl takes it, and applies it in a namespace."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import exports
from tests.conftest import need
from wstune.export.formats import ExportFormat

SYSTEMD_SYSCTL = "/usr/lib/systemd/systemd-sysctl"


@pytest.mark.netns
def test_systemd_applies_it(tmp_path: Path) -> None:
    """In a namespace of its own the settings are there afterwards; keys that it does not have are passed over."""
    need("systemd")
    path = tmp_path / "99-wstune-export.conf"
    path.write_text(exports.text(ExportFormat.SYSCTL_D, "load-generator"))
    shown = "cat /proc/sys/net/ipv4/ip_local_port_range /proc/sys/net/ipv4/ip_local_reserved_ports"
    prefixes = "--prefix=/net/ipv4 --prefix=/net/core/somaxconn"
    done = exports.in_namespace("sh", "-c", f"{SYSTEMD_SYSCTL} {prefixes} {path} && {shown}")
    assert done.returncode == 0, done.stderr
    ports = "10248-10259,11211,15672,25672,26379,27017-27019,30000-32767"
    assert done.stdout.split() == ["10000", "65535", ports]


def test_a_key_of_a_module_may_be_missing() -> None:
    """Connection tracking may be loaded after the file is read: its lines begin with a dash."""
    lines = exports.text(ExportFormat.SYSCTL_D).splitlines()
    assert "-net.netfilter.nf_conntrack_max = 300000" in lines


def test_a_number_never_replaces_no_limit() -> None:
    """Under systemd fs.file-max is LONG_MAX, which any other number would lower."""
    lines = exports.text(ExportFormat.SYSCTL_D).splitlines()
    assert "fs.file-max = 9223372036854775807" in lines
