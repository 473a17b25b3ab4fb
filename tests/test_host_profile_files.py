"""Finding profiles: where names are looked up, and where they are not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.trees import plant
from wstune.errors import ProfileError, UsageError
from wstune.host import profile_files
from wstune.host.profile_files import find, is_path, list_profiles, packaged
from wstune.readiness.profiles import Target, resolve

SHIPPED = {"high-conn", "load-generator", "container", "kemal-60k", "million", "two-million"}


def test_packaged() -> None:
    """In a checkout the packaged profiles are those beside the package."""
    assert Path(packaged()) == ROOT / "profiles"
    assert set(list_profiles(etc="/nowhere")) >= SHIPPED


def test_packaged_in_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a wheel they are inside the package, and what lies beside the package is not looked at."""
    plant(tmp_path, {"wstune/host/profile_files.py": "", "wstune/profiles/a.toml": "in", "profiles/b.toml": "out"})
    monkeypatch.setattr(profile_files, "__file__", str(tmp_path / "wstune/host/profile_files.py"))
    assert list(list_profiles(etc="/nowhere")) == ["a"]


def test_order(tmp_path: Path) -> None:
    """--profile-dir is searched before the machine's directory, and that before what comes with wstune."""
    plant(tmp_path, {"one/high-conn.toml": "1", "one/mine.toml": "1", "two/mine.toml": "2", "etc/mine.toml": "3",
                     "etc/million.toml": "3", "etc/notes.txt": "", "etc/.toml": ""})  # fmt: skip
    dirs, etc = [str(tmp_path / "one"), str(tmp_path / "two")], str(tmp_path / "etc")
    assert find("mine", dirs, etc=etc) == ("1", str(tmp_path / "one/mine.toml"))
    assert find("mine", dirs[1:], etc=etc)[0] == "2"
    assert find("mine", etc=etc)[0] == "3"
    assert find("million", dirs, etc=etc)[0] == "3"
    assert find("million", etc="/nowhere")[1] == str(ROOT / "profiles/million.toml")
    listed = list_profiles(dirs, etc=etc)
    assert list(listed) == sorted(SHIPPED | {"mine"})
    assert listed["high-conn"] == str(tmp_path / "one/high-conn.toml")
    assert listed["container"] == str(ROOT / "profiles/container.toml")


def test_a_name_is_not_looked_up_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name never resolves to the current directory, a path never to anything else."""
    plant(tmp_path, {"mine.toml": "here", "high-conn.toml": "here"})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProfileError, match="no profile is named 'mine'"):
        find("mine", etc="/nowhere")
    assert find("high-conn", etc="/nowhere")[0] != "here"
    assert find("mine.toml") == ("here", "mine.toml")
    assert find("./mine.toml") == ("here", "./mine.toml")
    assert find(str(tmp_path / "mine.toml"))[0] == "here"
    with pytest.raises(ProfileError, match=r"^container\.toml: cannot be read: no such file"):
        find("container.toml")
    assert [name for name in ("a", "a.b", "a/b", "a.toml", "/a") if is_path(name)] == ["a/b", "a.toml", "/a"]


def test_unknown() -> None:
    """An unknown name is answered with the nearest, or with all there are."""
    with pytest.raises(ProfileError) as caught:
        find("high-con", etc="/nowhere")
    assert (str(caught.value), caught.value.tip) == ("no profile is named 'high-con'", "did you mean high-conn?")
    for name in ("zzz", "", ".", "..", "a\0b", "x" * 500):
        with pytest.raises(ProfileError) as caught:
            find(name, etc="/nowhere")
        assert "high-conn" in caught.value.tip
        assert len(str(caught.value)) < 150


@pytest.mark.parametrize(
    ("content", "where", "message"),
    [
        (b"a = 1\nb = '\xff'\n", ":2", "is not UTF-8 text"),
        (b"#" * ((1 << 20) + 1), "", "larger than 1 MiB"),
    ],
)
def test_unusable(tmp_path: Path, content: bytes, where: str, message: str) -> None:
    """What is no text, or too long for a profile, is told with its place."""
    path = plant(tmp_path, {"p.toml": content}) / "p.toml"
    with pytest.raises(ProfileError, match=message) as caught:
        find(str(path))
    assert caught.value.where == f"{path}{where}"


def test_unreadable(tmp_path: Path) -> None:
    """A directory, a pipe, a dangling link and a missing file are errors in words, and nothing waits for a pipe."""
    plant(tmp_path, {"dir.toml/x": ""}, {"link.toml": "gone", "loop.toml": "loop.toml"})
    os.mkfifo(tmp_path / "pipe.toml")
    for name in ("dir", "pipe", "link", "loop"):
        with pytest.raises(ProfileError) as caught:
            find(name, [str(tmp_path)], etc="/nowhere")
        assert caught.value.where == str(tmp_path / f"{name}.toml")
    with pytest.raises(ProfileError, match="cannot be listed: no such file or directory"):
        list_profiles([str(tmp_path / "missing")])


@pytest.mark.root
def test_trust(tmp_path: Path) -> None:
    """A file that is opened in the packaged directory, by whatever way, is obeyed; its namesake elsewhere is not."""
    plant(tmp_path, {"high-conn.toml": ""}, {"link.toml": str(ROOT / "profiles/million.toml")})
    tmp_path.chmod(0o777)
    for path in (ROOT / "profiles/high-conn.toml", tmp_path / "link.toml"):
        assert find(str(path), obeyed=True)[0] == path.read_text()
    with pytest.raises(UsageError, match="can be written by everyone"):
        find(str(tmp_path / "high-conn.toml"), obeyed=True)
    assert find(str(tmp_path / "high-conn.toml"))[0] == ""


@pytest.mark.root
def test_a_link_in_between_is_looked_at(tmp_path: Path) -> None:
    """root's link → a stranger's link in a directory that everybody may write → root's file: not obeyed."""
    plant(tmp_path, {"mine/real.toml": "", "open/x": ""}, {"mine/first.toml": "../open/mid.toml"})
    middle = tmp_path / "open/mid.toml"
    middle.symlink_to(tmp_path / "mine/real.toml")
    assert find(str(tmp_path / "mine/first.toml"), obeyed=True)[0] == ""
    (tmp_path / "open").chmod(0o1777)
    with pytest.raises(UsageError, match="open can be written by everyone"):
        find(str(tmp_path / "mine/first.toml"), obeyed=True)
    (tmp_path / "open").chmod(0o755)
    os.chown(middle, 65534, 65534, follow_symlinks=False)
    with pytest.raises(UsageError, match=r"mid\.toml is a link of user 65534"):
        find(str(tmp_path / "mine/first.toml"), obeyed=True)


@pytest.mark.parametrize("start", ["./p.toml", "d/../p.toml", "{}/p.toml", "./././p.toml"])
@pytest.mark.parametrize("parent", ["./q.toml", "././q.toml", "d/../q.toml"])
def test_a_cycle_of_relative_paths_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str, parent: str
) -> None:
    """A profile that extends itself by another way to its own file is said to, not to have many parents."""
    monkeypatch.chdir(tmp_path)
    plant(tmp_path, {"p.toml": f'schema = 1\nextends = "{parent}"\n', "q.toml": 'schema = 1\nextends = "./p.toml"\n'})
    (tmp_path / "d").mkdir()
    with pytest.raises(ProfileError, match="extends itself: p → q → p") as caught:
        resolve(start.format(tmp_path), find, target=Target())
    assert "/./" not in str(caught.value)


def test_a_way_up_through_a_link_is_not_shortened(tmp_path: Path) -> None:
    """`link/..` is where the link leads to, as for the kernel."""
    plant(tmp_path, {"a/b/x": "", "a/p.toml": "right", "p.toml": "wrong"})
    (tmp_path / "link").symlink_to("a/b")
    assert find(f"{tmp_path}/link/../p.toml") == ("right", f"{tmp_path}/a/p.toml")
