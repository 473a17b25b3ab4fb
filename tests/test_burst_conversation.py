"""Load machines that misbehave, over real SSH: each is a row, or one sentence, in bounded time and memory."""

from __future__ import annotations

import json
import re
import resource
import time
from collections.abc import Iterator
from pathlib import Path

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


AT_ONCE = 6
"""All these machines are this one: each starts a Python that imports Dask, a second of a processor, and has 20 s."""

_LATE = [kind for kind, said in SAID.items() if said == LATE]
_OTHERS = [kind for kind in SAID if kind not in _LATE]
GROUPS = [_LATE, *(_OTHERS[first : first + AT_ONCE] for first in range(0, len(_OTHERS), AT_ONCE))]


@pytest.mark.parametrize("kinds", GROUPS, ids=lambda kinds: f"{kinds[0]}-and-{len(kinds) - 1}-more")
def test_those_that_misbehave_are_rows(here: SshHere, kinds: list[str]) -> None:
    """Each with the machine's name and what it did, and nothing of it is taken for an answer; none of them holds up the
    one that is as it should be, whose document is whole."""
    names = ["good", *kinds]
    process = here.wstune("check", "container", "--hosts", ",".join(map(here.machine, names)), "--format", "json")
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
    good, *rows = json.loads(out)["hosts"]
    assert good["error"] is None
    assert good["check"]["schema"]
    for kind, row in zip(kinds, rows, strict=True):
        assert re.search(SAID[kind], row["error"] or ""), row
        if kind == "check-escape":
            assert row["verdict"] == "not-ready"
        else:
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
