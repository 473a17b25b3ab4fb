"""Trees of files as data: the captured hosts, and small ones made for one test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.conftest import TESTS

HOSTS = TESTS / "hosts"


def plant(tree: Path, files: Mapping[str, str | bytes], links: Mapping[str, str] | None = None) -> Path:
    """Put files (path below the root → content) and links (path → target) into a tree. Returns it."""
    for path, content in files.items():
        place = tree / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
    for path, target in (links or {}).items():
        place = tree / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)
    return tree
