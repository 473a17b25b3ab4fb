"""--header: lines, files and the environment; what is wrong with one is said without its value."""

from __future__ import annotations

from pathlib import Path

import pytest

from wstune.cli import headers
from wstune.errors import UsageError


def test_lines_as_they_go_into_the_request() -> None:
    """In their order, each ended by CRLF, without the spaces around a value."""
    assert headers.of_request(["A:  b ", "X-C: d: e"]) == "A: b\r\nX-C: d: e\r\n"
    assert headers.of_request(None) == ""


def test_values_out_of_the_environment() -> None:
    """Anywhere in a value."""
    given = ["Authorization: Bearer {env:TOKEN}", "X: {env:A}{env:B}"]
    found = headers.of_request(given, {"TOKEN": "t0ken\n", "A": "1", "B": ""})
    assert found == "Authorization: Bearer t0ken\r\nX: 1\r\n"


def test_a_file_has_one_header_a_line(tmp_path: Path) -> None:
    """Empty lines and comments are passed over, the environment counts."""
    file = tmp_path / "headers"
    file.write_text("# mine\nA: b\r\n\nAuthorization: {env:TOKEN}\n")
    file.chmod(0o600)
    assert headers.of_request([f"@{file}", "C: d"], {"TOKEN": "t"}) == "A: b\r\nAuthorization: t\r\nC: d\r\n"


def test_a_file_that_others_can_read_is_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is taken all the same."""
    file = tmp_path / "headers"
    file.write_text("A: b\n")
    for mode, told in ((0o600, False), (0o640, True), (0o644, True)):
        file.chmod(mode)
        assert headers.of_request([f"@{file}"]) == "A: b\r\n"
        assert ("chmod 600" in capsys.readouterr().err) is told


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("s3cr3t", "expected Name: value"),
        ("Na me: s3cr3t", "expected Name: value"),
        (": s3cr3t", "expected Name: value"),
        ("A: s3cr3t\r\nB: c", "characters that no header has"),
        ("A: s3cr3t\x00", "characters that no header has"),
        ("A: s3cr3tä", "characters that no header has"),
        ("A: s3cr3t {env:NO}", "there is no 'NO' in the environment"),
        ("A: s3cr3t {env:}", "there is no '' in the environment"),
        ("A: {env:BAD}", "characters that no header has"),
        ("@FILE", "expected Name: value"),
        ("@/nowhere", "no such file"),
        ("@/dev/zero", "more than 64 KiB"),
        ("@/", "is a directory"),
        ("@a\0b", "null"),
    ],
)
def test_what_is_wrong_is_said_without_the_value(tmp_path: Path, given: str, said: str) -> None:
    """Name and reason; the value may be half of a token."""
    file = tmp_path / "file"
    file.write_text("A: b\ns3cr3t\n")
    with pytest.raises(UsageError, match=said) as caught:
        headers.of_request([given.replace("FILE", str(file))], {"BAD": "s3cr3t\nX: y"})
    assert "s3cr3t" not in str(caught.value) + caught.value.tip
