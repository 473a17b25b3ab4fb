"""CONTRIBUTING's recipe for a limit, done in a copy: two files are changed, and every verb knows the limit."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.trees import HOSTS, plant

NAME = "net.core.max_sockets"


def block(language: str) -> str:
    recipe = (ROOT / "CONTRIBUTING.md").read_text().partition("### A limit\n")[2].partition("\n### ")[0]
    found = re.search(rf"```{language}\n(.*?)```", recipe, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source with the limit added, and a host that has it, with room for 40,000 sockets."""
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "wstune", root / "wstune", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "profiles", root / "profiles")
    family, profile = root / "wstune/tunables/queues.py", root / "profiles/high-conn.toml"
    text = family.read_text().rstrip().removesuffix(")") + indent(block("python").rstrip(), " " * 4) + ",\n)\n"
    first = "from wstune.values import"
    family.write_text(text.replace(first, f"from wstune.tunables.allowance import each_end\n{first}", 1))
    profile.write_text(f"{profile.read_text()}\n{block('toml')}")
    shutil.copytree(HOSTS / "vm", root / "host", symlinks=True)
    plant(root / "host", {"proc/sys/net/core/max_sockets": "40000\n"})
    return root


def wstune(copy: Path, *arguments: str, code: int) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "wstune", *arguments], cwd=copy, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def value(copy: Path, expression: str, *imports: str) -> Any:
    """What an expression of the copy's modules comes to, which is JSON."""
    program = f"import json\n{chr(10).join(imports)}\nprint(json.dumps({expression}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=copy, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_check_demands_it_and_counts_it(copy: Path) -> None:
    """Not ready by the demand, and what the limit allows is the host's capacity; as large as demanded, it is met."""
    arguments = ("check", "high-conn", "-n", "100k", "--processes", "6", "--root", "host", "--format", "json")
    report = json.loads(wstune(copy, *arguments, code=1))
    finding = next(each for each in report["findings"] if each["tunable"] == NAME)
    assert (finding["outcome"], finding["required"]["values"][0]["value"]) == ("fail", 110_000)
    server = report["capacity"]["server"]
    assert (server["bottleneck"], server["connections"]) == (NAME, 40_000)
    plant(copy / "host", {"proc/sys/net/core/max_sockets": "110000\n"})
    try:
        report = json.loads(wstune(copy, *arguments, code=0))
    finally:
        plant(copy / "host", {"proc/sys/net/core/max_sockets": "40000\n"})
    assert report["verdict"] == "ready"


def test_explain_knows_it_by_every_name(copy: Path) -> None:
    """Its own, its last part, an errno."""
    texts = {wstune(copy, "explain", name, code=0) for name in (NAME, "max_sockets", "EUSERS")}
    assert len(texts) == 1
    assert "sockets of the whole host" in texts.pop()


def test_export_writes_it_where_a_machine_has_less_by_itself(copy: Path) -> None:
    """A sixteenth of a gigabyte's KB is less than 110,000; of 64 GB it is more, and no line is needed."""
    small, large = (wstune(copy, "export", "high-conn", "--format", "sysctl.d", "--ram", ram, code=0) for ram in RAM)
    assert f"{NAME} = 110000" in small
    assert f"\n{NAME} =" not in large


RAM = ("1G", "64G")


def test_verify_budgets_it_and_names_the_wall(copy: Path) -> None:
    """Both ends take a socket each; the errno is the proof; the fix is to apply."""
    arguments = "Host(Root('host')), Host(Root('host')).facts(), Role.BOTH"
    found = value(
        copy,
        f"{{limit.name: limit.connections for limit in holds({arguments}).limits}}",
        "from wstune.burst.room import holds",
        "from wstune.host.files import Root",
        "from wstune.host.host import Host",
        "from wstune.model import Role",
    )
    assert found[NAME] == 20_000
    wall = value(
        copy,
        "[wall.name, wall.side, wall.evidence, wall.fix]",
        "from wstune.readiness.diagnosis import wall as named",
        "from wstune.readiness.evidence import Evidence",
        "wall = named(Evidence(50_000, 20_000, errors={('generator', 'socket', 'EUSERS'): 30_000}))",
    )
    assert wall[:2] == [NAME, "host"]
    assert "EUSERS" in wall[2]
    assert wall[3] == "sudo wstune apply high-conn -n 50000"


def test_what_was_hit_and_what_has_aged_is_told(copy: Path) -> None:
    """By its counter; and by the size of the machine on which a line was written."""
    hit = value(
        copy,
        "already_hit({'TcpExt.TCPSocketsFull': 3})",
        "from wstune.readiness.already_hit import already_hit",
    )
    assert hit == [["TcpExt.TCPSocketsFull", 3, NAME, "a socket was refused", f"raise {NAME}"]]
    aged = value(
        copy,
        "[(line.key, line.default) for line in aged(own, Machine('6.1', 64 << 30), {})]",
        "from wstune.tuning.ageing import aged",
        "from wstune.tuning.persist import Machine, OwnFile",
        f"own = OwnFile(True, Machine('6.1', 1 << 30), (('{NAME}', '110000', '65536'),))",
    )
    assert aged == [[NAME, str(4 << 20)]]


def test_machines_of_one_kernel_share_it(copy: Path) -> None:
    """Its scope says so."""
    assert value(copy, f"whole_kernel('{NAME}')", "from wstune.burst.shares import whole_kernel") is True
