"""The machine that the scenarios have, and which of them run.

`make test-vm` runs all. Where WSTUNE_REQUIRE lists qemu, an ordinary run has those without `every_scenario`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import required
from tests.vm.image import Image, build, cache
from tests.vm.machine import Machine


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    if "qemu" not in required() and not os.environ.get("WSTUNE_VM"):
        pytest.skip("virtual machines are tested by make test-vm")
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests beside each other build it once
        return build(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="session")
def every_scenario() -> None:
    """For a scenario that is too long for every run; of the session, so that it skips before an image is built."""
    if not os.environ.get("WSTUNE_VM"):
        pytest.skip("this scenario of a virtual machine is tested by make test-vm")


@pytest.fixture
def machine(image: Image, tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(image, tmp_path)
    try:
        machine.boot()
        yield machine
    finally:
        machine.cut()
