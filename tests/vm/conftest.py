"""The machine that the scenarios have, and which of them run.

`make test-vm` runs all. Where WSTUNE_REQUIRE lists qemu, an ordinary run has those without `every_scenario`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import required
from tests.vm.image import Image, build
from tests.vm.machine import Machine


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    if "qemu" not in required() and not os.environ.get("WSTUNE_VM"):
        pytest.skip("virtual machines are tested by make test-vm")
    return build(tmp_path_factory.mktemp("image"))


@pytest.fixture
def every_scenario() -> None:
    """For a scenario that is too long for every run."""
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
