"""Every verb finds and resolves its profile the same way."""

from __future__ import annotations

from pathlib import Path

import pytest

from wstune.actions.profile import load, loader, target
from wstune.errors import UsageError
from wstune.model import HostFacts

FACTS = HostFacts(ram_bytes=8 << 30, page_size=16384, cpus=4)
TEXT = """schema = 1
summary = "Mine"
[variables]
connections = 10
rate = { expr = "ram_bytes // page_size * cpus" }
"""


def test_a_profile_is_resolved_for_the_machine(tmp_path: Path) -> None:
    """Expressions see the machine's size, as the facts have it."""
    (tmp_path / "mine.toml").write_text(TEXT)
    resolved = load("mine", profile_dirs=[str(tmp_path)], facts=FACTS)
    assert resolved.variables == {"connections": 10, "processes": 1, "rate": (8 << 30) // 16384 * 4}


def test_the_target_overrides_the_profile(tmp_path: Path) -> None:
    """What the user asks for is what it is resolved for."""
    (tmp_path / "mine.toml").write_text(TEXT)
    path = str(tmp_path / "mine.toml")
    resolved = load(path, connections=7, processes=3, settings={"rate": 2}, facts=FACTS)
    assert resolved.variables == {"connections": 7, "processes": 3, "rate": 2}


def test_a_target_of_defaults() -> None:
    """None is the profile's own default."""
    wanted = target(FACTS)
    assert (wanted.connections, wanted.processes, wanted.page_size) == (None, None, 16384)


def test_a_file_is_read_once(tmp_path: Path) -> None:
    """A profile that changes while a verb is at work is judged as it was at first."""
    path = tmp_path / "mine.toml"
    path.write_text(TEXT)
    find = loader()
    first = find(str(path))
    path.write_text("something else")
    assert find(str(path)) == first


@pytest.mark.root
def test_others_profiles_can_be_refused(tmp_path: Path) -> None:
    """What is to be obeyed may not be what others could write, unless it came with wstune."""
    (tmp_path / "mine.toml").write_text(TEXT)
    (tmp_path / "mine.toml").chmod(0o666)
    find = loader([str(tmp_path)], obeyed=True)
    assert find("high-conn")[1].endswith("profiles/high-conn.toml")
    with pytest.raises(UsageError, match=r"root does not obey .*mine\.toml"):
        find("mine")
