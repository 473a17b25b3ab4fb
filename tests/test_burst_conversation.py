"""Load machines that misbehave, over real SSH: each is a row, or one sentence, in bounded time and memory."""

from __future__ import annotations

import json
import re
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ssh_here import SshHere, ssh_here

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(150)]

NOT = "sent something that is not a wstune answer"
SIZE = "sent more than [14] MiB"
LATE = "did not answer within [23]0 s"
SAID = {
    "probe-endless": SIZE,
    "probe-endlesslines": SIZE,
    "probe-stderr": SIZE,
    "probe-silent": LATE,
    "probe-drip": LATE,
    "probe-escape": r"has wstune \\x1b\[2J",
    "check-endless": SIZE,
    "check-stderr": SIZE,
    "check-silent": LATE,
    "check-drip": LATE,
    "check-escape": "^$",
}
KINDS: tuple[str, ...] = (
    "broken",
    "list",
    "number",
    "null",
    "empty",
    "deep",
    "deepobject",
    "digits",
    "infinite",
    "nan",
    "latin",
    "types",
)
KINDS += ("missing", "huge", "surrogate")
SAID |= {f"{stage}-{kind}": NOT for stage in ("probe", "check") for kind in KINDS}
SAID["check-findings"] = NOT


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshHere]:
    with ssh_here(tmp_path_factory.mktemp("ssh")) as made:
        yield made


@pytest.fixture(scope="module")
def rows(here: SshHere) -> dict[str, dict[str, Any]]:
    """All of them asked at once, with one among them that is as it should be."""
    names = ["good", *SAID]
    hosts = ",".join(map(here.machine, names))
    process = here.wstune("check", "container", "--hosts", hosts, "--format", "json")
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    try:
        out, err = process.communicate(timeout=90)
    finally:
        process.kill()
    assert process.returncode in (1, 3), err
    assert time.monotonic() - began < 80
    after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert after == before or after < 400 * 1024, "KiB at the most"
    assert "\x1b" not in out + err
    return dict(zip(names, json.loads(out)["hosts"], strict=True))


def test_one_that_is_as_it_should_be_is_checked_among_all_the_others(rows: dict[str, dict[str, Any]]) -> None:
    """None of them holds it up, and its document is whole."""
    assert rows["good"]["error"] is None
    assert rows["good"]["check"]["schema"]


@pytest.mark.parametrize("kind", SAID)
def test_one_that_misbehaves_is_a_row(rows: dict[str, dict[str, Any]], kind: str) -> None:
    """With the machine's name and what it did; nothing of it is taken for an answer."""
    row = rows[kind]
    assert re.search(SAID[kind], row["error"] or ""), row
    if kind == "check-escape":
        assert row["verdict"] == "not-ready"
        return
    assert (row["verdict"], row["check"]) == ("no-answer", None)
    assert row["error"].startswith(f"{kind}@127.0.0.1:")


def test_the_table_steers_no_terminal(here: SshHere) -> None:
    """A version, a tunable and a fix that another machine names are shown letter by letter."""
    process = here.wstune(
        "check", "container", "--hosts", ",".join(map(here.machine, ("probe-escape", "check-escape")))
    )
    out, err = process.communicate(timeout=60)
    assert "\x1b" not in out + err
    assert "\\x1b[2J" in out


@pytest.mark.parametrize(
    "kind", ["endless", "endlesslines", "stderr", "broken", "list", "missing", "types", "deep", "escape"]
)
def test_a_burst_does_not_begin_with_one_that_misbehaves(here: SshHere, kind: str, tmp_path: Path) -> None:
    """One sentence that names it, and exit code 3."""
    machine = here.machine(f"probe-{kind}")
    process = here.wstune("verify", "host", "-n", "10", "--hosts", machine)
    try:
        _, err = process.communicate(timeout=50)
    finally:
        process.kill()
    assert process.returncode == 3, err
    assert re.search(SAID[f"probe-{kind}"], err), err
    assert f"ERROR {machine} " in err
    assert "\x1b" not in err
