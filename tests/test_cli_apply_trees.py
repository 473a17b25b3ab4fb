"""apply below trees and where others may write: links stay in the tree, nothing is made where it is not meant."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.test_cli_apply import inside
from tests.test_cli_apply_files import conf, make_profile, script

pytestmark = pytest.mark.netns


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A root with an /etc, and a profile."""
    (tmp_path / "root/etc/sysctl.d").mkdir(parents=True)
    make_profile(tmp_path / "one.toml", **{"net.core.somaxconn": "at_least = 20000"})
    return tmp_path


@pytest.mark.parametrize(
    ("link", "target"),
    [
        pytest.param("etc/sysctl.d", "../../out", id="relative"),
        pytest.param("etc/sysctl.d", "{scene}/out", id="absolute"),
        pytest.param("etc", "../out", id="etc itself"),
        pytest.param("etc", "{scene}/out", id="etc itself, absolute"),
    ],
)
def test_links_of_a_tree_do_not_lead_out_of_it(scene: Path, link: str, target: str) -> None:
    """They are followed as chroot(2) would; what stands outside stays as it is, and rollback finds the file again."""
    (scene / "out").mkdir()
    place = scene / "root" / link
    shutil.rmtree(place)
    place.symlink_to(target.format(scene=scene))
    run = inside(
        script(
            scene,
            "p one > /dev/null; find $T -name 99-wstune.conf; w rollback > /dev/null; find $T -name 99-wstune.conf",
        ),
        scene,
    )
    (written,) = run.stdout.split()
    assert written.startswith(f"{scene}/root/")
    assert list((scene / "out").iterdir()) == []


def test_a_tree_by_a_relative_name_is_taken_back_from_elsewhere(scene: Path) -> None:
    """The journal keeps where it was: rollback from another directory removes the file."""
    code = """
        cd $T; w apply $T/one.toml --etc-root root --persist --yes > /dev/null || exit 11
        test -e $T/root/etc/sysctl.d/99-wstune.conf || exit 12
        mkdir other; cd other; w rollback || exit 13
    """
    inside(f"T={scene}; export PYTHONPATH={ROOT}\n{code}", scene)
    assert not conf(scene).exists()


@pytest.mark.parametrize(
    "arguments", ["--etc-root=", "--etc-root $T/none/a/b", "--state-dir=", "--etc-root $T/one.toml"]
)
def test_an_empty_or_missing_directory_is_wrong_usage(scene: Path, arguments: str) -> None:
    """Exit 2, nothing is made: neither the live /etc nor the current directory is meant, and no tree is begun."""
    before = sorted(scene.rglob("*"))
    # In a mount namespace with an /etc of its own: should an empty name mean that, this machine's stays as it is.
    code = f"""
        export T={scene} PYTHONPATH={ROOT}; cd $T
        unshare -m sh -c 'mount -t tmpfs none /etc && {sys.executable} -m wstune apply $T/one.toml --persist --yes \\
            --etc-root $T/root --state-dir $T/state {arguments}'
    """
    run = inside(code, scene, check=False)
    assert run.returncode == 2, run.stdout + run.stderr
    assert "TIP" in run.stderr
    assert sorted(scene.rglob("*")) == before


@pytest.mark.root
def test_force_takes_a_strangers_file_over(scene: Path) -> None:
    """root's, 0644, without set-id bits and access lists; rollback brings the stranger's back as it was."""
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    conf(scene).write_text("net.core.somaxconn = 1\n")
    os.chown(conf(scene), 65534, 65534)
    conf(scene).chmod(0o4666)
    os.setxattr(conf(scene), "user.note", b"theirs")
    look = f"stat -c '%u:%g:%a' {conf(scene)}"
    attributes = f"{sys.executable} -c 'import os; print(len(os.listxattr(\"{conf(scene)}\")))'"
    run = inside(
        script(scene, f"p one --force > /dev/null; {look}; {attributes}; w rollback > /dev/null; {look}; {attributes}"),
        scene,
    )
    assert run.stdout.split() == ["0:0:644", "0", "65534:65534:4666", "1"]


@pytest.mark.root
def test_a_state_directory_below_what_others_may_write_is_not_made(scene: Path) -> None:
    """Refused, exit 2, before anything is there."""
    (scene / "open").mkdir()
    (scene / "open").chmod(0o777)
    run = inside(f"w apply {scene}/one.toml --runtime-only --yes --state-dir {scene}/open/a/state", scene, check=False)
    assert run.returncode == 2
    assert "open can be written by everyone" in run.stderr
    assert list((scene / "open").iterdir()) == []


def test_a_directory_with_the_name_of_a_temporary_is_in_nobodys_way(scene: Path) -> None:
    """Neither apply nor rollback minds it."""
    (scene / "root/etc/sysctl.d/.99-wstune.conf.wstune-new").mkdir()
    inside(script(scene, "p one || exit 11; w rollback || exit 12"), scene)
    assert not conf(scene).exists()


@pytest.mark.parametrize(
    "unit", ["x.timer", "x.socket", "init.scope", "foo.service.d", "a\\\\", "x" * 252, "user.slice"]
)
def test_only_what_systemd_obeys_is_taken_for_a_service(scene: Path, unit: str) -> None:
    """Exit 2 with a tip, and no drop-in that would do nothing is written, by apply or by export."""
    for command in (f"w apply $T/one.toml --yes --etc-root $T/root --unit '{unit}'",
                    f"{sys.executable} -m wstune export $T/one.toml --format systemd --unit '{unit}'"):  # fmt: skip
        run = inside(f"T={scene}; {command}", scene, check=False)
        assert run.returncode == 2, run.stdout + run.stderr
        assert "TIP" in run.stderr
    assert not list((scene / "root").rglob("*wstune.conf"))
