"""The one tree of expected errors."""

from __future__ import annotations

import re

from wstune import errors
from wstune.errors import ProfileError, WstuneError


def _tree(cls: type[WstuneError]) -> set[type[WstuneError]]:
    return {cls}.union(*map(_tree, cls.__subclasses__()))


def test_the_tree_is_as_drawn() -> None:
    """Each error of the module stands in its docstring with its exit code."""
    drawn = {name: int(code) for name, code in re.findall(r"(\w+Error) +(\d+)", errors.__doc__ or "")}
    here = {cls for cls in _tree(WstuneError) if cls.__module__ == errors.__name__}
    assert {cls.__name__: cls.exit_code for cls in here} == drawn


def test_an_error_is_a_sentence_and_a_tip() -> None:
    """The sentence is its text, the tip is beside it."""
    error = WstuneError("it is so", "do this")
    assert (str(error), error.tip) == ("it is so", "do this")


def test_a_profile_error_says_where() -> None:
    """File and line come first, where they are known."""
    assert str(ProfileError("a.toml:3", "is wrong")) == "a.toml:3: is wrong"
    assert str(ProfileError("", "is wrong")) == "is wrong"
