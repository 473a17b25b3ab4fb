"""The costs of a connection as a burst has shown them. Pure: the report of `wstune verify` comes in."""

from __future__ import annotations

from wstune.readiness.constants import APP_NEEDS_FILES, CLIENT_BYTES, PAIR_BYTES, SERVER_BYTES
from wstune.readiness.costs import GIVEN
from wstune.service import Costs
from wstune.verification import VerifyReport


def calibrated(costs: Costs, report: VerifyReport, source: str) -> Costs:
    """The costs with what a report has measured in the place of constants; what it has not stays.

    The slabs of both ends are shared out between them as in the constants. What the server kept for a connection stands
    for the application unless that was given: it is wstune's own server, and is said to be.

    Raises ValueError, worded, for a burst that is too small to divide by.
    """
    if report.reached < APP_NEEDS_FILES:
        raise ValueError(f"got a burst of {report.reached:,} connections, expected at least {APP_NEEDS_FILES:,}")
    memory, words = report.memory, f"the burst of {report.reached:,} in {source}"
    found = costs
    if memory.kernel_slab_bytes is not None and memory.kernel_slab_bytes > 0:
        slab = memory.kernel_slab_bytes
        if memory.server_user_bytes is None:  # a server elsewhere: the slabs are those of this end
            found = found._replace(client=round(slab), source=f"{costs.source}; of the client {words}")
        else:
            shares = (round(slab * part / PAIR_BYTES) for part in (SERVER_BYTES, CLIENT_BYTES))
            server, client = shares
            found = found._replace(server=server, client=client, source=words)
    if memory.generator_user_bytes is not None:
        found = found._replace(generator=max(1, round(memory.generator_user_bytes)))
    if memory.server_user_bytes is not None and costs.app_source != GIVEN:
        found = found._replace(app=round(memory.server_user_bytes), app_source=f"wstune's own server, {words}", tls=0)
    return found
