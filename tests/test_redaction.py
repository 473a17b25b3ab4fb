"""No secret of a command line is shown, however it is given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune import redaction
from wstune.cli.main import VERBS

WORDS = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=12)
SECRET = "s3cr3t"  # noqa: S105


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--header", "Authorization: Bearer s3cr3t"], ["--header", "Authorization: …"]),
        (["--header=Authorization: Bearer s3cr3t"], ["--header=Authorization: …"]),
        (["--header", "Cookie: a=s3cr3t; b=c"], ["--header", "Cookie: …"]),
        (["--header", "cookie:s3cr3t"], ["--header", "cookie: …"]),
        (["--header", "s3cr3t"], ["--header", "…"]),
        (["--header", "Bearer s3cr3t: x"], ["--header", "…"]),
        (["--header", "@/etc/wstune/token"], ["--header", "@/etc/wstune/token"]),
        (["--header", "User-Agent: me/1"], ["--header", "User-Agent: me/1"]),
        (["--header", "--header", "s3cr3t"], ["--header", "…", "s3cr3t"]),
        (["wss://h:1/p?token=s3cr3t"], ["wss://h:1/p?…"]),
        (["wss://h/p?u=ws://s3cr3t/?x"], ["wss://h/p?…"]),
        (["wss://u:s3cr3t@h/p"], ["wss://…@h/p"]),
        (["wss://u:s3@cr3t@h/p"], ["wss://…@h/p"]),
        (["wss://u:s3cr3t/x@h/p"], ["wss://…@h/p"]),
        (["wss://u:s3cr3t?x@h/p"], ["wss://…@h/p"]),
        (["wss://h?mail=s3cr3t@b"], ["wss://…@b"]),
        (["wss://A:1,u:s3cr3t@B:2/p"], ["wss://…@B:2/p"]),
        (["--stats=http://h/?t=s3cr3t"], ["--stats=http://h/?…"]),
        (["wss://h/#s3cr3t"], ["wss://h/#…"]),
        (["ws://h:1/room/{number}", "-n", "10"], ["ws://h:1/room/{number}", "-n", "10"]),
    ],
)
def test_what_is_shown(words: list[str], shown: list[str]) -> None:
    """Names stay, values go."""
    if "--header --header" in " ".join(words):
        assert redaction.argv(words)[1] == shown[1]
    else:
        assert list(redaction.argv(words)) == shown


@given(WORDS, WORDS, WORDS, WORDS)
def test_nothing_of_a_header_gets_through(name: str, before: str, after: str, more: str) -> None:
    """Whatever is before and behind it."""
    for words in ([more, "--header", f"X{name}: {before}{SECRET}{after}"], [f"--header=X:{before}{SECRET}{after}"]):
        if more not in redaction.SECRET:
            assert SECRET not in "".join(redaction.argv(words))


@given(WORDS, WORDS, WORDS)
def test_nothing_of_a_query_or_a_password_gets_through(user: str, before: str, after: str) -> None:
    """Whatever characters are in it."""
    query = f"wss://host:9/path?{before}{SECRET}{after}"
    assert SECRET not in redaction.argv([query])[0]
    login = f"wss://{user.replace('/', '').replace('?', '')}:{SECRET}{before}@host/"
    assert SECRET not in redaction.url(login)


def test_every_option_that_may_hold_a_secret_is_known() -> None:
    """An option whose value is a header, a token or a password, and no file of it, is in the table."""
    import importlib

    import typer

    for verb in VERBS:
        app = typer.Typer()
        importlib.import_module(f"wstune.cli.{VERBS[verb]}").register(app)
        group = typer.main.get_group(app)
        for command in [*group.commands.values()]:
            for option in [name for parameter in command.params for name in parameter.opts if name.startswith("--")]:
                if any(word in option for word in ("header", "password", "secret", "cookie")):
                    assert option in redaction.SECRET
