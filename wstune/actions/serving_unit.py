"""A systemd unit as who serves: what its files give it, what systemd has loaded, and the process that runs."""

from __future__ import annotations

from wstune.errors import UsageError
from wstune.host import memory, systemd, units
from wstune.host.files import Root, is_decimal
from wstune.host.host import Host
from wstune.readiness.unit_files import Machine, differs, full_name, written_limits
from wstune.service import Limits
from wstune.tunables import CATALOGUE
from wstune.values import UNLIMITED


def of_unit(root: Root, unit: str, notes: list[str]) -> tuple[Limits, int | None]:
    """What a unit's files give it, and its first process. Sentences about it are added to `notes`.

    Raises UsageError when there is no such unit.
    """
    name = full_name(unit)
    state = _state(root, name, notes)
    found = units.unit_files(root, name)
    if found is None and state.get("LoadState") != "loaded":
        raise UsageError(f"there is no unit {name}", "systemctl list-units --all lists those that are")
    if found is not None and found.masked:
        notes.append(f"{name} is masked: it cannot be started")
    written, remarks = written_limits(name, found.files if found else (), units.manager_files(root), machine(root))
    notes += remarks
    loaded = _loaded(name, state)
    stale = loaded is not None and differs(written, loaded)
    if state.get("NeedDaemonReload") == "yes" or stale:
        which = f" ({', '.join(stale)})" if stale else ""
        notes.append(f"the files of {name} have changed since systemd read them{which}: systemctl daemon-reload")
    pid = state.get("MainPID", "0")
    if is_decimal(pid) and pid != "0":
        return written, int(pid)
    group = state.get("ControlGroup") or f"/system.slice/{name}"
    running = units.first_process(root, group)
    if running is None:
        notes.append(f"no process of {name} runs here: it is judged by what its files give it")
    return written, running


def machine(root: Root) -> Machine:
    """What shares and `infinity` in unit files are relative to."""
    host = Host(root)
    numbers = []
    for key in ("fs.nr_open", "kernel.pid_max", "kernel.threads-max"):
        value = host.read(CATALOGUE[key]).value
        numbers.append(None if value is None else value.number)
    try:
        ram = memory.meminfo(root).get("MemTotal")
    except OSError:
        ram = None
    tasks = [number for number in numbers[1:] if number is not None]
    return Machine(numbers[0], ram, min(tasks, default=None))


def _state(root: Root, name: str, notes: list[str]) -> dict[str, str]:
    if not root.live or not systemd.running():
        return {}
    try:
        return systemd.unit_state(name)
    except OSError as error:
        notes.append(f"what systemd has loaded of {name} is not known: {error.strerror}")
        return {}


def _loaded(name: str, state: dict[str, str]) -> Limits | None:
    """systemd's own view, `infinity` as no limit. For files it resolves that to nr_open when it starts the process."""
    if state.get("LoadState") != "loaded":
        return None
    texts = (
        state.get(key, "") for key in ("LimitNOFILESoft", "LimitNOFILE", "LimitNPROCSoft", "TasksMax", "MemoryMax")
    )
    numbers = (UNLIMITED if text == "infinity" else int(text) if is_decimal(text) else None for text in texts)
    soft, hard, nproc, tasks, most = numbers
    soft, hard = (None if number == UNLIMITED else number for number in (soft, hard))
    return Limits("systemd", name, soft, hard, nproc, tasks, most)
