"""`wstune capacity`: a host as it is, a fleet on paper, and the bytes that a burst has shown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource

from tests.conftest import Golden
from tests.samples_verify import CASES
from tests.test_report_json import HEAD, SCHEMAS, strict
from tests.trees import HOSTS
from wstune.cli.main import run
from wstune.report.json import dumps
from wstune.report.json_verify import verify_document

VM = str(HOSTS / "vm")
FLEET = ["-n", "10M", "--ram", "64G", "--cpus", "16", "--generator-ram", "16G"]


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["capacity", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    found = json.loads(shown(capsys, *arguments, "--format", "json"))
    schema, check = (json.loads((SCHEMAS / name).read_text()) for name in ("capacity.json", "check.json"))
    registry: Registry[Any] = Registry().with_resource("check.json", Resource.from_contents(strict(check)))
    jsonschema.Draft202012Validator(strict(schema), registry=registry).validate(found)
    return found


@pytest.mark.parametrize("host", ["vm", "systemd-server", "container", "droplet-512m"])
def test_captured_hosts(host: str, golden: Golden, capsys: pytest.CaptureFixture[str]) -> None:
    """Each role's limits in order, the bytes and their source, as a person reads them, within 80 columns."""
    text = shown(capsys, "-n", "1M", "--root", str(HOSTS / host))
    assert max(map(len, text.splitlines())) <= 80
    golden(f"capacity-of-{host}.0.terminal", text)


def test_a_fleet(golden: Golden, capsys: pytest.CaptureFixture[str]) -> None:
    """Servers and generators of a size for 10 million, with the settings on each and the constants."""
    text = shown(capsys, *FLEET, "--tls")
    assert max(map(len, text.splitlines())) <= 80
    golden("capacity-fleet.0.terminal", text)


def test_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON is as published, of a host, of this host and of a fleet; the bottleneck is the first limit."""
    found = document(capsys, "--root", VM)
    server = found["capacity"]["server"]
    assert (server["bottleneck"], server["connections"]) == ("nofile", 19_936)
    assert list(found["capacity"]) == ["server", "generator", "proxy"]
    assert document(capsys)["host"]["kernel"] == Path("/proc/sys/kernel/osrelease").read_text().strip()
    fleet = document(capsys, *FLEET)
    assert (fleet["host"], fleet["capacity"]) == (None, {})
    assert [share["kind"] for share in fleet["fleet"]] == ["server", "generator"]


def test_roles_and_upstreams(capsys: pytest.CaptureFixture[str]) -> None:
    """A proxy takes two descriptors and one upstream port for each client; more upstreams have more ports."""
    one, three = (
        {
            limit["name"]: limit["connections"]
            for limit in document(capsys, "--root", VM, "--role", "proxy", *more)["capacity"]["proxy"]["limits"]
        }
        for more in ((), ("--upstreams", "3"))
    )
    assert one["nofile"] == 19_936 // 2
    assert (one["net.ipv4.ip_local_port_range"], three["net.ipv4.ip_local_port_range"]) == (28_232, 3 * 28_232)


def test_the_reserve(capsys: pytest.CaptureFixture[str]) -> None:
    """Unless told a tenth is left alone; told, exactly that."""

    def memory(*more: str) -> int:
        limits = document(capsys, "--root", VM, "--app-bytes", "0", *more)["capacity"]["server"]["limits"]
        return int(next(limit["connections"] for limit in limits if limit["name"] == "memory"))

    assert memory() == pytest.approx(memory("--reserve", "0") * 0.9, rel=1e-4)


def test_calibrated_by_a_burst(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The bytes of a report of verify take the place of the constants, and are said to."""
    report = CASES["verify-confirmed"]
    path = tmp_path / "report.json"
    path.write_text(dumps(verify_document(report, replace(HEAD, command="verify"))))
    costs = document(capsys, "--root", VM, "--calibrate", str(path))["costs"]
    slab = report.memory.kernel_slab_bytes
    assert slab is not None
    assert costs["server"] + costs["client"] == pytest.approx(slab, abs=1)
    assert f"in {path}" in costs["source"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["--ram", "64G"], "-n 10M", id="a size without a target"),
        pytest.param(["--ram", "lots", "-n", "1M"], "64G, 512M", id="no size"),
        pytest.param(["-n", "1M", "--ram", "64M", "--cpus", "1"], "larger --ram", id="no room"),
        pytest.param(["--calibrate", "/nonexistent"], "no such file", id="no report"),
        pytest.param(["--calibrate", "/etc/passwd"], "wstune verify host -o FILE.json", id="some other file"),
        pytest.param(["--unit", "no-such-unit"], "there is no unit no-such-unit.service", id="no unit"),
        pytest.param(["--user", "no-such-user"], "there is no user no-such-user", id="no user"),
        pytest.param(["--upstreams", "0"], "1 to 1000000", id="no upstream"),
    ],
)
def test_bad_input_is_a_sentence(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What makes no sense is exit 2 with one sentence and one tip."""
    assert run(["capacity", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert [line[:6] for line in err.splitlines()] == ["ERROR ", "TIP   "]
    assert told in err
