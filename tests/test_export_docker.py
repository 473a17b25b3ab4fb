"""Docker: its compose takes the file, the flags say the same, and only what a container may set is in them."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import exports
from tests.conftest import need
from wstune.export.formats import ExportFormat
from wstune.tunables import CATALOGUE


def compose(profile: str) -> dict[str, Any]:
    service: dict[str, Any] = yaml.safe_load(exports.text(ExportFormat.DOCKER, profile))["services"]["app"]
    return service


@pytest.mark.slow
@pytest.mark.parametrize("profile", exports.PROFILES)
def test_compose_takes_it(profile: str, tmp_path: Path) -> None:
    """`docker-compose config` shows it as it was meant."""
    need("compose")
    path = tmp_path / "compose.yaml"
    path.write_text(exports.text(ExportFormat.DOCKER, profile))
    command = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
    done = exports.run(*command, "-f", str(path), "config", environment={"COMPOSE_PROJECT_NAME": "test"})
    assert done.returncode == 0, done.stderr
    shown = yaml.safe_load(done.stdout)["services"]["app"]
    assert shown.get("sysctls") == compose(profile).get("sysctls")
    assert shown.get("ulimits") == compose(profile).get("ulimits")


@pytest.mark.parametrize("profile", exports.PROFILES)
def test_only_what_a_namespace_has_is_set(profile: str) -> None:
    """Docker refuses any other key."""
    for name in compose(profile).get("sysctls", {}):
        assert CATALOGUE[name].writable_in_netns


@pytest.mark.parametrize("profile", exports.PROFILES)
def test_the_flags_say_the_same(profile: str) -> None:
    """The command in the head, unwrapped, has each setting of the file."""
    text = exports.text(ExportFormat.DOCKER, profile)
    found = re.search(r"(?ms)^#   (docker run .*?IMAGE)$", text)
    assert found
    words = shlex.split(found[1].replace("\\\n#", ""))
    service = compose(profile)
    sysctls = dict(words[i + 1].split("=", 1) for i, word in enumerate(words) if word == "--sysctl")
    assert sysctls == service.get("sysctls", {})
    limits = [words[i + 1] for i, word in enumerate(words) if word == "--ulimit"]
    wanted = service.get("ulimits", {}).get("nofile")
    assert limits == ([f"nofile={wanted['soft']}:{wanted['hard']}"] if wanted else [])
