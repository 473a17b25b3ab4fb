"""A token comes from a file that is not everybody's, and is never shown."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from wstune.errors import UsageError
from wstune.host.token_file import read_token

TOKEN = "s3cret-0123456789abcdef"  # noqa: S105 - of a test


def write(path: Path, data: bytes, mode: int = 0o600) -> str:
    path.write_bytes(data)
    path.chmod(mode)
    return f"@{path}"


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_one_line_is_the_token(tmp_path: Path, end: bytes) -> None:
    """With or without an end of line; a group may read it."""
    assert read_token("--t", write(tmp_path / "t", TOKEN.encode() + end, 0o640)) == TOKEN


@pytest.mark.parametrize(
    "data",
    [b"", b"short", b"two lines of a token\nand more\n", TOKEN.encode() + b"\r\nX-Header: y", b"\xff" * 20, b"x" * 5000,
     TOKEN.encode() + b"\n\n", b" " + TOKEN.encode(), TOKEN.encode() + b"\0"],
)  # fmt: skip
def test_what_is_no_token_is_refused_without_being_shown(tmp_path: Path, data: bytes) -> None:
    """Whatever the file holds, the sentence names the file and not what is in it."""
    with pytest.raises(UsageError) as caught:
        read_token("--t", write(tmp_path / "t", data))
    assert "expected one line" in str(caught.value)
    assert "s3cret" not in str(caught.value) + caught.value.tip


def test_a_token_on_the_command_line_is_refused_and_not_repeated() -> None:
    """Everybody sees a command line, and a terminal's history."""
    for text in (TOKEN, "", "@"):
        with pytest.raises(UsageError, match="@FILE") as caught:
            read_token("--t", text)
        assert TOKEN not in str(caught.value) + caught.value.tip


def test_a_file_that_everybody_may_read_keeps_no_secret(tmp_path: Path) -> None:
    """Mode 0644 is refused, and so is what is not there, or is a directory."""
    with pytest.raises(UsageError, match="everybody"):
        read_token("--t", write(tmp_path / "t", TOKEN.encode(), 0o644))
    for path in (tmp_path / "none", tmp_path, Path("x\0y")):
        with pytest.raises(UsageError):
            read_token("--t", f"@{path}")


def test_a_pipe_will_do(tmp_path: Path) -> None:
    """What a shell's <(…) gives is a pipe, whose mode says nothing."""
    os.mkfifo(tmp_path / "pipe", 0o644)
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=(TOKEN,))
    writer.start()
    assert read_token("--t", f"@{tmp_path / 'pipe'}") == TOKEN
    writer.join()
