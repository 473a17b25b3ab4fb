"""The probe of a machine: it is sent by value, since wstune may be missing there."""

from __future__ import annotations

import ast
import builtins
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from wstune import __version__
from wstune.burst import cluster_probe
from wstune.burst.answers import Probe, cleaned, read_json
from wstune.burst.engine.records import read


def probed() -> Probe:
    return read(Probe, cleaned(cluster_probe.probe()))


def test_it_tells_versions_user_and_machine() -> None:
    """Of this installation."""
    found = probed()
    assert found.wstune == __version__
    assert found.python == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert (found.executable, found.euid) == (sys.executable, os.geteuid())
    assert found.hostname


def test_what_is_missing_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it is there and cannot be imported."""
    genuine = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name in ("wstune", "distributed"):
            raise RuntimeError(name)
        return genuine(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    found = probed()
    assert (found.wstune, found.distributed) == (None, None)


def test_it_imports_nothing_of_ours() -> None:
    """What it needs of another module would be missing there."""
    module = ast.parse(Path(cluster_probe.__file__).read_text())
    checking = [node for node in module.body if isinstance(node, ast.If)]
    assert [ast.unparse(node.test) for node in checking] == ["TYPE_CHECKING"]
    assert cluster_probe.TYPE_CHECKING is False  # so that what is below it is for mypy alone
    names = {
        alias.name
        for part in module.body
        if part not in checking
        for node in ast.walk(part)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert names == {"annotations", "os", "platform", "sys"}


WITHOUT = f"""
import json, pickle, sys
class Missing:
    def find_spec(name, *_):
        if name == "wstune":
            raise ImportError(name)
sys.meta_path.insert(0, Missing)
sys.path.append({str(Path(cloudpickle.__file__).parent.parent)!r})
print(json.dumps(pickle.loads(sys.stdin.buffer.read())()))
"""


def test_it_runs_where_there_is_no_wstune() -> None:
    """By value, in a Python that finds none: the answer says so."""
    cloudpickle.register_pickle_by_value(cluster_probe)
    try:
        data = cloudpickle.dumps(cluster_probe.probe)
    finally:
        cloudpickle.unregister_pickle_by_value(cluster_probe)
    done = subprocess.run([sys.executable, "-IS", "-c", WITHOUT], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found = read(Probe, read_json(done.stdout))
    assert found.wstune is None
    assert found.euid == os.geteuid()
