"""The scenario of a burst: a file's, or what the plain flags mean; and what of it a coordinator is told."""

from __future__ import annotations

from pathlib import Path

from wstune.actions.verify_options import VerifyOptions
from wstune.burst import scenario
from wstune.burst.engine.plan import Address, TlsPlan
from wstune.burst.scenario import Compiled, Phase, Place, Scenario
from wstune.burst.scenario_file import parse
from wstune.errors import ScenarioError, UsageError

MOST_BYTES = 4 << 20


def read(path: str) -> Scenario:
    """The scenario in a file. Raises UsageError if it cannot be read, ScenarioError if it is none."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"--scenario {path}: {error.strerror}", "wstune scenario import makes one of a Tsung file"
        ) from None
    if len(data) > MOST_BYTES:
        raise UsageError(f"--scenario {path}: more than {MOST_BYTES >> 20} MB, which is no scenario")
    try:
        return parse(data.decode(), path)
    except UnicodeDecodeError:
        raise ScenarioError(f"{path}:1", "is not UTF-8, as TOML is") from None


def scenario_of(options: VerifyOptions) -> Scenario:
    """What is to be done: the plain flags are short for a scenario, and add to one that is given."""
    phases = tuple(
        Phase(first, last, None if at == len(options.phases) - 1 else count, None, options.poisson)
        for at, (first, last, count) in enumerate(options.phases)
    )
    return scenario.overlaid(
        options.scenario or scenario.plain(),
        phases=phases,
        headers=tuple(line for line in options.headers.split("\r\n") if line),
        origin=options.origin,
        subprotocols=options.subprotocols,
    )


def sources(options: VerifyOptions) -> tuple[str, ...]:
    """The addresses to come from: those of --source, else those that the scenario names."""
    return options.sources or (options.scenario.sources if options.scenario else ())


def wanted(options: VerifyOptions) -> int | None:
    """As many as are asked for, or come in the scenario; None when neither says. Raises UsageError."""
    many = options.scenario.connections if options.scenario and not options.phases else None
    if many is not None and options.connections is not None and options.connections > many:
        where = options.scenario.where if options.scenario else ""
        raise UsageError(
            f"-n {options.connections}: {where} has phases for {many:,} connections", "leave -n out, or give --rate"
        )
    return options.connections or many


def compiled(options: VerifyOptions, total: int) -> Compiled:
    """What of a coordinator's plan says what to do, with so many connections in all. Raises UsageError."""
    target = options.target
    # Our own server's port is known when it listens: the coordinator fills in an address of none.
    places = target.places or (Place(Address("", 0), "", target.path),)
    try:
        return scenario.compiled(scenario_of(options), places, total)
    except ValueError as error:
        raise UsageError(f"the scenario: {error}", "fewer sessions or addresses, or another -n") from None


def tls(options: VerifyOptions) -> TlsPlan | None:
    """How the server's certificate is checked; None without TLS."""
    security = options.target.security
    return TlsPlan(security.ca, security.insecure) if security else None
