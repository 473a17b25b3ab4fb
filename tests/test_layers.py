"""The tree is the diagram: imports go down only, pure modules touch nothing, lean modules load next to nothing."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import ROOT

LAYERS = (
    (
        "errors",
        "printable",
        "quoting",
        "values",
        "urls",
        "service",
        "model",
        "tunable",
        "changes",
        "verification",
        "signals",
        "redaction",
        "__init__",
    ),
    ("tunables",),
    # pure
    (
        "readiness",
        "tuning.plan",
        "tuning.plan_files",
        "tuning.records",
        "tuning.record_types",
        "tuning.lines",
        "tuning.chain",
        "tuning.persist",
        "tuning.precedence",
        "tuning.ageing",
        "protocol",
        "chat.rooms",
        "burst.answers",
        "burst.engine.events",
        "burst.engine.plan",
        "burst.engine.program",
        "burst.engine.records",
        "burst.engine.wire",
        "burst.host_name",
        "burst.scenario",
        "burst.scenario_file",
        "burst.scenario_text",
        "burst.ports",
        "burst.shares",
        "burst.pacing",
        "burst.tally",
        "burst.tsung",
        "burst.tsung_export",
        "burst.tsung_steps",
        "burst.tsung_xml",
        "report",
        "export",
    ),
    ("host", "tuning.journal", "tuning.lock"),
    ("tuning", "chat", "burst"),
    ("actions",),
    ("cli", "__main__"),
)
"""From the bottom up. A module belongs to the layer that lists the longest prefix of its name."""

PURE = LAYERS[2]

BANNED_IN_PURE = {
    "psutil",
    "typer",
    "rich",
    "socket",
    "subprocess",
    "asyncio",
    "select",
    "os",
    "time",
    "random",
    "secrets",
}
"""Pure modules get sockets, time, randomness and paths, or rather what came of them, as arguments."""

LEAN = ("protocol", "chat.server", "chat.rooms", "burst.engine", "burst.tally", "burst.ports", "burst.pacing",
        "burst.generator", "burst.coordinator", "host.addresses", "host.guard", "host.kernel_counters")  # fmt: skip
"""Imported by workers, of which a big burst has hundreds: each megabyte counts."""

HEAVY = {"dataclasses", "inspect", "pathlib", "logging", "asyncio", "subprocess"}
"""Not `enum`, which `socket` and `signal` bring themselves; nor `json`, `re` and `typing`, by which the coordinator is
spoken to: forked workers share those pages and do not touch them (100 generators have 1,495 KiB of their own each with
`typing` and without)."""


def modules() -> list[str]:
    """Names below wstune, as `host.cgroup`; a package's own file is the package's name."""
    paths = (path.relative_to(ROOT / "wstune").with_suffix("") for path in (ROOT / "wstune").rglob("*.py"))
    return sorted(".".join(path.parts).removesuffix(".__init__") for path in paths)


def within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def layer(name: str) -> int:
    best = max(
        ((len(prefix), rank) for rank, prefixes in enumerate(LAYERS) for prefix in prefixes if within(name, prefix)),
        default=None,
    )
    assert best, f"wstune.{name} is in no layer: add it to LAYERS"
    return best[1]


def source(name: str) -> Path:
    path = ROOT / "wstune" / Path(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _runtime_nodes(nodes: list[ast.stmt], everywhere: bool) -> Iterator[ast.stmt]:
    """Statements that run: not those for the type checker, and without `everywhere` only those that run at import."""
    for node in nodes:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from _runtime_nodes(node.orelse, everywhere)
            continue
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not everywhere:
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from _runtime_nodes(getattr(node, field, []), everywhere)
        for handler in getattr(node, "handlers", []):
            yield from _runtime_nodes(handler.body, everywhere)


@cache
def imports(name: str, everywhere: bool = True) -> frozenset[str]:
    """What a module imports: absolute names, `wstune.host.cgroup` rather than `wstune.host` where that is a module."""
    found = set()
    for node in _runtime_nodes(ast.parse(source(name).read_text()).body, everywhere):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"wstune.{name}: relative import, line {node.lineno}"
            base = node.module or ""
            for alias in node.names:
                full = f"{base}.{alias.name}"
                found.add(full if full.removeprefix("wstune.") in modules() else base)
    return frozenset(found)


def own_imports(name: str) -> set[str]:
    inside = {found.removeprefix("wstune.") for found in imports(name) if within(found, "wstune")}
    return {"__init__" if found == "wstune" else found for found in inside}


MODULES = [name for name in modules() if name != "__init__"]


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_down_only(name: str) -> None:
    """A module imports from its own layer and from those below it."""
    upwards = {found for found in own_imports(name) if layer(found) > layer(name)}
    assert not upwards, f"wstune.{name} imports upwards: {sorted(upwards)}"


def test_there_is_no_import_cycle() -> None:
    """Within a layer too, modules can be put in an order in which each imports only those before it."""
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, "cycle: " + " → ".join((*path[path.index(name) :], name))
        if name not in done:
            for found in sorted(own_imports(name) - {"__init__"}):
                visit(found, (*path, name))
            done.add(name)

    for name in MODULES:
        visit(name, ())


@pytest.mark.parametrize("name", [name for name in MODULES if any(within(name, prefix) for prefix in PURE)])
def test_pure_modules_touch_nothing(name: str) -> None:
    """Pure modules import nothing that does I/O, tells the time or throws dice."""
    banned = {found for found in imports(name) if found.split(".")[0] in BANNED_IN_PURE}
    assert not banned, f"wstune.{name} is pure and imports {sorted(banned)}"


def test_only_host_opens_kernel_files() -> None:
    """/proc, /sys and /etc are named as paths to open in host/ alone."""
    offenders = []
    for name in MODULES:
        if layer(name) < layer("host") or within(name, "host"):
            continue
        for node in ast.walk(ast.parse(source(name).read_text())):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                called = getattr(node.func, "id", getattr(node.func, "attr", ""))
                text = node.args[0].value
                opens = called in ("open", "Path", "stat", "listdir", "scandir", "glob")
                if opens and isinstance(text, str) and text.startswith(("/proc", "/sys", "/etc")):
                    offenders.append(f"wstune.{name}:{node.lineno} {called}({text!r})")
    assert not offenders


LEAN_MODULES = [name for name in MODULES if any(within(name, prefix) for prefix in LEAN)]


@pytest.mark.parametrize("name", LEAN_MODULES)
def test_lean_modules_load_next_to_nothing(name: str) -> None:
    """A worker's modules, imported by a bare interpreter, bring in none of the large parts of the library."""
    code = f"import sys; before = set(sys.modules); import wstune.{name}; print(*sorted(set(sys.modules) - before))"
    # -S: no site-packages, hence none of the hooks of editable installs; and a third party's module would fail here.
    run = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    loaded = {module for module in run.stdout.split() if module in HEAVY}
    assert not loaded, f"wstune.{name} loads {sorted(loaded)}"


def test_the_layers_are_met() -> None:
    """The check itself sees imports: the command line imports the errors, from the top layer to the bottom."""
    assert "errors" in own_imports("cli.main")
    assert layer("cli.main") > layer("host.files") > layer("readiness.judge") > layer("model")
