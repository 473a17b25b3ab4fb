"""docs/reference/walls.md is made from the table of walls; `pytest --update` writes it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.conftest import ROOT
from wstune.readiness.diagnosis import PHASES
from wstune.readiness.walls import LIMITS, PLATEAUS, WALLS
from wstune.tunable import WallKind

PAGE = ROOT / "docs/reference/walls.md"

_HEAD = """\
# Walls: what stops a burst

<!-- Made by pytest --update from wstune/readiness/walls.py and wstune/tunables. -->

A report of `wstune verify` that did not confirm names one wall, its side, the evidence, and a way round it. The name is
a tunable's (`wstune explain NAME` tells of it) or one of the names below, which are published: they are not renamed.

The verdict follows from whose the wall is. **missed**: the server's, or one of the host's that the server alone would
have met as well. **inconclusive**: the generator's, or one of the host's that the server alone would not have met. Over
loopback both ends share the host: the column *alone* says how many times as many connections the server would have held
with the generator elsewhere. A side "counted" is the end that counted the error.

"""


def _table(kinds: Mapping[str, WallKind]) -> str:
    rows = ["| name | side | alone | what bound | the way round |", "|---|---|---|---|---|"]
    for name, kind in sorted(kinds.items()):
        side = kind.side if kind.side in ("server", "generator", "host") else "counted"
        alone = "" if side != "host" else "any number" if kind.share == float("inf") else f"{kind.share:g} ×"
        fix = kind.fix.replace("{wanted}", "N").replace("{processes}", "P").replace("{sources}", "S")
        rows.append(f"| `{name}` | {side} | {alone} | {kind.meaning} | {fix} |")
    return "\n".join(rows) + "\n"


def _page() -> str:
    plateaus = "\n".join(
        f"| {plateau.low:,} to {plateau.high:,} | `{plateau.limit}` | {plateau.remark} |" for plateau in PLATEAUS
    )
    return (
        f"{_HEAD}Phases of a connection: {', '.join(PHASES)}; the server counts errors in accept, watch and bind.\n"
        "A machine of a cluster that is lost is counted in hold, or in open: before it had opened its share.\n\n"
        f"## Names that are no tunables\n\n{_table(WALLS)}\n## Tunables\n\n{_table(LIMITS)}\n"
        "## Plateaus\n\nA server elsewhere does not say why it stops. The number of connections that were open may:\n\n"
        f"| open | wall | since |\n|---|---|---|\n{plateaus}\n"
    )


def test_the_page_of_walls_is_up_to_date(request: pytest.FixtureRequest) -> None:
    """The page holds every wall, as the table in the code has it."""
    if request.config.getoption("--update"):
        PAGE.write_text(_page())
    assert PAGE.read_text() == _page(), "make it with pytest --update"
