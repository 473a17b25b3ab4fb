"""Exports as the tests make them: of shipped profiles, for a machine of 4 GiB."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from wstune.actions.profile import load
from wstune.export.formats import ExportFormat, write
from wstune.export.wishes import Export, make_export
from wstune.model import HostFacts, Role

RAM = 4 * 2**30
PROFILES = ("high-conn", "load-generator", "container", "kemal-60k")


def export(
    profile: str = "high-conn",
    *,
    connections: int | None = 250_000,
    role: Role | None = None,
    processes: int | None = None,
    ram_bytes: int = RAM,
    user: str = "USER",
    unit: str = "UNIT.service",
) -> Export:
    """A shipped profile for 250,000 connections."""
    facts = HostFacts(ram_bytes=ram_bytes, cpus=2)
    resolved = load(profile, connections=connections, processes=processes, facts=facts)
    argv = ("export", profile)
    return make_export(resolved, role or resolved.role, ram_bytes=ram_bytes, user=user, unit=unit, argv=argv)


def text(format_: ExportFormat, profile: str = "high-conn", **changes: Any) -> str:
    """What `wstune export` writes; `changes` as of `export`."""
    return write(format_, export(profile, **changes))


def run(*command: str, environment: Mapping[str, str] = {}, seconds: float = 100) -> subprocess.CompletedProcess[str]:
    """Run a tool, whatever its exit code."""
    return subprocess.run(
        command,
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


def in_namespace(*command: str, environment: Mapping[str, str] = {}) -> subprocess.CompletedProcess[str]:
    """Run a tool in a network namespace of its own, where it may write what such a namespace has.

    For settings of the network alone: the root of a user namespace whom root has made may still write fs.*.
    """
    return run("unshare", "-Urn", "--", *command, environment=environment)


def tree(path: Path) -> Mapping[str, str]:
    """Every file below a folder, by its relative path."""
    return {str(each.relative_to(path)): each.read_text() for each in sorted(path.rglob("*")) if each.is_file()}
