"""The reference of `wstune serve` says what the code does: its options, its defaults, its reasons, its units."""

from __future__ import annotations

import json
import re
import shutil
import signal
from pathlib import Path

import pytest

from tests import exports
from tests.conftest import ROOT, need
from wstune.actions.serve import ServeOptions
from wstune.chat import figures
from wstune.chat import stats as s

PAGE = (ROOT / "docs/reference/serve.md").read_text()


def test_each_bound_is_there_with_its_default() -> None:
    """Every limit of ServeOptions has its row, with its default."""
    chosen = ServeOptions()
    for name, text in (
        ("max_connections", "as many as there are descriptors"),
        ("max_rooms", f"{chosen.max_rooms:,}"),
        ("max_message", f"{chosen.max_message // 1024} KiB"),
        ("send_buffer", f"{chosen.send_buffer // 1024} KiB"),
        ("buffers", f"{chosen.buffers // 1024**2} MiB"),
        ("handshake_deadline", f"{chosen.handshake_deadline:g} s"),
        ("frame_deadline", f"{chosen.frame_deadline:g} s"),
        ("idle", "never"),
        ("rate", f"{chosen.rate}"),
        ("deliveries", f"{chosen.deliveries:,}"),
    ):
        row = rf"^\| `--{name.replace('_', '-')}`[^|]*\| {re.escape(text)}\b"
        assert re.search(row, PAGE, re.MULTILINE), f"--{name}: {text}"


def test_each_figure_is_there() -> None:
    """Every key of /stats and every reason of a close is named."""
    document = json.loads(figures.stats_json(s.Stats(1)))
    for name in (*document, *document["total"], *s.REASONS):
        assert f"`{name}`" in PAGE, name


@pytest.mark.parametrize("activated", [False, True], ids=["alone", "with its socket"])
def test_the_units_are_ones(tmp_path: Path, activated: bool) -> None:
    """systemd takes them, without a word."""
    need("systemd")
    service, listener = re.findall(r"```ini\n(.*?)```", PAGE, re.DOTALL)
    assert "ExecStart=/usr/local/bin/wstune serve" in service
    files = {"wstune-serve.service": service.replace("/usr/local/bin/wstune", "/bin/true")}
    if activated:
        files["wstune-serve.socket"] = listener
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    done = exports.run("systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in files))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_unit_takes_every_exit_code_of_a_signal_for_success() -> None:
    """What 128 + n is of the signals that end the server."""
    (codes,) = re.findall(r"^SuccessExitStatus=(.*)$", PAGE, re.MULTILINE)
    assert {int(code) - 128 for code in codes.split()} == {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


@pytest.mark.promtool
def test_prometheus_takes_the_scrape_configurations(tmp_path: Path) -> None:
    """promtool, without a word of what is wrong; the token's file need not be there."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        (tmp_path / "prometheus.yml").write_text(block)
        done = exports.run("promtool", "check", "config", "--syntax-only", str(tmp_path / "prometheus.yml"))
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.nginx
def test_nginx_takes_the_location(tmp_path: Path) -> None:
    """nginx -t."""
    (location,) = re.findall(r"```nginx\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "conf").write_text(
        f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{ access_log off; server {{ listen 127.0.0.1:1; {location} }} }}\n"
    )
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    done = exports.run(program, "-t", "-e", str(tmp_path / "log"), "-c", str(tmp_path / "conf"))
    assert "syntax is ok" in done.stdout + done.stderr
