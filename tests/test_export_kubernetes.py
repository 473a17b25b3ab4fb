"""Kubernetes: the manifests fit its schemas; a pod sets only what every kubelet allows, the rest stands beside it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests import exports
from wstune.export import kubernetes
from wstune.export.formats import ExportFormat
from wstune.tunables import CATALOGUE


def documents(profile: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(exports.text(ExportFormat.KUBERNETES, profile)))


@pytest.mark.parametrize("profile", exports.PROFILES)
@pytest.mark.parametrize("version", ["1.28", "1.32", "1.37"])
def test_they_fit_the_schemas(profile: str, version: str) -> None:
    """Strictly: no property that the API does not know."""
    kinds = []
    for document in documents(profile):
        kubernetes_validate.validate(document, version, strict=True)
        kinds.append(document["kind"])
    assert kinds == ["Pod", "ConfigMap", "DaemonSet"]


@pytest.mark.parametrize("profile", exports.PROFILES)
def test_a_pod_sets_only_what_is_allowed(profile: str) -> None:
    """Safe keys alone, each with a text as its value."""
    pod = documents(profile)[0]
    for sysctl in pod["spec"].get("securityContext", {}).get("sysctls", []):
        assert sysctl["name"] in kubernetes.SAFE
        assert isinstance(sysctl["value"], str)


def test_safe_keys_belong_to_a_namespace() -> None:
    """The list names tunables that we know, and that a network namespace has of its own."""
    for name in kubernetes.SAFE:
        assert CATALOGUE[name].writable_in_netns


def test_the_allow_list_names_what_is_commented_out() -> None:
    """What needs the kubelet's leave is in its list, and ready to be taken over into the pod."""
    text = exports.text(ExportFormat.KUBERNETES, "container")
    found = re.search(r"(?m)^ *# +allowedUnsafeSysctls: (.*)$", text)
    assert found
    allowed = yaml.safe_load(found[1])
    offered = [yaml.safe_load(line)["name"] for line in re.findall(r"(?m)^ *# +- (\{name: .*\})$", text)]
    assert allowed == offered == ["net.ipv4.tcp_max_tw_buckets"]


def test_the_node_runs_the_script() -> None:
    """The ConfigMap holds the exported script to the byte, and the DaemonSet mounts and runs it."""
    _, config, daemon = documents("high-conn")
    assert config["data"]["script"] == exports.text(ExportFormat.SCRIPT)
    (init,) = daemon["spec"]["template"]["spec"]["initContainers"]
    assert init["command"] == ["sh", "/wstune/script"]
    assert init["securityContext"] == {"privileged": True}


def test_the_pod_that_waits_ends_when_it_is_told() -> None:
    """Its command is a loop that SIGTERM ends at once, in a shell that is process 1."""
    (wait,) = documents("high-conn")[2]["spec"]["template"]["spec"]["containers"]
    with subprocess.Popen(wait["command"]) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)
        process.terminate()
        assert process.wait(5) == 0
    assert shutil.which("sh")
    assert Path("/bin/sh").exists()
