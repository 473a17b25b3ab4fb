"""What an idle connection takes of memory, by the end of it that is here. Pure.

The kernel's share is measured once and for all (readiness.constants), or comes from a burst on this very host; the
application's share is assumed, told or measured on the running process.
"""

from __future__ import annotations

from wstune.model import Role
from wstune.readiness.constants import (
    APP_BYTES,
    APP_NEEDS_FILES,
    CHARGED_CLIENT_BYTES,
    CHARGED_SERVER_BYTES,
    CHAT_BYTES,
    CLIENT_BYTES,
    FULL_CHARGE_SINCE,
    GENERATOR_BYTES,
    KERNEL_SOURCE,
    SERVER_BYTES,
    TLS_BYTES,
    TLS_GENERATOR_BYTES,
)
from wstune.service import Costs

ASSUMED, GIVEN = "assumed", "given"

_KERNEL = Costs(SERVER_BYTES, CLIENT_BYTES, KERNEL_SOURCE, APP_BYTES, ASSUMED, 0, GENERATOR_BYTES)


def costs(app_bytes: int | None = None, *, tls: bool = False, measured: tuple[int, str] | None = None) -> Costs:
    """The measured costs of the kernel, with those of an application.

    Args:
        app_bytes: what it keeps for a connection; None is as measured, else as assumed.
        tls: whether the serving end speaks TLS, and what the application keeps does not hold that already.
        measured: bytes, and what they were measured on (`process 4711`): TLS, if any, is among them.
    """
    made = _KERNEL._replace(tls=TLS_BYTES if tls else 0)
    if app_bytes is not None:
        return made._replace(app=app_bytes, app_source=GIVEN)
    if measured is not None:
        return made._replace(app=measured[0], app_source=f"measured on {measured[1]}", tls=0)
    return made


def own_costs(*, tls: bool = False) -> Costs:
    """Where both ends are wstune's own. `tls`: the generator speaks TLS, to a server that is not ours."""
    generator = GENERATOR_BYTES + (TLS_GENERATOR_BYTES if tls else 0)
    return _KERNEL._replace(app=CHAT_BYTES, app_source="measured on wstune serve", generator=generator)


def measured_app(anonymous_bytes: int | None, open_files: int | None) -> int | None:
    """What a running process keeps for each of its open files; None where that would be a guess.

    It has few files, or they or its memory cannot be read. Its own base is divided among them too.
    """
    if anonymous_bytes is None or open_files is None or open_files < APP_NEEDS_FILES:
        return None
    return anonymous_bytes // open_files


def kernel_bytes(role: Role, each: Costs) -> int:
    """Of the kernel, for the ends of a connection that are on this host; a proxy's client has one at each side."""
    return {Role.SERVER: each.server, Role.GENERATOR: each.client}.get(role, each.server + each.client)


def user_bytes(role: Role, each: Costs) -> int:
    """Of the processes: the application at the end that serves or forwards, the load generator at the other."""
    match role:
        case Role.GENERATOR:
            return each.generator
        case Role.BOTH:
            return each.app + each.tls + each.generator
        case _:
            return each.app + each.tls


def charged_bytes(role: Role, each: Costs, cgroup_version: int | None, kernel: str | None) -> int:
    """What of the kernel's bytes a memory control group is charged: less than the slabs hold where accepted sockets are
    not charged whole, which are version 1, and version 2 before 6.12. A kernel whose release is unknown counts as new.
    """
    whole = cgroup_version == 2 and release_of(kernel, FULL_CHARGE_SINCE) >= FULL_CHARGE_SINCE
    if whole or cgroup_version is None:
        return kernel_bytes(role, each)
    server = each.server * CHARGED_SERVER_BYTES // SERVER_BYTES
    client = each.client * CHARGED_CLIENT_BYTES // CLIENT_BYTES
    return {Role.SERVER: server, Role.GENERATOR: client}.get(role, server + client)


def release_of(kernel: str | None, otherwise: tuple[int, int]) -> tuple[int, int]:
    """`6.1.0-25-amd64` as (6, 1)."""
    numbers = (kernel or "").partition("-")[0].split(".")[:2]
    if len(numbers) == 2 and all(number.isascii() and number.isdecimal() for number in numbers):
        return int(numbers[0]), int(numbers[1])
    return otherwise
