"""docs/reference/conformance.md says which case shows which rule; it is made from the suites and cannot drift."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests import test_conformance_rfc6455 as rfc6455
from tests.conformance_rules import RULES, SERVED_ELSEWHERE
from tests.conftest import ROOT
from tests.test_conformance_autobahn_like import CASES, GROUPS, Case

PAGE = ROOT / "docs" / "reference" / "conformance.md"
TESTS: dict[str, Callable[..., object]] = {
    name: test for name, test in vars(rfc6455).items() if name.startswith("test_") and callable(test)
}
HEAD = """\
# Conformance to RFC 6455

<!-- Made by pytest --update from tests/conformance_rules.py and the suites that it names. -->

What the WebSocket protocol demands of the built-in server and of the burst's client, and which test shows that they
do it.

Both suites send raw bytes, to the protocol alone (`pure`) and over TCP to the built-in server (`live`). They can be run
against any server that echoes in order, and at once, to a client alone on its path (an asynchronous application may
drop what it has not answered yet when a CLOSE comes):

    WSTUNE_CONFORMANCE_SERVER=HOST:PORT pytest -k live tests/test_conformance_rfc6455.py

## Rules

Each is a MUST or MUST NOT of RFC 6455 §4 to §7 (or of §8 and §9, which those refer to), in our words. Tests are in
`tests/test_conformance_rfc6455.py`; numbers are cases of `tests/test_conformance_autobahn_like.py`, and those of the
Autobahn test suite that they are like.
"""


def shown_by(rule: str) -> tuple[list[str], list[str]]:
    """Names of tests and numbers of cases that show a rule."""
    tests = [name for name, test in TESTS.items() if rule in getattr(test, "shows", ())]
    return tests, [case.number for case in CASES if rule in case.rules]


def in_short(numbers: list[str]) -> str:
    """Case numbers, runs of more than two in one group as first–last."""
    runs: list[list[str]] = []
    for number in numbers:
        group, _, at = number.rpartition(".")
        if runs:
            last_group, _, last = runs[-1][-1].rpartition(".")
            if group == last_group and int(at) == int(last) + 1:
                runs[-1].append(number)
                continue
        runs.append([number])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(run) for run in runs)


def page() -> str:
    lines = [HEAD, "| rule | what it says | shown by |", "|---|---|---|"]
    for rule, text in RULES.items():
        tests, numbers = shown_by(rule)
        evidence = [f"`{name.removeprefix('test_')}`" for name in tests]
        if numbers:
            evidence.append(in_short(sorted(numbers, key=lambda number: [int(part) for part in number.split(".")])))
        lines.append(f"| {rule} | {text} | {'<br>'.join(evidence)} |")
    lines += ["", "Of other rules, and why none is here:", "", "| rule | whose it is |", "|---|---|"]
    lines += [f"| {rule} | {whose} |" for rule, whose in SERVED_ELSEWHERE.items()]
    lines += ["", "## Cases", "", "| case | what is sent | the connection ends with |", "|---|---|---|"]
    lines += [f"| {case.number} | {case.what} | {case.code} |" for group in GROUPS for case in group()]
    return "\n".join(lines) + "\n"


def test_the_page_is_what_the_suites_show(request: pytest.FixtureRequest) -> None:
    """Made anew it is the same; `--update` writes it."""
    if request.config.getoption("--update"):
        PAGE.write_text(page())
    assert PAGE.exists(), "there is no page: make it with pytest --update"
    assert PAGE.read_text() == page()


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_shown(rule: str) -> None:
    """By a test, a case, or both."""
    tests, numbers = shown_by(rule)
    assert tests or numbers


@pytest.mark.parametrize("name", TESTS)
def test_every_test_is_named_after_a_section_whose_rule_it_shows(name: str) -> None:
    """test_5_4_… shows a rule of §5.4."""
    match = re.match(r"test_(\d(?:_\d)+)_", name)
    assert match
    section = match[1].replace("_", ".")
    assert any(rule.startswith(section) for rule in getattr(TESTS[name], "shows", ()))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.number)
def test_every_case_shows_a_rule(case: Case) -> None:
    """And only known ones."""
    assert case.rules
    assert set(case.rules) <= RULES.keys()
