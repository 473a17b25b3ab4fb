"""Where the program begins; `python -m wstune` is the same as `wstune`."""

from __future__ import annotations

from typing import NoReturn

from wstune import signals


def main() -> NoReturn:
    """The entry point `wstune`."""
    signals.end_at_once()  # while all the rest is imported
    from wstune.cli.main import main as command_line

    command_line()


if __name__ == "__main__":
    main()
