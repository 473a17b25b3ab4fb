"""`wstune run`: a real command with a real limit, as a real user."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.tuning_scene import make_host
from wstune.actions import run
from wstune.cli.main import run as cli
from wstune.errors import PrivilegeError, UsageError
from wstune.host import rlimits

SOFT, HARD = 300, 4000
WSTUNE = (sys.executable, "-m", "wstune", "run", "high-conn")


def lower() -> None:
    """Limits for the children of this test, which they cannot be without: this machine's may be anything."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (SOFT, HARD))


def command(*arguments: str, unprivileged: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """`wstune run high-conn ARGUMENTS`, by default without CAP_SYS_RESOURCE: so there is none to raise with."""
    without = ("setpriv", "--bounding-set=-sys_resource") if os.geteuid() == 0 and unprivileged else ()
    env = {name: value for name, value in os.environ.items() if not name.startswith("SUDO_")} | environment
    return subprocess.run(
        [*without, *WSTUNE, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60,
        preexec_fn=lower,
    )  # fmt: skip


def test_the_command_sees_the_limit_that_the_profile_needs_and_its_exit_code_is_the_end() -> None:
    """2,000 connections need 3,124 files: the soft limit was 300."""
    done = command("-n", "2000", "--", "sh", "-c", 'echo "$(ulimit -Sn) $(ulimit -Hn) $0 $1"; exit 7', "a b", "--help")
    assert done.returncode == 7, done.stderr
    soft, hard, *rest = done.stdout.split()
    assert (int(soft), int(hard)) == (3124, HARD)
    assert rest == ["a", "b", "--help"]
    assert done.stderr == ""


def test_a_higher_limit_stays_as_it_is() -> None:
    """Nothing is lowered."""
    assert command("-n", "1", "--", "sh", "-c", "ulimit -Hn").stdout == f"{HARD}\n"


def test_signals_reach_the_command_itself() -> None:
    """It is the very process that was started, with what Python ignores put back, so that a pipe ends it as usual."""
    child = subprocess.Popen(
        [*WSTUNE, "-n", "1", "--", "sh", "-c", "echo $$; grep SigIgn /proc/$$/status; read forever"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=lower,
    )  # fmt: skip
    assert child.stdout is not None
    assert int(child.stdout.readline()) == child.pid
    ignored = int(child.stdout.readline().split()[1], 16)
    assert not ignored & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1)
    child.send_signal(signal.SIGTERM)
    child.communicate()
    assert child.returncode == -signal.SIGTERM


def test_without_the_privilege_it_is_refused_and_says_what_still_works() -> None:
    """Exit 77 and a number of processes; with that number it runs."""
    refused = command("-n", "20000", "--", "true")
    assert refused.returncode == 77
    assert f"the hard limit here is {HARD}" in refused.stderr
    assert "CAP_SYS_RESOURCE" in refused.stderr
    found = re.search(r"--processes (\d+)", refused.stderr)
    assert found
    assert command("-n", "20000", "--processes", found[1], "--", "true").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(("--", "no-such-command"), 127, "cannot run no-such-command: no such file", id="not on the PATH"),
        pytest.param(("--", "/no/such/place"), 127, "cannot run /no/such/place", id="no such path"),
        pytest.param(("--", "/etc/passwd"), 126, "permission denied", id="not executable"),
        pytest.param(("--", "/etc"), 126, "permission denied", id="a directory"),
    ],
)
def test_what_cannot_be_run(arguments: tuple[str, ...], code: int, words: str) -> None:
    """One sentence, and the codes of env(1) and the shells."""
    done = command("-n", "1", *arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr.lower()
    assert done.stderr.count("ERROR") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param((), "missing argument", id="no command"),
        pytest.param(("--",), "missing argument", id="nothing after --"),
        pytest.param(("--as", "no-such-user", "--", "true"), "there is no user no-such-user", id="no such user"),
        pytest.param(("-n", "0", "--", "true"), "nothing to get ready for", id="no connection"),
    ],
)
def test_what_makes_no_sense(arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, exit 2."""
    assert cli(["run", "high-conn", *arguments]) == 2
    assert words in capsys.readouterr().err


USERS = "root:x:0:0::/root:/bin/sh\nchat:x:990:980::/srv/chat:/bin/sh\nother:x:991:981::/:/bin/sh\n"
GROUP = "root:x:0:\nchat:x:980:\nother:x:981:\nusers:x:100:chat\nmedia:x:44:other,chat\n"
SEEN = ("sh", "-c", 'id -ru; id -u; id -rg; id -g; id -G; grep "^CapEff" /proc/self/status; echo $HOME $USER $LOGNAME')


@pytest.fixture
def as_root(tmp_path: Path) -> Callable[..., list[str]]:
    """Run it as root of a mount namespace whose users are ours; what SEEN printed, by line."""
    (tmp_path / "passwd").write_text(USERS)
    (tmp_path / "group").write_text(GROUP)

    def started(*arguments: str, **environment: str) -> list[str]:
        script = f'mount --bind {tmp_path}/passwd /etc/passwd && mount --bind {tmp_path}/group /etc/group && exec "$@"'
        env = {name: value for name, value in os.environ.items() if not name.startswith("SUDO_")} | environment
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", script, "sh", *WSTUNE, "-n", "1", *arguments, "--", *SEEN],
            cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return started


NO_POWER = "CapEff:\t0000000000000000"


@pytest.mark.root
def test_under_sudo_it_runs_as_whoever_called_sudo(as_root: Callable[..., list[str]]) -> None:
    """Real and effective user and group, all his groups and no other, no capability left, his home."""
    seen = as_root(SUDO_USER="chat", SUDO_UID="990", SUDO_GID="980")
    assert seen[:4] == ["990", "990", "980", "980"]
    assert set(seen[4].split()) == {"980", "100", "44"}
    assert seen[5:] == [NO_POWER, "/srv/chat chat chat"]


@pytest.mark.root
def test_as_names_another(as_root: Callable[..., list[str]]) -> None:
    """--as goes before SUDO_USER, also for root."""
    seen = as_root("--as", "other", SUDO_USER="chat")
    assert (seen[0], set(seen[4].split()), seen[6]) == ("991", {"981", "44"}, "/ other other")
    assert as_root("--as", "root", SUDO_USER="chat")[0] == "0"


@pytest.mark.root
def test_root_without_sudo_stays_root(as_root: Callable[..., list[str]]) -> None:
    """There is nobody to become."""
    assert as_root()[0] == "0"


@pytest.mark.root
@pytest.mark.parametrize("lost", ["setuid", "setgid"])
def test_root_that_may_not_become_another_says_so(lost: str) -> None:
    """As in a container: exit 77, and the command does not run as root instead."""
    done = subprocess.run(
        ["setpriv", f"--bounding-set=-{lost}", *WSTUNE, "-n", "1", "--as", "nobody", "--", "echo", "ran"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (77, ""), done.stderr
    assert "cannot become nobody" in done.stderr


def test_a_user_cannot_become_another() -> None:
    """Exit 77 before anything."""
    if os.geteuid() == 0:
        me = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        done = subprocess.run(
            [*me, *WSTUNE, "-n", "1", "--as", "root", "--", "echo", "ran"],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    else:
        done = command("-n", "1", "--as", "root", "--", "echo", "ran")
    assert (done.returncode, done.stdout) == (77, ""), done.stderr
    assert "becoming root needs root" in done.stderr


def test_above_nr_open_apply_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel would say EPERM even to root."""
    host = make_host(tmp_path)
    monkeypatch.setattr(rlimits, "nofile", lambda root: (1024, 4096))
    with pytest.raises(UsageError, match=r"fs\.nr_open is 1048576") as caught:
        run.raise_limit(host, 2_000_000, 2_000_000, connections=1_900_000)
    assert "wstune apply" in caught.value.tip


def test_a_limit_with_no_room_at_all_names_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hard limit below what a process keeps for itself holds no share, however small."""
    monkeypatch.setattr(rlimits, "nofile", lambda root: (100, 100))

    def refuse(pid: int, soft: int, hard: int) -> None:
        raise PrivilegeError("no")

    monkeypatch.setattr(rlimits, "set_nofile", refuse)
    with pytest.raises(PrivilegeError) as caught:
        run.raise_limit(make_host(tmp_path), 5000, 5000, connections=4000)
    assert "--processes" not in caught.value.tip
