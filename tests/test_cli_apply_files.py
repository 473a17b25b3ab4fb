"""apply with files, as a command: persistence, overlap, foreign hands, many at once; in a private network namespace."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.schemas import require_published
from tests.test_cli_apply import inside

pytestmark = pytest.mark.netns

HEAD = 'schema = 1\nsummary = "a test"\nrole = "server"\n[variables]\nconnections = 1\n'


def make_profile(path: Path, **demands: str) -> Path:
    """A profile that demands these of keys of net.core and net.ipv4."""
    tables = [f'[[require]]\ntunable = "{key}"\n{demand}\nwhy = "a test"\n' for key, demand in demands.items()]
    path.write_text(HEAD + "".join(tables))
    return path


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A root with an /etc, and two profiles that overlap in one key."""
    (tmp_path / "root/etc/sysctl.d").mkdir(parents=True)
    low, high, more = "at_least = 9000", "at_least = 20000", "at_least = 1000000"
    make_profile(tmp_path / "one.toml", **{"net.core.somaxconn": high, "net.ipv4.tcp_max_tw_buckets": more})
    make_profile(tmp_path / "two.toml", **{"net.core.somaxconn": low, "net.ipv4.tcp_max_syn_backlog": high})
    return tmp_path


def conf(scene: Path) -> Path:
    return scene / "root/etc/sysctl.d/99-wstune.conf"


def lines(scene: Path) -> list[str]:
    """What the file sets."""
    return [line for line in conf(scene).read_text().splitlines() if not line.startswith("#")]


APPLY = 'p() { name=$1; shift; w apply $T/$name.toml --etc-root $T/root --persist --yes "$@"; }\n'


def script(scene: Path, text: str) -> str:
    return f"T={scene}\n{APPLY}{text}"


def test_a_second_apply_changes_nothing(scene: Path) -> None:
    """No value, no file, no transaction, exit 0."""
    inside(script(scene, "p one && cp $T/root/etc/sysctl.d/99-wstune.conf $T/first && p one"), scene)
    assert conf(scene).read_bytes() == (scene / "first").read_bytes()
    assert [txn["id"] for txn in history(scene)] == ["1"]
    assert lines(scene) == ["net.core.somaxconn = 20000", "net.ipv4.tcp_max_tw_buckets = 1000000"]


def history(scene: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(inside("w history --format json", scene).stdout)["transactions"]
    return found


def test_runtime_only_first_and_for_good_later(scene: Path) -> None:
    """The second apply only writes the file; taking back the first leaves the values that the second one keeps."""
    inside(
        script(
            scene,
            """
            snapshot before
            w apply $T/one.toml --runtime-only --yes
            p one
            w rollback 1
            cat /proc/sys/net/core/somaxconn > $T/between
            w rollback 2
            snapshot after
            """,
        ),
        scene,
    )
    assert (scene / "between").read_text() == "20000\n"
    assert (scene / "before").read_bytes() == (scene / "after").read_bytes()
    assert not conf(scene).exists()


@pytest.mark.parametrize("order", ["1 2", "2 1"])
def test_overlapping_profiles_come_off_in_either_order(scene: Path, order: str) -> None:
    """What the one that stands wants stays, live and in the file; in the end all is as before."""
    first, second = order.split()
    inside(
        script(
            scene,
            f"""
            snapshot before
            p one && p two || exit 1
            w rollback {first} || exit 2
            cat /proc/sys/net/core/somaxconn > $T/between
            cp $T/root/etc/sysctl.d/99-wstune.conf $T/between.conf
            w status --etc-root $T/root || exit 3
            w rollback {second} || exit 4
            snapshot after
            """,
        ),
        scene,
    )
    assert (scene / "between").read_text() == "20000\n"
    between = [line for line in (scene / "between.conf").read_text().splitlines() if not line.startswith("#")]
    wanted = "net.ipv4.tcp_max_syn_backlog = 20000" if first == "1" else "net.ipv4.tcp_max_tw_buckets = 1000000"
    assert between == ["net.core.somaxconn = 20000", wanted]
    assert (scene / "before").read_bytes() == (scene / "after").read_bytes()
    assert not conf(scene).exists()


def test_a_file_that_somebody_edited_is_kept_and_told(scene: Path) -> None:
    """rollback: exit 5, the rest taken back, the file as he left it; --force puts back what was before."""
    run = inside(
        script(
            scene,
            """
            p one >/dev/null
            echo "# mine" >> $T/root/etc/sysctl.d/99-wstune.conf
            w status --etc-root $T/root; echo "status $?"
            p two; echo "apply $?"
            w rollback; echo "rollback $?"
            cp $T/root/etc/sysctl.d/99-wstune.conf $T/kept
            w rollback --force; echo "forced $?"
            """,
        ),
        scene,
        check=False,
    )
    for words in ("status 1", "apply 2", "rollback 5", "forced 0"):
        assert words in run.stdout, run.stdout + run.stderr
    assert "was written or edited by somebody else" in run.stderr
    assert (scene / "kept").read_text().endswith("# mine\n")
    assert not conf(scene).exists()


def test_a_file_of_somebody_else_is_replaced_only_by_force_and_comes_back(scene: Path) -> None:
    """To the byte, with its mode."""
    conf(scene).write_text("net.core.somaxconn = 1\n")
    conf(scene).chmod(0o600)
    run = inside(script(scene, "p one; echo code $?; p one --force >/dev/null || exit 1; w rollback"), scene)
    assert "code 2" in run.stdout
    assert conf(scene).read_text() == "net.core.somaxconn = 1\n"
    assert conf(scene).stat().st_mode & 0o7777 == 0o600


def test_drift_of_a_value_is_told_by_status_and_kept_by_rollback(scene: Path) -> None:
    """Never overwritten silently."""
    run = inside(
        script(
            scene,
            """
            p one >/dev/null; w status --etc-root $T/root; echo "clean $?"
            echo 15000 > /proc/sys/net/core/somaxconn
            w status --etc-root $T/root --format json > $T/status; echo "drift $?"
            w rollback --format json > $T/rollback; echo "rollback $?"; cat /proc/sys/net/core/somaxconn
            w apply $T/two.toml --runtime-only --yes; echo "apply $?"
            w rollback --force; cat /proc/sys/net/core/somaxconn
            """,
        ),
        scene,
        check=False,
    )
    assert "clean 0" in run.stdout
    assert "drift 1" in run.stdout
    assert "rollback 5\n15000\n" in run.stdout
    for name, exit_code in (("status", 1), ("rollback", 5)):
        document = json.loads((scene / name).read_text())
        require_published(document)
        assert document["exit_code"] == exit_code
    assert "apply 5" in run.stdout  # not on top of something that is half taken back
    assert run.stdout.endswith("4096\n")


def test_the_plan_says_which_file_will_override_ours(scene: Path) -> None:
    """With the line; and --strict makes it exit 1."""
    (scene / "root/etc/sysctl.d/99-zz.conf").write_text("# theirs\nnet.core.somaxconn = 128\n")
    run = inside(script(scene, "p one --strict --dry-run"), scene, check=False)
    assert "99-zz.conf:2 sets net.core.somaxconn to 128" in " ".join(run.stdout.split())
    assert run.returncode == 1


def test_in_a_namespace_nothing_is_persisted_and_no_global_key_touched(scene: Path) -> None:
    """Unless --persist; the plan says why."""
    run = inside(f"w apply high-conn --etc-root {scene}/root --yes", scene, check=False)
    assert run.returncode == 0, run.stderr
    assert "nothing is written for the next boot" in run.stdout
    assert not conf(scene).exists()
    assert not [act for txn in history(scene) for act in txn["acts"] if not act["target"].startswith("net.")]  # type: ignore[attr-defined]


def test_twenty_at_once_are_one_at_a_time(scene: Path) -> None:
    """Each does its work or says that another is at work; nothing is torn, and everything can be taken back."""
    run = inside(
        script(
            scene,
            """
            snapshot before
            for i in 1 2 3 4 5 6 7; do
                { p one; echo "code $?"; } & { p two; echo "code $?"; } & { w rollback; echo "code $?"; } &
            done
            wait
            while w rollback; do :; done
            snapshot after
            """,
        ),
        scene,
    )
    codes = sorted(int(line.split()[1]) for line in run.stdout.splitlines() if line.startswith("code "))
    assert len(codes) == 21
    # 2: nothing to roll back (any more); 4: the plan was shown before another one changed the host.
    assert set(codes) <= {0, 2, 4, 75}
    assert "Traceback" not in run.stderr
    assert "defect" not in run.stderr
    assert (scene / "before").read_bytes() == (scene / "after").read_bytes()
    assert not conf(scene).exists()
    records = (scene / "state/journal.jsonl").read_text().splitlines()
    ids = [json.loads(record)["txn"] for record in records if json.loads(record)["type"] == "begin"]
    assert len(ids) == len(set(ids))


@pytest.mark.root
def test_root_obeys_no_profile_or_journal_that_others_can_write(scene: Path) -> None:
    """A path, a profile directory, a state directory; a packaged profile always works. Exit 2, nothing written."""
    if os.geteuid() != 0:
        pytest.skip("only root obeys others")
    (scene / "one.toml").chmod(0o666)
    (scene / "open").mkdir()
    make_profile(scene / "open/mine.toml", **{"net.core.somaxconn": "at_least = 20000"})
    (scene / "open").chmod(0o777)
    (scene / "world").mkdir()
    (scene / "world").chmod(0o777)
    run = inside(
        f"""
        snapshot before
        cd /; w apply {scene}/one.toml --runtime-only --yes; echo "path $?"
        w apply mine --profile-dir {scene}/open --runtime-only --yes; echo "directory $?"
        {{ w apply load-generator --runtime-only --yes --state-dir {scene}/world; echo "journal $?"; }}
        snapshot after
        w apply load-generator --runtime-only --yes; echo "packaged $?"
        """,
        scene,
        check=False,
    )
    for words in ("path 2", "directory 2", "journal 2", "packaged 0"):
        assert words in run.stdout, run.stdout + run.stderr
    assert run.stderr.count("can be written by everyone") == 3
    assert (scene / "before").read_bytes() == (scene / "after").read_bytes()


@pytest.mark.root
def test_a_clone_made_under_umask_002_works(scene: Path) -> None:
    """Files that its owner's group may write, by sudo or as root: shipped profiles have the trust of the package."""
    clone = scene / "clone"
    clone.mkdir()
    for part in ("wstune", "profiles"):
        shutil.copytree(ROOT / part, clone / part, ignore=shutil.ignore_patterns("__pycache__"))
    for place in (clone, *clone.rglob("*")):
        place.chmod(0o2775 if place.is_dir() else 0o664)
        os.chown(place, 1000, 1000)
    run = inside(
        """
        cd $T/clone; export PYTHONDONTWRITEBYTECODE=1
        $P -c 'import wstune; print(wstune.__file__)'
        w apply load-generator --runtime-only --yes > /dev/null; echo "root $?"
        SUDO_UID=1000 w apply container --role both --runtime-only --yes > /dev/null; echo "sudo $?"
        """.replace("$T", str(scene)).replace("$P", sys.executable),
        scene,
    )
    assert run.stdout.split() == [f"{clone}/wstune/__init__.py", "root", "0", "sudo", "0"], run.stderr


@pytest.mark.root
def test_no_link_in_its_own_directories_is_followed(scene: Path) -> None:
    """State directory, journal, lock, pre-images, our file and the name it is written under first: nothing goes out."""
    precious = {name: scene / f"precious-{name}" for name in ("journal.jsonl", "lock", "file", "new")}
    for path in precious.values():
        path.write_text("keep")
    (scene / "elsewhere").mkdir()
    run = inside(
        script(
            scene,
            """
            snapshot before
            fresh() { rm -rf $T/state; mkdir $T/state; chmod 755 $T/state; }
            ln -s $T/elsewhere $T/state;               p one > /dev/null; echo "state $?"; rm $T/state
            for its in journal.jsonl lock; do
                fresh; mkdir -m 700 $T/state/pre; where=$T/state; [ $its = lock ] && where=$T/state/pre
                ln -s $T/precious-$its $where/$its; p one > /dev/null; echo "$its $?"
            done
            fresh; ln -s $T/elsewhere $T/state/pre;    p one > /dev/null; echo "pre $?"
            fresh; ln -s $T/precious-file $T/root/etc/sysctl.d/99-wstune.conf
            p one --force > /dev/null; echo "file $?"; rm $T/root/etc/sysctl.d/99-wstune.conf
            snapshot after
            ln -s $T/precious-new $T/root/etc/sysctl.d/.99-wstune.conf.wstune-new
            p one > /dev/null; echo "new $?"
            """,
        ),
        scene,
    )
    expected = "state 2 journal.jsonl 2 lock 2 pre 2 file 2 new 0"
    assert " ".join(run.stdout.split()) == expected, run.stdout + run.stderr
    assert [path.read_text() for path in precious.values()] == ["keep"] * 4
    assert list((scene / "elsewhere").iterdir()) == []
    assert (scene / "before").read_bytes() == (scene / "after").read_bytes()
    assert not conf(scene).is_symlink()


def test_who_finds_it_locked_is_told_and_may_look(scene: Path) -> None:
    """Exit 75 for what would write, also while a transaction is not at its end; history and status need no lock."""
    run = inside(
        script(
            scene,
            """
            p one > /dev/null
            exec 9>> $T/state/pre/lock
            flock -x 9
            w rollback; echo "rollback $?"
            p two > /dev/null; echo "apply $?"
            w status --etc-root $T/root > /dev/null; echo "status $?"
            sed -i /commit/d $T/state/journal.jsonl
            p two > /dev/null; echo "at work $?"
            w history > /dev/null; echo "history $?"
            flock -u 9
            p two > /dev/null; echo "cut short $?"
            """,
        ),
        scene,
        check=False,
    )
    expected = "rollback 75 apply 75 status 0 at work 75 history 0 cut short 5"
    assert " ".join(run.stdout.split()) == expected, run.stdout + run.stderr
    assert run.stderr.count("somebody holds the lock") == 3  # not a wstune, whatever the one before has left there
    assert "take it back first: wstune rollback 1" in run.stderr


PARTIAL = """
import sys
from pathlib import Path
from tests.tuning_scene import ORIGIN, change, journal_in, sysctl_plan
from wstune.errors import ApplyError
from wstune.host.host import Host
from wstune.tuning.apply import apply_plan
live = Path("/proc/sys/net/ipv4/tcp_rmem")
before = live.read_text()
step = change("net.ipv4.tcp_rmem", before, "8192 262144 0")
try:
    apply_plan(sysctl_plan("test", step), Host(), journal_in(Path(sys.argv[1])), ORIGIN)
except ApplyError as error:
    print(error)
assert live.read_text() == before, live.read_text()
live.write_text("8192 262144 8388608")
try:
    live.write_text("9000 300000 0")
except OSError:
    print("left by the kernel:", live.read_text().split())
"""


def test_a_vector_that_the_kernel_stored_in_part_is_put_back_whole(scene: Path) -> None:
    """It stores element by element, and refuses the third: a real kernel's own doing, seen beside it."""
    run = inside(f"{sys.executable} -c '{PARTIAL}' {scene}", scene)
    assert "the kernel refuses '8192 262144 0': EINVAL" in run.stdout
    assert "everything was put back" in run.stdout or "nothing was changed" in run.stdout
    assert "left by the kernel: ['9000', '300000', '8388608']" in run.stdout
