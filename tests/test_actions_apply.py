"""What apply decides before anything is touched, in sentences."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.samples import EVERY_OUTCOME
from tests.samples_plan import plan_of_everything
from tests.tuning_scene import FACTS
from wstune.actions import apply
from wstune.actions.apply import ApplyOptions, Prepared, remaining, restart
from wstune.actions.apply_possible import require_possible
from wstune.changes import Change, Plan, Refusal
from wstune.errors import ApplyError, PrivilegeError, UsageError
from wstune.host import systemd
from wstune.model import HostFacts, Severity, Store
from wstune.tuning.apply import Applied

ABLE = replace(FACTS, capabilities=("CAP_SYS_RESOURCE", "CAP_SYS_ADMIN", "CAP_NET_ADMIN"))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        pytest.param(ABLE, (), id="all three"),
        pytest.param(
            replace(ABLE, capabilities=("CAP_SYS_ADMIN",)), ("CAP_SYS_RESOURCE is missing",), id="no hard file limit"
        ),
        pytest.param(replace(ABLE, capabilities=("CAP_SYS_RESOURCE",)), ("CAP_SYS_ADMIN is missing",), id="file-max"),
        pytest.param(replace(ABLE, sysctls_read_only=True), ("mounted read-only",), id="no sysctl"),
        pytest.param(
            replace(ABLE, user_namespace=True), ("only net.*", "SYS_RESOURCE", "SYS_ADMIN"), id="a user namespace"
        ),
        pytest.param(replace(ABLE, capabilities=()), ("SYS_RESOURCE", "SYS_ADMIN"), id="two of three"),
        pytest.param(replace(ABLE, euid=1000), ("without root nothing",), id="no root"),
    ],
)
def test_three_abilities_that_do_not_depend_on_each_other(facts: HostFacts, words: tuple[str, ...]) -> None:
    """Writing sysctls, raising a hard file limit, passing file-max: each that lacks has its sentence."""
    said = apply._abilities(facts)
    assert len(said) == len(words)
    assert all(word in sentence for word, sentence in zip(words, said, strict=True))


@pytest.mark.parametrize(
    ("facts", "options", "words"),
    [
        pytest.param(ABLE, {}, None, id="the host itself"),
        pytest.param(ABLE, {"runtime_only": True}, "--runtime-only", id="as asked"),
        pytest.param(replace(ABLE, container="docker"), {}, "a container (docker)", id="a container"),
        pytest.param(replace(ABLE, initial_netns=False), {}, "a network namespace of its own", id="a namespace"),
        pytest.param(replace(ABLE, initial_netns=None), {}, "a network namespace of its own", id="perhaps one"),
        pytest.param(replace(ABLE, container="docker"), {"persist": True}, None, id="all the same"),
    ],
)
def test_where_nothing_is_persisted(facts: HostFacts, options: dict[str, bool], words: str | None) -> None:
    """In a container or a namespace, unless --persist; and it is said why."""
    found = apply._runtime_only(ApplyOptions("sample", **options), facts)  # type: ignore[arg-type]
    assert (found is None) if words is None else (found is not None and words in found)


def refused(refusal: Refusal, *, pid: int | None = None, severity: Severity = Severity.ERROR) -> Plan:
    """A plan with one change that is not made."""
    store = Store.RLIMIT if pid else Store.SYSCTL
    return Plan("sample", (), (Change("nofile", store, "1 1", "2 2", severity, "", 1, pid, None, refusal, "so it is"),))


@pytest.mark.parametrize(
    ("plan", "error"),
    [
        pytest.param(refused(Refusal.PRIVILEGE, pid=7), PrivilegeError, id="a process's limit without the capability"),
        pytest.param(refused(Refusal.PRIVILEGE), PrivilegeError, id="a sysctl that must be"),
        pytest.param(refused(Refusal.GUARD, pid=7), ApplyError, id="a limit above nr_open"),
        pytest.param(refused(Refusal.OUT_OF_RANGE), ApplyError, id="a value that the kernel refuses"),
        pytest.param(refused(Refusal.READ_ONLY), ApplyError, id="a key that cannot be written"),
        pytest.param(refused(Refusal.READ_ONLY, severity=Severity.WARN), None, id="one that need not be"),
        pytest.param(refused(Refusal.LOWERS), None, id="one that is only not lowered"),
        pytest.param(refused(Refusal.ABSENT), None, id="one that is not here"),
        pytest.param(refused(Refusal.PRIVILEGE, severity=Severity.WARN), None, id="a privilege for what need not be"),
    ],
)
def test_what_stands_against_it_is_said_before_anything(
    plan: Plan, error: type[Exception] | None, tmp_path: Path
) -> None:
    """A refusal of what must be ends it; what need not be is only listed."""
    prepared = Prepared(plan, replace(EVERY_OUTCOME, host=ABLE))
    options = ApplyOptions("sample", state_dir=str(tmp_path / "none"))
    if error is None:
        require_possible(prepared, options)
        return
    with pytest.raises(error, match="so it is; nothing was changed"):
        require_possible(prepared, options)


def test_a_file_that_somebody_edited_needs_force(tmp_path: Path) -> None:
    """Exit 2, with its path."""
    prepared = Prepared(plan_of_everything(), replace(EVERY_OUTCOME, host=ABLE), ("/etc/sysctl.d/99-wstune.conf",))
    options = ApplyOptions("sample", state_dir=str(tmp_path / "none"))
    with pytest.raises(UsageError, match=r"99-wstune\.conf was written or edited by somebody else"):
        require_possible(prepared, options)
    require_possible(prepared, replace(options, force=True))


def test_without_root_nothing_is_carried_out(tmp_path: Path) -> None:
    """Exit 77."""
    prepared = Prepared(plan_of_everything(), replace(EVERY_OUTCOME, host=replace(ABLE, euid=1000)))
    with pytest.raises(PrivilegeError, match="needs root"):
        require_possible(prepared, ApplyOptions("sample", state_dir=str(tmp_path / "none")))


def test_what_is_still_not_met() -> None:
    """Tunables of severity error, each once."""
    names = remaining(EVERY_OUTCOME)
    assert names
    assert len(names) == len(set(names))


def test_a_restart_happens_only_after_something_was_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what systemctl says, or that nobody waited for it, comes back in words."""
    asked: list[str] = []
    monkeypatch.setattr(systemd, "restart", asked.append)
    options = ApplyOptions("sample", unit="chat", restart=True)
    assert restart(options, Applied("")) == ""
    assert restart(replace(options, restart=False), Applied("1")) == ""
    assert asked == []
    assert restart(options, Applied("1")) == ""
    assert asked == ["chat"]

    def fail(unit: str) -> None:
        raise OSError(0, "systemctl restart: no")

    def interrupt(unit: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(systemd, "restart", fail)
    assert restart(options, Applied("1")) == "systemctl restart: no"
    monkeypatch.setattr(systemd, "restart", interrupt)
    assert "not waited for" in restart(options, Applied("1"))
