"""`wstune check --hosts`: every machine of a fleet checks itself, asked by SSH; this only gathers what they say."""

from __future__ import annotations

import asyncio
import logging
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wstune import __version__
from wstune.burst import answers, conversation
from wstune.burst.answers import NotAnAnswerError
from wstune.burst.conversation import Bounds
from wstune.errors import UsageError, WstuneError
from wstune.printable import printable

if TYPE_CHECKING:
    from wstune.burst.cluster_ssh import Machine

CHECK_SECONDS = 30.0
_MOST_BYTES = 4 << 20
NO_ANSWER = "no-answer"
_SENTENCE = 500


@dataclass(frozen=True, slots=True)
class FleetRow:
    """One machine: its own document of `check`, or the sentence that says why there is none, and a tip."""

    name: str
    document: dict[str, Any] | None
    error: str = ""
    tip: str = ""

    @property
    def verdict(self) -> str:
        """`ready`, `not-ready`, `inconclusive`, or NO_ANSWER."""
        return str(self.document["verdict"]) if self.document else NO_ANSWER


def verdict(rows: tuple[FleetRow, ...]) -> str:
    """Of the whole fleet: not ready if one is not, else inconclusive if one is or does not answer."""
    said = {row.verdict for row in rows}
    if "not-ready" in said:
        return "not-ready"
    return "ready" if said == {"ready"} else "inconclusive"


def run_check_fleet(hosts: tuple[str, ...], arguments: tuple[str, ...], python: str = "") -> tuple[FleetRow, ...]:
    """Log in to each of the machines, all at once, and run `wstune check` with these arguments there.

    Raises UsageError without asyncssh, or for a name that is none. All else is said in the machine's row.
    """
    try:
        import asyncssh  # noqa: F401
    except ImportError:
        raise UsageError("--hosts needs asyncssh", "pip install 'wstune[cluster]'") from None
    logging.getLogger("asyncssh").setLevel(logging.CRITICAL)
    from wstune.burst.cluster_ssh import login

    for host in hosts:
        login(host)

    async def all_of_them() -> list[FleetRow]:
        return await asyncio.gather(*(_row(host, arguments, python) for host in hosts))

    return tuple(asyncio.run(all_of_them()))


async def _row(host: str, arguments: tuple[str, ...], python: str) -> FleetRow:
    from wstune.burst.cluster_ssh import reach

    try:
        machine, about = await reach(host, python)
    except WstuneError as error:
        return FleetRow(host, None, str(error), error.tip)
    try:
        if about.wstune is None:
            why = f"{host} has no wstune, or not for {machine.python}"
            return FleetRow(host, None, why, f"on {host}: pip install wstune=={__version__}")
        if about.wstune != __version__:
            why = f"{host} has wstune {about.wstune}, here is {__version__}"
            return FleetRow(host, None, why, f"on {host}: pip install wstune=={__version__}")
        return await _asked(host, machine, arguments)
    finally:
        machine.connection.close()


async def _asked(host: str, machine: Machine, arguments: tuple[str, ...]) -> FleetRow:
    command = [machine.python, "-m", "wstune", "check", *arguments, "--format", "json"]
    try:
        bounds = Bounds(host, CHECK_SECONDS, _MOST_BYTES)
        done = await conversation.run(machine.connection, shlex.join(command), bounds)
    except WstuneError as error:
        return FleetRow(host, None, str(error), error.tip)
    if not done.stdout.strip():
        said = done.stderr.strip().splitlines() or [f"exit code {done.exit_status}"]
        why = printable(said[0].removeprefix("ERROR").strip()[:_SENTENCE])
        return FleetRow(host, None, f"{host} could not be checked: {why}")
    try:
        return FleetRow(host, answers.record(answers.read_json(done.stdout), answers.CHECKED))
    except NotAnAnswerError as error:
        return FleetRow(host, None, f"{host} sent something that is not a wstune answer: {printable(str(error))}")
