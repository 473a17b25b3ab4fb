"""Scenarios as TOML: there and back, and every mistake with its line and the nearest right name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wstune.burst import scenario as s
from wstune.burst.scenario_file import parse
from wstune.burst.scenario_text import to_toml
from wstune.errors import ScenarioError

TIMES = st.integers(0, 10**9).map(lambda millis: millis / 1000).filter(lambda seconds: seconds <= 7 * 24 * 3600)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
PATHS = st.sampled_from(["", "/", "/chat", "/rooms/{number}?a=b"])
THINKS = st.builds(s.Think, st.sampled_from(["fixed", "exponential"]), TIMES) | st.tuples(TIMES, TIMES).map(
    lambda pair: s.Think("uniform", min(pair), max(pair))
)
SIMPLE = st.builds(s.Send, TEXTS, st.booleans()) | st.builds(s.Expect, TEXTS, TIMES) | THINKS | st.just(s.Ping())
STEPS: st.SearchStrategy[s.Step] = st.recursive(
    SIMPLE,
    lambda inner: st.builds(s.Repeat, st.integers(1, 99), st.lists(inner, min_size=1, max_size=3).map(tuple)),
    max_leaves=6,
)
SESSIONS = st.builds(
    s.Session,
    name=TEXTS,
    weight=st.integers(1, 1000).map(float),
    path=PATHS,
    subprotocols=st.sampled_from([(), ("v1", "v2")]),
    origin=st.sampled_from(["", "https://example.org"]),
    headers=st.sampled_from([(), ("A: b",)]),
    steps=st.tuples(st.lists(STEPS, max_size=4), st.booleans()).map(
        lambda pair: (*pair[0], s.Close(3000)) if pair[1] else tuple(pair[0])
    ),
)
SCENARIOS = st.builds(
    s.Scenario,
    sessions=st.lists(SESSIONS, min_size=1, max_size=3, unique_by=lambda session: session.name).map(tuple),
    phases=st.sampled_from([(), (s.Phase(5, 50, 10, 2.5, True), s.Phase(0.5, 0.5))]),
    hold=st.none() | TIMES,
    servers=st.sampled_from([(), ("ws://h:1/",)]),
)


@given(SCENARIOS)
def test_there_and_back(scenario: s.Scenario) -> None:
    """What is written is read back as it was."""
    assert parse(to_toml(scenario, ("a remark",)), "x.toml") == scenario


SESSION = "[[session]]\nsteps = [{ ping = true }]\n"
HEAD = 'schema = 1\n[[session]]\nname = "a"\nsteps = [\n  { connect = "/chat" },\n'
WRONG = {
    "no-schema": ("[[session]]", "x.toml:1: has no `schema`"),
    "another-schema": ("schema = 2", "x.toml:1: has schema 2"),
    "no-session": ("schema = 1", "x.toml:1: has no session"),
    "not-toml": ("schema = 1\n[[session", "x.toml:2: is not TOML"),
    "unknown-key": ('schema = 1\nhodl = "1s"\n[[session]]', "x.toml:2: unknown key 'hodl' (did you mean hold?)"),
    "unknown-step": (HEAD + '  { sned = "x" },\n]', "x.toml:6: unknown step 'sned' (did you mean send?)"),
    "unknown-key-of-step": (HEAD + '  { think = "1s", radom = "x" },\n]', "x.toml:6: unknown key of think 'radom'"),
    "deep-inside": (
        HEAD + "  { repeat = 2, steps = [\n    { ping = true },\n    { thnk = 1 },\n  ] },\n]",
        "x.toml:8: unknown step 'thnk' (did you mean think?)",
    ),
    "after-a-repeat": (
        HEAD + "  { repeat = 2, steps = [ { ping = true } ] },\n  { ping = 5 },\n]",
        "x.toml:7: ping = 5",
    ),
    "two-in-one": (HEAD + '  { send = "a", ping = true },\n]', "x.toml:6: one step does send and ping"),
    "connect-later": (HEAD + '  { connect = "/" },\n]', "x.toml:6: connect is not the first step"),
    "close-inside": (HEAD + "  { close = 1000 },\n  { ping = true },\n]", "x.toml:6: close ends the session"),
    "close-code": (HEAD + "  { close = 1006 },\n]", "x.toml:6: close code 1006"),
    "path": ('schema = 1\n[[session]]\nsteps = [\n  { connect = "chat" },\n]', "x.toml:4: connect 'chat'"),
    "header": (
        'schema = 1\n[[session]]\nsteps = [{ connect = "/", headers = ["A: b\\r\\nC: d"] }]',
        "x.toml:3: header",
    ),
    "time": (HEAD + '  { think = "10 parsecs" },\n]', "x.toml:6: think '10 parsecs' is no time"),
    "think-backwards": (HEAD + '  { think = "3s..1s" },\n]', "x.toml:6: think '3s..1s'"),
    "endless-phase": (
        "schema = 1\n[[phase]]\nrate = 1\n[[phase]]\nrate = 1\n[[session]]",
        "x.toml:2: a phase without an end",
    ),
    "two-rates": ('schema = 1\n[[phase]]\nrate = 1\ninterval = "1s"\n[[session]]', "x.toml:4: a phase has either"),
    "rate": ('schema = 1\n[[phase]]\nrate = "fast"\n[[session]]', "x.toml:3: rate 'fast' is no rate"),
    "rate-0": ("schema = 1\n[[phase]]\nrate = 0\n[[session]]", "x.toml:3: rate 0"),
    "arrival": ('schema = 1\n[[phase]]\nrate = 1\narrival = "poison"\n[[session]]', "(did you mean poisson?)"),
    "count": ("schema = 1\n[[phase]]\nrate = 1\ncount = true\n[[session]]", "x.toml:4: count True"),
    "weight": ("schema = 1\n[[session]]\nweight = 0", "x.toml:3: weight 0"),
    "same-name": (
        'schema = 1\n[[session]]\nname = "a"\n[[session]]\nname = "a"',
        "x.toml:5: there are two sessions 'a'",
    ),
    "no-list": ("schema = 1\nsession = 5", "x.toml:2: `session` is not a list of tables"),
    "long-number": (
        "schema = 1\nhold = " + "9" * 5000 + "\n" + SESSION,
        "x.toml:2: has a number or a date that is out of range",
    ),
    "long-hexadecimal": (
        "schema = 1\n\nhold = 0x" + "f" * 5000 + "\n" + SESSION,
        "x.toml:3: has an integer of more than 64 bits",
    ),
    "large-message": (HEAD + f'  {{ send = "{"x" * 65_537}" }},\n]', "x.toml:6: a message of more than 65,536 bytes"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_has_its_line(case: str) -> None:
    """File, line, what is wrong, and the nearest right name."""
    text, sentence = WRONG[case]
    with pytest.raises(ScenarioError) as refused:
        parse(text, "x.toml")
    assert sentence in f"{refused.value} ({refused.value.tip})"


def test_too_deep() -> None:
    """Repeats within repeats end at eight."""
    inner = "{ ping = true }"
    for _ in range(10):
        inner = f"{{ repeat = 2, steps = [ {inner} ] }}"
    with pytest.raises(ScenarioError, match="eight deep"):
        parse(f"schema = 1\n[[session]]\nsteps = [ {inner} ]", "x.toml")


def test_the_defaults() -> None:
    """A session of nothing connects to the target's path and holds; expect takes anything; an interval is a rate."""
    text = 'schema = 1\n[[phase]]\ninterval = "2ms"\n[[session]]\nsteps = [ { expect = true }, { close = true } ]'
    scenario = parse(text, "x.toml")
    assert scenario.phases == (s.Phase(500, 500),)
    assert scenario.connections is None
    assert scenario.sessions[0].steps == (s.Expect("", 10.0), s.Close(1000))
    assert scenario.sessions[0].path == ""


def test_sessions_may_be_inline() -> None:
    """TOML lets a list of tables stand in one line, where steps have no line of their own."""
    text = 'schema = 1\nsession = [{ name = "a", steps = [{ connect = "/chat" }, { send = "hello" }] }]\n'
    (session,) = parse(text, "x.toml").sessions
    assert (session.path, session.steps) == ("/chat", (s.Send("hello"),))
    with pytest.raises(ScenarioError, match=r"x\.toml:2: connect .x.: expected a path"):
        parse(text.replace("/chat", "x"), "x.toml")


@given(st.text())
def test_no_text_steers_a_terminal(text: str) -> None:
    """Control and bidirectional characters are spelled out in the file, and come back."""
    scenario = s.Scenario((s.Session("a", steps=(s.Send(text),)),))
    written = to_toml(scenario)
    assert all(char.isprintable() or char == "\n" for char in written)
    assert parse(written, "x.toml") == scenario
