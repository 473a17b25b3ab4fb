"""What an export has to bring about: a profile's requirements as lines to write, in the order in which they go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wstune.export.stock import least, most
from wstune.model import Effect, Operator, Profile, Requirement, Role, Severity, Store
from wstune.readiness.compare import demand_words, demanded_value, effect, satisfied
from wstune.readiness.judge import applicable
from wstune.tunable import Tunable
from wstune.tunables import CATALOGUE
from wstune.tuning.persist import comes_with_module
from wstune.values import Kind, Value, make


@dataclass(frozen=True, slots=True)
class Wish:
    """What is demanded of one tunable.

    Attributes:
        requirements: all demands on it, floors before ceilings.
        value: what to write where nothing can be compared, on a machine that nobody has touched; None when such a
            machine meets the demand by itself, or when it is not known what it has.
        default: what it has at least by itself; None when that is not known.
        lowers: whether writing the value would lower, or lower a part of, what such a machine may have by itself: then
            the line is only shown, commented out.
    """

    tunable: Tunable
    requirements: tuple[Requirement, ...]
    value: Value | None
    default: Value | None
    lowers: bool = False

    @property
    def words(self) -> str:
        """The demands in a few characters."""
        return " and ".join(demand_words(requirement, self.tunable) for requirement in self.requirements)

    @property
    def why(self) -> str:
        return self.requirements[0].why

    @property
    def severity(self) -> Severity:
        """The gravest."""
        order = list(Severity)
        return min((requirement.severity for requirement in self.requirements), key=order.index)


@dataclass(frozen=True, slots=True)
class Export:
    """A profile, resolved, for one end of the connection on a machine of some size.

    Attributes:
        files: (soft, hard) file limit of each process; None when the profile asks for none.
        user, unit: whose limit, in the formats that need it: a user's name, a service's with its suffix.
        argv: the command line that makes this export.
    """

    profile: Profile
    role: Role
    ram_bytes: int
    wishes: tuple[Wish, ...]
    files: tuple[int, int] | None
    user: str
    unit: str
    argv: tuple[str, ...] = ()

    @property
    def connections(self) -> int:
        return self.profile.variables["connections"]

    def sysctls(self) -> tuple[Wish, ...]:
        """Those on keys of the kernel that can be written."""
        return tuple(each for each in self.wishes if each.tunable.store is Store.SYSCTL and not each.tunable.read_only)

    def wish(self, name: str) -> Wish | None:
        """The wish on that tunable."""
        return next((each for each in self.wishes if each.tunable.name == name), None)


def make_export(
    profile: Profile,
    role: Role,
    *,
    ram_bytes: int,
    page_size: int = 4096,
    user: str = "USER",
    unit: str = "UNIT.service",
    argv: tuple[str, ...] = (),
) -> Export:
    """What to write for that end of the connection on a machine of that size."""
    low, high = least(ram_bytes, page_size), most(ram_bytes, page_size)
    by_tunable: dict[str, list[Requirement]] = {}
    for requirement in applicable(profile, role):
        by_tunable.setdefault(requirement.tunable, []).append(requirement)
    wishes = [
        _wish(CATALOGUE[name], _merged(found), low.get(name), high.get(name)) for name, found in by_tunable.items()
    ]
    wishes.sort(key=lambda wish: wish.tunable.order)
    return Export(profile, role, ram_bytes, tuple(wishes), _files(wishes), user, unit, argv)


def _merged(found: Sequence[Requirement]) -> tuple[Requirement, ...]:
    """Floors before ceilings, and of two floors on one number the higher."""
    first: dict[Operator, Requirement] = {}
    rest = []
    for requirement in found:
        had = first.get(requirement.operator)
        if had is None:
            first[requirement.operator] = requirement
        elif requirement.operator is Operator.AT_LEAST and requirement.operands[0].kind is Kind.INTEGER:
            first[Operator.AT_LEAST] = max(had, requirement, key=lambda each: each.operands[0].number)
        else:
            rest.append(requirement)
    order = list(Operator)
    return tuple(sorted([*first.values(), *rest], key=lambda each: order.index(each.operator)))


def _wish(tunable: Tunable, requirements: tuple[Requirement, ...], low: Value | None, high: Value | None) -> Wish:
    if low is not None and all(satisfied(requirement, low) for requirement in requirements):
        return Wish(tunable, requirements, None, low)
    value = high
    for requirement in requirements:
        value = demanded_value(requirement, value)
    change = effect(tunable, high, value) if high is not None and value is not None else Effect.UNKNOWN
    lowers = change is Effect.LOWERS or (change is Effect.CHANGES and tunable.kind is Kind.TRIPLE)
    return Wish(tunable, requirements, value, low, lowers)


def _files(wishes: Iterable[Wish]) -> tuple[int, int] | None:
    """(soft, hard); a demand on one of them alone is one on the other as well."""
    zero = make(Kind.INTEGER, 0)
    found = {"nofile": 0, "nofile.soft": 0}
    for wish in wishes:
        if wish.tunable.name in found:
            demands = [demanded_value(requirement, zero) or zero for requirement in wish.requirements]
            found[wish.tunable.name] = max(demand.number for demand in demands)
    hard = max(found.values())
    return (found["nofile.soft"] or hard, hard) if hard else None


def quoted_key(wish: Wish) -> str:
    """The key as sysctl.d(5) takes it: with `-` where it may not be there yet."""
    return f"-{wish.tunable.name}" if comes_with_module(wish.tunable.name) else wish.tunable.name
