"""requirements.txt has what a user installs, with hashes, and agrees with pyproject.toml and constraints.txt."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.conftest import ROOT
from tools.lock import CONSTRAINTS, HEAD, LOCK, asked

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FLOORS = {
    "simpleeval": "1.0.5",  # CVE-2026-32640
    "jinja2": "3.1.6",  # CVE-2025-27516
}
"""The first versions without a known hole; nothing older is ever installed."""


def locked() -> dict[str, tuple[str, list[str]]]:
    """Each name with its version and its hashes."""
    text = LOCK.read_text().removeprefix(HEAD).replace("\\\n", " ")
    found: dict[str, tuple[str, list[str]]] = {}
    for line in text.splitlines():
        pin, *hashes = line.split()
        name, version = pin.split("==")
        found[canonicalize_name(name)] = (version, hashes)
    return found


def test_every_line_has_its_hashes() -> None:
    """Each is pinned exactly, with at least one SHA-256."""
    for name, (_, hashes) in locked().items():
        assert hashes, name
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", each) for each in hashes), name


@pytest.mark.parametrize("requirement", asked(PROJECT))
def test_what_is_asked_for_is_locked(requirement: str) -> None:
    """Each dependency at run time, and the build's, is in it within the bounds of pyproject.toml."""
    wanted = Requirement(requirement)
    assert wanted.specifier.contains(locked()[canonicalize_name(wanted.name)][0])


def test_it_agrees_with_the_constraints() -> None:
    """What a user installs is what is tested."""
    lines = [line for line in CONSTRAINTS.read_text().splitlines() if not line.startswith("#")]
    pins = {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}
    assert {name: version for name, (version, _) in locked().items()}.items() <= pins.items()


@pytest.mark.parametrize("name", FLOORS)
def test_no_known_hole(name: str) -> None:
    """The floor in pyproject.toml is not below the version that closed the hole, nor is what is locked."""
    wanted = next(each for each in map(Requirement, PROJECT["project"]["dependencies"]) if each.name == name)
    floor = next(Version(each.version) for each in wanted.specifier if each.operator == ">=")
    assert Version(FLOORS[name]) <= floor <= Version(locked()[name][0])
