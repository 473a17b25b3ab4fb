"""The one writer: where it has looked, whole, and nowhere else; and no other module makes a file."""

from __future__ import annotations

import ast
import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from wstune.host import outputs, writing
from wstune.host.trust import DistrustError
from wstune.host.walk import Way

NOBODY = 65534
SOURCES = sorted((ROOT / "wstune").rglob("*.py"))

MAKES = {
    "mkdir", "makedirs", "symlink", "symlink_to", "hardlink_to", "mkfifo", "mknod", "rename", "renames", "replace",
    "unlink", "rmdir", "removedirs", "rmtree", "move", "copy2", "copyfile", "copytree", "touch", "write_text",
    "write_bytes", "chown", "chmod", "lchown", "truncate", "mktemp",
}  # fmt: skip
"""Calls that make, name, remove or change a file by its path; of those whose name other things have, only `os.…`."""

OF_OS = {"replace", "rename", "truncate", "link", "remove", "move"}

ALLOWED = {
    "host/writing.py": "the one writer",
    "host/own_files.py": "removes, in directories that the writer holds open",
    "host/files.py": "writes the kernel's own files, which exist",
    "host/sysctl.py": "calls that",
    "burst/scratch.py": "removes the private directory that tempfile made for it",
    "cli/main.py": "a help formatter's write_text",
}


def offences(source: str) -> Iterator[str]:
    """What of a source makes a file or opens one to write, as `LINE: words`. tempfile's own are random and O_EXCL."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in ("O_CREAT", "O_TRUNC", "O_TMPFILE"):
            yield f"{node.lineno}: {node.attr}"
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        base = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        if (name in MAKES and name not in OF_OS) or (name in OF_OS and base in ("os", "shutil")):
            yield f"{node.lineno}: {ast.unparse(node.func)}"
        if name in ("open", "fdopen"):
            modes = [*node.args, *(word.value for word in node.keywords if word.arg == "mode")]
            texts = [mode.value for mode in modes if isinstance(mode, ast.Constant) and isinstance(mode.value, str)]
            if any(text and set(text) <= set("rwxabt+") and set(text) & set("wxa+") for text in texts):
                yield f"{node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize("path", SOURCES, ids=[str(path.relative_to(ROOT)) for path in SOURCES])
def test_nobody_else_makes_a_file(path: Path) -> None:
    """No other module opens for writing, makes, names or removes anything: what root writes, one module writes."""
    if str(path.relative_to(ROOT / "wstune")) not in ALLOWED:
        assert list(offences(path.read_text())) == []


@pytest.mark.parametrize(
    "source",
    ["open('x', 'w')", "Path(x).open('ab')", "os.open(x, os.O_CREAT)", "p.mkdir()", "os.replace(a, b)",
     "p.write_text('')", "open(x, mode='r+')", "os.fdopen(fd, 'wb')", "shutil.rmtree(x)", "os.chmod(x, 0)"],
)  # fmt: skip
def test_the_check_sees_each_way_of_writing(source: str) -> None:
    """One of each."""
    assert list(offences(source))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """`mine`: root's; `open`: everybody's; `sticky`: as /tmp; `out`: what nothing may come to."""
    for name, mode in (("mine", 0o755), ("open", 0o777), ("sticky", 0o1777), ("out", 0o755)):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
    return tmp_path


def by_nobody(path: Path) -> Path:
    """The same, nobody's."""
    os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    return path


@pytest.mark.root
@pytest.mark.parametrize(
    ("where", "words"),
    [
        pytest.param("open/file", "can be written by everyone", id="everybody's directory"),
        pytest.param("mine/link/file", "is a link of user 65534", id="a stranger's link"),
        pytest.param("open/mine/file", "can be written by everyone", id="below everybody's directory"),
        pytest.param("sticky/theirs/file", "sticky can be written by everyone", id="a stranger's in a sticky one"),
        pytest.param("sticky/link/file", "sticky can be written by everyone", id="even our link in a sticky one"),
        pytest.param("sticky/target", "sticky can be written by everyone", id="a stranger's link as the file"),
        pytest.param("mine/fifo", "belongs to user 65534", id="a stranger's FIFO"),
    ],
)  # fmt: skip
def test_root_writes_nowhere_that_others_can_turn_elsewhere(tree: Path, where: str, words: str) -> None:
    """A way that somebody else can change is refused, in words that say who, and nothing is made."""
    (tree / "mine/link").symlink_to(tree / "out")
    by_nobody(tree / "mine/link")
    (tree / "open/mine").mkdir()
    (tree / "sticky/theirs").mkdir()
    by_nobody(tree / "sticky/theirs")
    (tree / "sticky/link").symlink_to(tree / "out")
    (tree / "sticky/target").symlink_to(tree / "out/file")
    by_nobody(tree / "sticky/target")
    os.mkfifo(tree / "mine/fifo")
    by_nobody(tree / "mine/fifo")
    for act in (outputs.require_writable, lambda path: outputs.write(path, b"x")):
        with pytest.raises(DistrustError, match=words):
            act(str(tree / where))
    assert not list((tree / "out").iterdir())
    if where != "mine/fifo":
        with pytest.raises(OSError, match=words):
            writing.make_directories(str(tree / where / "state"), 0o755)
    assert not list((tree / "out").iterdir())


@pytest.mark.root
def test_an_access_list_is_looked_at(tree: Path) -> None:
    """root's group may write: but those bits are the mask of a list that names somebody."""
    (tree / "mine").chmod(0o775)
    outputs.write(str(tree / "mine/file"), b"x")
    anybody = 0xFFFFFFFF
    entries = ((1, 7, anybody), (2, 7, NOBODY), (4, 7, anybody), (0x10, 7, anybody), (0x20, 5, anybody))
    listed = struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", *entry) for entry in entries
    )  # acl(5), as the kernel has it
    try:
        os.setxattr(tree / "mine", "system.posix_acl_access", listed)
    except OSError:
        pytest.skip("no access lists on this file system")
    with pytest.raises(DistrustError, match="access list"):
        outputs.write(str(tree / "mine/file"), b"y")


def test_a_report_in_a_sticky_directory_replaces_what_is_there(tree: Path) -> None:
    """As in /tmp: the name is ours from then on, and who had it keeps his file."""
    place = tree / "sticky/report"
    place.write_text("old")
    with place.open() as held:
        outputs.write(str(place), b"new")
        assert held.read() == "old"
    assert place.read_text() == "new"
    assert [entry.name for entry in place.parent.iterdir()] == ["report"]


def test_a_name_of_255_letters_can_be_written(tree: Path) -> None:
    """The temporary name is no longer than that; one of 256 is an error in words."""
    outputs.write(str(tree / "mine" / ("x" * 255)), b"x")
    with pytest.raises(OSError, match="name too long"):
        outputs.write(str(tree / "mine" / ("x" * 256)), b"x")


def test_a_fifo_is_written_and_stays_one(tree: Path) -> None:
    """Its reader gets the text."""
    fifo = tree / "mine/fifo"
    os.mkfifo(fifo)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()))
    reader.start()
    outputs.write(str(fifo), b"text" * 50_000)
    reader.join()
    assert read == [b"text" * 50_000]
    assert fifo.is_fifo()


def test_a_fifo_that_nobody_reads_is_an_error(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After five seconds."""
    assert outputs.WAIT_SECONDS == 5
    monkeypatch.setattr(outputs, "WAIT_SECONDS", 0.2)
    os.mkfifo(tree / "mine/fifo")
    with pytest.raises(OSError, match="nobody reads from it"):
        outputs.write(str(tree / "mine/fifo"), b"text")


def test_directories_are_made_with_their_modes(tmp_path: Path) -> None:
    """Whatever the umask; those on the way are 0755, and one that is there keeps its own."""
    old = os.umask(0o077)
    try:
        assert writing.make_directories(f"{tmp_path}/a/b/c", 0o700) == f"{tmp_path}/a/b/c"
    finally:
        os.umask(old)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("a", "a/b", "a/b/c")] == [0o755, 0o755, 0o700]
    (tmp_path / "a").chmod(0o711)
    writing.make_directories(f"{tmp_path}/a", 0o755)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o711
    (tmp_path / "a").chmod(0o755)
    writing.make_private_directory(f"{tmp_path}/a")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700


def test_links_of_a_tree_stay_in_it(tmp_path: Path) -> None:
    """As chroot(2) has it: an absolute target starts at the tree, `..` stops there, also where it is missing."""
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "usr/lib/sysctl.d").mkdir(parents=True)
    for name, target in {
        "absolute": "/usr/lib/sysctl.d",
        "up": "../../../../../../usr/lib/sysctl.d",
        "chain": "absolute",
        "missing": "/var/lib/x",
    }.items():
        (root / "etc" / name).symlink_to(target)
        expected = root / ("var/lib/x" if name == "missing" else "usr/lib/sysctl.d")
        assert writing.resolve(f"/etc/{name}", str(root)) == str(expected)
    (root / "etc/loop").symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links"):
        writing.resolve("/etc/loop", str(root))


NAMES = st.sampled_from(["a", "b", "c", "..", ".", "", "d/e", "/a", "../../../out"])


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c", "a/b", "d/e"]), st.lists(NAMES, max_size=4)), max_size=6),
       st.lists(NAMES, min_size=1, max_size=5))  # fmt: skip
def test_no_tree_of_links_leads_out(
    tmp_path_factory: pytest.TempPathFactory, links: list[tuple[str, list[str]]], way: list[str]
) -> None:
    """Whatever links a tree holds, and whatever path is asked for, it ends in the tree or in an error."""
    top = tmp_path_factory.mktemp("tree")
    root = top / "root"
    (root / "d").mkdir(parents=True)
    (top / "out").mkdir()
    for place, target in links:
        path = root / place
        if path.parent.is_dir() and not path.parent.is_symlink() and not path.is_symlink() and not path.exists():
            path.symlink_to("/".join(target) or ".")
    try:
        found = writing.resolve("/".join(way), str(root))
    except OSError:
        return
    assert found == str(root) or found.startswith(f"{root}/")
    with Way() as plain:
        plain.go(found, links=False, lacking=True)  # and there is no link in it
