"""What is measured of a burst: growth that is growth, and files that are kept for later."""

from __future__ import annotations

from pathlib import Path

from wstune.actions.verify_measure import available_bytes, growth, spare_files


def test_growth_is_known_or_not() -> None:
    """What shrank was outweighed by something else: that is not 0."""
    assert growth(5, 9) == 4
    assert growth(9, 5) is growth(None, 5) is growth(5, None) is None


def test_files_are_kept_while_connections_are_opened() -> None:
    """And given back afterwards: what follows can still be read at the end of all files."""

    def files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = files()
    with spare_files():
        assert files() == before + 64
    assert files() == before
    assert available_bytes()
