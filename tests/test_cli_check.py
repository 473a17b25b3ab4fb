"""`wstune check`: its options, exit codes, bad input, and what it costs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, need
from tests.test_report_json import SCHEMAS, validate
from tests.trees import HOSTS
from wstune.cli.main import run

VM = str(HOSTS / "vm")


@pytest.mark.parametrize(
    ("args", "code"),
    [
        pytest.param(["--root", VM, "-n", "10k"], 0, id="ready"),
        pytest.param(["--root", VM], 1, id="not ready"),
        pytest.param(["--root", VM, "--processes", "6"], 0, id="ready over six processes"),
        pytest.param(["load-generator", "--root", VM, "-n", "10k"], 0, id="another profile"),
        pytest.param(["--root", VM, "-n", "10k", "--role", "generator"], 0, id="another role"),
        pytest.param(["--root", VM, "-n", "10k", "--set", "rate=1M"], 1, id="another variable"),
        pytest.param(["--root", VM, "-n", "10k", "--app-bytes", "1M"], 0, id="memory of the application"),
        pytest.param(["--root", VM, "-n", "100k", "--processes", "6", "--app-bytes", "1M"], 1, id="too much of it"),
    ],
)
def test_exit_codes(args: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """0 is ready, 1 is not ready, and the verdict's words are the last line on stdout, with nothing on stderr."""
    assert run(["check", *args]) == code
    out, err = capsys.readouterr()
    last = " ".join(out.rpartition("\n\n")[2].split())
    assert ("not ready for " in last) is (code == 1)
    assert "ready for " in last
    assert err == ""


@pytest.mark.parametrize("host", ["vm", "systemd-server", "container", "droplet-512m"])
@pytest.mark.parametrize("profile", ["high-conn", "kemal-60k"])
def test_json_is_as_published(profile: str, host: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The document of each captured host is as the schema says, and its exit code is the command's."""
    code = run(["check", profile, "--root", str(HOSTS / host), "--format", "json"])
    document = json.loads(capsys.readouterr().out)
    validate(document, SCHEMAS / "check.json")
    assert document["exit_code"] == code
    assert document["profile"] == profile
    assert document["started_at"].endswith("Z")


def test_json_of_this_host_is_as_published(capsys: pytest.CaptureFixture[str]) -> None:
    """The machine that runs the tests, whatever it is, gives a document too, with the kernel's own values."""
    run(["check", "--format", "json"])
    document = json.loads(capsys.readouterr().out)
    validate(document, SCHEMAS / "check.json")
    live = {finding["tunable"]: finding["live"] for finding in document["findings"]}
    assert live["fs.nr_open"]["raw"] == Path("/proc/sys/fs/nr_open").read_text().strip()
    assert document["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_output_goes_to_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """-o writes the report there, without colour, and the verdict alone to stdout; the exit code is the same."""
    path = tmp_path / "report"
    assert run(["check", "--root", VM, "-o", str(path)]) == 1
    out, err = capsys.readouterr()
    assert path.read_text().startswith("high-conn: 100,000 connections")
    assert " ".join(path.read_text().split()).endswith(out.strip())
    assert out.startswith("not ready for 100,000 connections")
    assert (out.count("\n"), err) == (1, "")


def test_the_file_limit_of_another_process(capsys: pytest.CaptureFixture[str]) -> None:
    """--pid judges the limit of that process: a child with fewer files than we have is not ready."""
    limited = "import resource, time; resource.setrlimit(resource.RLIMIT_NOFILE, (99, 99)); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", limited], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout
        child.stdout.readline()
        run(["check", "-n", "1000", "--pid", str(child.pid), "--format", "json"])
        child.communicate(b"\n")
    found = {each["tunable"]: each for each in json.loads(capsys.readouterr().out)["findings"]}
    assert found["nofile"]["live"]["value"] == 99
    assert found["nofile"]["outcome"] == "fail"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        pytest.param(["hihg-conn"], "did you mean high-conn?", id="unknown profile"),
        pytest.param(["./missing.toml"], "missing.toml", id="no such file"),
        pytest.param(["-n", "0"], "-n 0", id="zero"),
        pytest.param(["-n", "-5"], "-n", id="negative"),
        pytest.param(["-n", "1000000M"], "no host holds so many", id="absurd"),
        pytest.param(["-n", "lots"], "61189, 100k or 2M", id="no number"),
        pytest.param(["--role", "client"], "'server'", id="unknown role"),
        pytest.param(["--format", "xml"], "'json'", id="unknown format"),
        pytest.param(["--processes", "0"], "--processes 0", id="no process"),
        pytest.param(["--pid", "2147483646"], "there is no process", id="no such process"),
        pytest.param(["--pid", "x"], "--pid x", id="no pid"),
        pytest.param(["--set", "rate"], "NAME=VALUE", id="half a setting"),
        pytest.param(["--set", "rat=1"], "did you mean rate?", id="unknown variable"),
        pytest.param(["--root", "/nonexistent"], "/nonexistent", id="no such root"),
        pytest.param(["--root", "/etc/passwd"], "/etc/passwd", id="a file as root"),
        pytest.param(["-o", "/nonexistent/report"], "no such directory", id="nowhere to write"),
        pytest.param(["--profile-dir", "/nonexistent", "mine"], "cannot be listed", id="no such profile directory"),
    ],
)
def test_bad_input_is_a_sentence(args: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What makes no sense is exit 2 with one sentence and one tip, and no report."""
    assert run(["check", *args]) == 2
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert [line[:6] for line in lines] == ["ERROR ", "TIP   "]
    assert told in err


def test_a_profile_with_a_mistake_names_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A broken profile is exit 2 with file and line."""
    path = tmp_path / "mine.toml"
    path.write_text('schema = 1\nsummary = "x"\n[[require]]\ntunable = "nofil"\nat_least = 1\nwhy = "x"\n')
    assert run(["check", str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"ERROR {path}:4: ")


def test_a_hidden_proc_is_inconclusive() -> None:
    """Where /proc is not to be had, the verdict is exit 3 in a sentence, not a traceback."""
    need("netns")
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", f"mount -t tmpfs none /proc && exec {sys.executable} -m wstune check"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 3, done.stderr
    assert [line[:6] for line in done.stderr.splitlines()] == ["ERROR ", "TIP   "]


def test_without_root_it_reads_what_can_be_read() -> None:
    """An ordinary user gets a report."""
    if os.geteuid() != 0:
        pytest.skip("we are an ordinary user already, and the other tests show it")
    # It checks once before it gives root up: the interpreter's own files may be root's alone.
    code = (
        "import os, sys; from wstune.cli.main import run; args = ['check', '-n', '1k']; "
        "run([*args, '-o', '/dev/null']); os.setgroups([]); os.setgid(65534); os.setuid(65534); sys.exit(run(args))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_terminal_that_cannot_show_it_all(encoding: str) -> None:
    """Where ≥ cannot be written, a question mark stands for it; the verdict and the exit code are the same."""
    done = subprocess.run(
        [sys.executable, "-m", "wstune", "check", "--root", VM],
        capture_output=True,
        text=True,
        encoding=encoding,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )
    assert done.returncode == 1, done.stderr
    assert "? 106,024" in done.stdout


def test_it_imports_no_more_than_it_needs(tmp_path: Path) -> None:
    """None of what costs start-up and serves other verbs is imported: 0.2 s is what `check` has in all."""
    code = (
        f"import sys; from wstune.cli.main import run; run(['check', 'kemal-60k', '--state-dir', '{tmp_path}/none']); "
        "print('|', *sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(done.stderr.rpartition("|")[2].split())
    assert "wstune.readiness.judge" in loaded
    heavy = {"rich", "psutil", "websocket", "asyncio", "pydantic", "json", "logging", "email", "http", "ssl", "socket"}
    assert not loaded & heavy
    parts = {name.split(".")[1] for name in loaded if name.startswith("wstune.")}
    assert not parts & {"burst", "chat", "protocol", "export", "verification"}


def test_a_namespace_like_a_containers() -> None:
    """In a network namespace of its own, with /proc/sys read-only, the host's keys are not applicable, and who decides
    is said; what is there is judged as ever."""
    need("netns")
    inside = (
        f"mount --bind /proc/sys /proc/sys && mount -o remount,ro,bind /proc/sys && exec {sys.executable} -m wstune"
    )
    done = subprocess.run(
        ["unshare", "-Urnm", "sh", "-c", f"{inside} check -n 1000 --format json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    validate(document, SCHEMAS / "check.json")
    found = {each["tunable"]: each for each in document["findings"]}
    for name in ("net.ipv4.tcp_mem", "net.ipv4.tcp_max_orphans", "net.core.netdev_max_backlog"):
        assert found[name]["outcome"] == "not-applicable"
        assert "host" in found[name]["note"]
        assert (found[name]["live"], found[name]["fix"]) == (None, "")
    assert found["net.core.somaxconn"]["outcome"] == "pass"
    assert document["host"]["initial_netns"] is False
    assert any("read-only" in note for note in document["host"]["notes"])
    unbound = {each["name"]: each for each in document["capacity"]["server"]["limits"]}["net.ipv4.tcp_mem"]
    assert (unbound["connections"], "host" in unbound["why"]) == (None, True)


@pytest.mark.parametrize("verb", ["check", "profiles show", "export --format ansible", "export --format kubernetes"])
def test_a_profile_cannot_steer_the_terminal(tmp_path: Path, verb: str) -> None:
    """Escapes in its `why` and in the name of its file are spelled out wherever they are shown; YAML stays YAML."""
    path = tmp_path / "p\x1b]0;name\x07.toml"
    path.write_text(
        'schema = 1\nsummary = "s\\u001b[31m"\nvariables = {connections = 1}\n'
        '[[require]]\ntunable = "net.core.somaxconn"\n'
        'at_least = 2000000000\nwhy = "x\\u001b[2J\\u001b]0;pwned\\u0007 \\u202e \\u0085 y"\n'
    )
    done = subprocess.run([sys.executable, "-m", "wstune", *verb.split(), str(path)], capture_output=True, cwd=ROOT)
    shown = (done.stdout + done.stderr).decode()
    assert done.returncode in (0, 1), shown
    assert r"\x1b[2J" in shown
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", shown)
    if "export" in verb:
        assert list(yaml.compose_all(done.stdout.decode()))
