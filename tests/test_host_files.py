"""Files are read inside one root, whatever the tree is made of."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trees import plant
from wstune.host.files import Root, is_decimal


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with a secret beside it."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "tree").mkdir()
    return tmp_path / "tree"


def error_of(root: Root, path: str, limit: int = 1 << 20) -> int | None:
    """The errno by which reading fails."""
    with pytest.raises(OSError, match="Errno") as caught:
        root.read_text(path, limit)
    assert caught.value.filename == path
    return caught.value.errno


def test_only_the_root_directory_is_live(tree: Path) -> None:
    """`/`, however it is written, is this host, and no other directory is."""
    assert Root().live
    assert Root("//").live or Root("/.").live
    assert not Root(tree).live


def test_absolute_link_starts_again_at_the_root(tree: Path) -> None:
    """A link to /etc/passwd in a tree leads to the tree's own etc/passwd."""
    plant(tree, {"/etc/passwd": "the tree's"}, {"/proc/link": "/etc/passwd"})
    assert Root(tree).read_text("/proc/link") == "the tree's"


@pytest.mark.parametrize(
    "target",
    ["../secret", "../../../../secret", "/../secret", "sub/../../secret", "/proc/self/root/secret"],
)
def test_no_link_leads_out(tree: Path, target: str) -> None:
    """`..` stops at the root, so that the file beside the tree is not found from within it."""
    plant(tree, {"/sub/file": ""}, {"/link": target})
    assert error_of(Root(tree), "/link") == errno.ENOENT
    assert error_of(Root(tree), target) == errno.ENOENT


def test_link_in_the_middle_is_resolved_inside(tree: Path) -> None:
    """A directory that is an absolute link is the tree's directory of that name."""
    plant(tree, {"/real/value": "7"}, {"/proc/sys": "/real", "/real/up": "..", "/chain": "proc/sys/up/proc/sys"})
    assert Root(tree).read_text("/proc/sys/value") == "7"
    assert Root(tree).read_text("/chain/value") == "7"
    assert Root(tree).listdir("/proc/sys") == ["up", "value"]


def test_looping_links_are_an_error_not_a_hang(tree: Path) -> None:
    """Two links that name each other are ELOOP, as the kernel says."""
    plant(tree, {}, {"/a": "b", "/b": "/a", "/self": "self/self"})
    assert error_of(Root(tree), "/a") == errno.ELOOP
    assert error_of(Root(tree), "/self") == errno.ELOOP
    assert not Root(tree).exists("/a")


def test_what_is_not_a_file_is_not_opened(tree: Path) -> None:
    """A FIFO, a directory and a device are errors: opening the first would wait for ever."""
    os.mkfifo(tree / "fifo")
    plant(tree, {"/dir/file": ""}, {"/null": "/dev/null"})
    assert error_of(Root(tree), "/fifo") == errno.EINVAL
    assert error_of(Root(tree), "/dir") == errno.EISDIR
    assert error_of(Root(tree), "/null") == errno.ENOENT
    assert error_of(Root(), "/dev/null") == errno.EINVAL
    assert error_of(Root(), str(tree / "fifo")) == errno.EINVAL


def test_huge_file_is_an_error(tree: Path) -> None:
    """A file above the limit is EFBIG, one at the limit is read."""
    plant(tree, {"/big": b"x" * 101})
    assert error_of(Root(tree), "/big", 100) == errno.EFBIG
    assert Root(tree).read_text("/big", 101) == "x" * 101
    with (tree / "sparse").open("wb") as stream:
        stream.truncate(1 << 40)
    assert error_of(Root(tree), "/sparse") == errno.EFBIG


def test_binary_is_text_with_marks(tree: Path) -> None:
    """Bytes that are not UTF-8 become replacement characters: it is the parser that refuses them."""
    plant(tree, {"/binary": b"\xff\x00\xfe1"})
    assert Root(tree).read_text("/binary") == "�\0�1"


def test_link_text_is_read_without_following(tree: Path) -> None:
    """A link to /dev/null is known by its text, also where there is no /dev; a file is no link."""
    plant(tree, {"/file": ""}, {"/etc/sysctl.d/x.conf": "/dev/null", "/dir": "etc/sysctl.d"})
    assert Root(tree).readlink("/etc/sysctl.d/x.conf") == "/dev/null"
    assert Root(tree).readlink("/dir/x.conf") == "/dev/null"
    for root in (Root(tree), Root()):
        with pytest.raises(OSError, match="Errno") as caught:
            root.readlink("/file" if not root.live else "/proc/meminfo")
        assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize("live", [True, False], ids=["live", "tree"])
@pytest.mark.parametrize(
    "path", ["/a\0b", "/\ud800", "/" + "x" * 300, "/x" * 5000], ids=["nul", "surrogate", "name", "path"]
)
def test_impossible_path_is_an_os_error(tree: Path, live: bool, path: str) -> None:
    """NUL, a lone surrogate, a name or a path that is too long: OSError from everything, never ValueError."""
    root = Root() if live else Root(tree)
    for act in (root.read_text, root.stat, root.listdir, root.readlink):
        with pytest.raises(OSError, match="Errno"):
            act(path)
    assert not root.exists(path)


def test_write_replaces_the_content_of_what_exists(tree: Path) -> None:
    """A file gets the new text and nothing of the old; one that is not there is not made; no link leads out."""
    plant(tree, {"/value": "a longer old text\n"}, {"/out": "../secret"})
    Root(tree).write_text("/value", "7\n")
    assert (tree / "value").read_text() == "7\n"
    with pytest.raises(FileNotFoundError):
        Root(tree).write_text("/absent", "7\n")
    with pytest.raises(FileNotFoundError):
        Root(tree).write_text("/out", "7\n")
    assert (tree.parent / "secret").read_text() == "secret"


def test_no_descriptor_is_left_open(tree: Path) -> None:
    """Success and failure alike close what they opened."""
    plant(tree, {"/a/b/c": "1"}, {"/loop": "loop", "/abs": "/a/b/c"})
    root = Root(tree)
    before = Path("/proc/self/fd").stat().st_size
    for path in ("/a/b/c", "/abs", "/loop", "/a/b", "/absent/x", "/a/b/c/d", "/a/../../a/b/c"):
        for act in (root.read_text, root.stat, root.listdir, root.readlink):
            try:
                act(path)
            except OSError:
                pass
    assert Path("/proc/self/fd").stat().st_size == before


NAMES = st.sampled_from(["a", "b", "c", "..", ".", "", "secret"])
TARGETS = st.builds(
    lambda slash, parts: slash + "/".join(parts), st.sampled_from(["", "/"]), st.lists(NAMES, max_size=5)
)


@given(
    links=st.dictionaries(st.sampled_from(["a", "b", "c", "d/a", "d/b", "d/c"]), TARGETS, max_size=6),
    path=st.lists(st.sampled_from(["a", "b", "c", "d", "..", "secret"]), max_size=6),
)
def test_nothing_outside_is_ever_read(
    tmp_path_factory: pytest.TempPathFactory, links: dict[str, str], path: list[str]
) -> None:
    """Whatever links a tree is made of and whatever path is asked for, the secret beside it is never read."""
    base = tmp_path_factory.mktemp("hostile")
    (base / "secret").write_text("secret")
    tree = plant(base / "tree", {"/d/file": "inside"})
    for name, target in links.items():
        if target and "\0" not in target:
            (tree / name).symlink_to(target)
    try:
        assert Root(tree).read_text("/" + "/".join(path)) == "inside"
    except OSError:
        pass


@pytest.mark.parametrize(
    ("field", "plain"),
    [
        ("0", True),
        ("18446744073709551615", True),
        ("9" * 21, False),
        ("-1", False),
        ("", False),
        ("१", False),
        ("²", False),
    ],
)
def test_plain_numbers_are_the_kernels_own(field: str, plain: bool) -> None:
    """Only ASCII digits, as many as 64 bits have: int() would take more than the kernel writes."""
    assert is_decimal(field) is plain
