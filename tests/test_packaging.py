"""The two ways to install: a wheel has the profiles as package data, a checkout as its top-level directory."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

PROFILES = {path.stem for path in (ROOT / "profiles").glob("*.toml")}


def _run(*command: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PIP_CONSTRAINT")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr or done.stdout
    return done.stdout


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A fresh virtual environment that sees the libraries of ours, but not its wstune."""
    _run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv", cwd=tmp_path)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    # Of a directory named in a .pth file the modules are found, but its own .pth files are not read: the hook of our
    # editable install stays out.
    hook = tmp_path / "venv" / "lib" / version / "site-packages" / "libraries.pth"
    hook.write_text(sysconfig.get_path("purelib") + "\n")
    return tmp_path / "venv" / "bin"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    return next(folder.glob("*.whl"))


def _install(fresh: Path, *what: str | Path) -> None:
    pip = (sys.executable, "-m", "pip", "--python", fresh / "python", "install", "--quiet", "--no-index", "--no-deps")
    _run(*pip, *what, cwd=fresh)


def test_a_wheel_holds_the_profiles_and_the_types(wheel: Path) -> None:
    """Profiles and the chat page travel in the wheel, tests and benchmarks do not."""
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"wstune/profiles/{name}.toml" for name in PROFILES} <= names
    assert "wstune/py.typed" in names
    assert {name.split("/")[0] for name in names} == {"wstune", wheel.name.split("-py3")[0] + ".dist-info"}
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "wstune").rglob("*") if path.is_file()}
    assert {name for name in sources if "__pycache__" not in name} <= names


def test_a_wheel_finds_its_profiles(fresh: Path, wheel: Path, tmp_path: Path) -> None:
    """Installed from a wheel, every profile is found, wherever the user is."""
    _install(fresh, wheel)
    _assert_finds_profiles(fresh, tmp_path)
    where = _run(fresh / "python", "-c", "import wstune; print(wstune.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(fresh.parent)


def test_an_editable_install_finds_its_profiles(fresh: Path, tmp_path: Path) -> None:
    """Installed as editable, the profiles are those of the checkout, wherever the user is."""
    _install(fresh, "--no-build-isolation", "--editable", ROOT)
    _assert_finds_profiles(fresh, tmp_path)
    where = _run(fresh / "python", "-c", "import wstune; print(wstune.__file__)", cwd=tmp_path)
    assert Path(where.strip()) == ROOT / "wstune" / "__init__.py"


def _assert_finds_profiles(fresh: Path, folder: Path) -> None:
    listed = _run(fresh / "wstune", "profiles", "list", cwd=folder)
    assert {line.split()[0] for line in listed.splitlines() if line and not line.startswith(" ")} == PROFILES


def test_every_dependency_is_pinned() -> None:
    """constraints.txt pins what pyproject.toml asks for, each exactly and once, and names no registry."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(each for extra in project["optional-dependencies"].values() for each in extra)]
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pins = dict(line.split("==") for line in lines)
    assert len(pins) == len(lines)
    assert not [line for line in lines if "://" in line or line.startswith("-")]

    def normal(name: str) -> str:
        return name.lower().replace("_", "-")

    for requirement in asked:
        name = requirement.split(">")[0].split("<")[0].strip()
        if name.startswith("wstune["):
            continue  # our own extra: what it asks for is asked for below
        assert normal(name) in map(normal, pins), f"{name} is not in constraints.txt"
