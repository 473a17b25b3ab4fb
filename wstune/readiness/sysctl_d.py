"""What sysctl files set at boot, under the rules of the two loaders. Pure: file names and texts in.

systemd-sysctl (sysctl.d(5), src/sysctl/sysctl.c) and procps' `sysctl --system` (sysctl(8), src/sysctl.c) read the same
directories: of files with one name the first directory's counts, all names are sorted, later lines win. Where they
part: systemd writes each key once, does not read /etc/sysctl.conf nor hidden files, and takes an exclusion
(`-key` without `=`) for the end of an assignment; procps writes every line in turn, those of /etc/sysctl.conf last, and
lets an exclusion be a glob (not yet in 4.0.2). Either way a glob leaves alone each key that is named anywhere.

Held against systemd-sysctl 252 and procps 4.0.2 by test_readiness_sysctl_d.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

DIRECTORIES = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")
"""First the one that counts. The last is a directory of its own only where /lib is not a link to /usr/lib."""

_PLACES = [place.rpartition("/")[0] for place in DIRECTORIES]
CONF = "/etc/sysctl.conf"
NAMES_OF = {"net/nf_conntrack_max": "net/netfilter/nf_conntrack_max"}
"""A second name of a value, and the name by which the catalogue knows it (nf_conntrack_standalone.c)."""

_GLOB = re.compile(r"[*?\[]")
_GLOB_LINE = re.compile(r"^[^=\n]*[*?\[][^=\n]*", re.MULTILINE)

MAX_CHARACTERS = 4 << 20
"""Of all sysctl files together."""

MAX_GLOBS = 1_000
"""Lines with a pattern in the key, of all files together; each is compared with every key of the catalogue."""

_MAX_GLOB = 1_000
"""Characters of such a key."""
_SWAP = str.maketrans("./", "/.")
_BLANK = " \t\n\r"
_SPACE = " \t\n\v\f\r"
_BREAK = re.compile("[\r\0]")


class ConfigFile(NamedTuple):
    """A file that a loader would read.

    Attributes:
        text: "" for one that only masks those of its name elsewhere (a link to /dev/null or to nothing, a directory);
            None for one that could not be read.
    """

    path: str
    text: str | None

    @property
    def name(self) -> str:
        """The last component, by which loaders sort."""
        return self.path.rpartition("/")[2]

    @property
    def place(self) -> str:
        """The directory."""
        return self.path.rpartition("/")[0]


class Write(NamedTuple):
    """A text that a loader writes to a key, and the `file:line` that says so."""

    text: str
    source: str


class _Line(NamedTuple):
    """`value` is None for an exclusion."""

    key: str
    value: str | None
    source: str


def bounded(files: Iterable[ConfigFile]) -> Iterator[ConfigFile]:
    """The files, in which those count as unread that would take too much work: what they set is not known then."""
    characters = globs = 0
    for file in files:
        text = file.text or ""
        characters += len(text)
        patterns = _GLOB_LINE.findall(text) if characters <= MAX_CHARACTERS else []
        globs += len(patterns)
        too_much = characters > MAX_CHARACTERS or globs > MAX_GLOBS or any(len(line) > _MAX_GLOB for line in patterns)
        if text and too_much:
            characters, globs = characters - len(text), globs - len(patterns)
            file = file._replace(text=None)
        yield file


def systemd_writes(files: Sequence[ConfigFile], keys: Iterable[str]) -> dict[str, list[Write]]:
    """What systemd-sysctl writes to each of the keys (catalogue names), in order. Keys that it leaves are missing."""
    options: dict[str, _Line] = {}
    for line in _systemd_lines(_systemd_files(files)):
        had = options.get(line.key)
        if had is None or had.value != line.value:
            options.pop(line.key, None)
        options[line.key] = line  # one with the same value keeps its place in the order
    found: dict[str, list[Write]] = {}
    paths = _paths(keys)
    for line in options.values():
        if line.value is None:
            continue
        if not _GLOB.search(line.key):
            if line.key in paths:
                found.setdefault(paths[line.key], []).append(Write(line.value, line.source))
            continue
        for path, key in paths.items():
            if path not in options and _matches(line.key, path):
                found.setdefault(key, []).append(Write(line.value, line.source))
    return found


def procps_writes(files: Sequence[ConfigFile], keys: Iterable[str]) -> dict[str, list[Write]]:
    """What `sysctl --system` writes to each of the keys, as systemd_writes."""
    return _procps_settings(list(_procps_lines(_procps_files(files))), keys)


def loaded_writes(file: ConfigFile, keys: Iterable[str]) -> dict[str, list[Write]]:
    """What `sysctl -p FILE` writes to each of the keys, in order."""
    return _procps_settings(list(_procps_lines([file])), keys)


def normalised(key: str) -> str:
    """A key as a path below /proc/sys: if its first separator is a dot, dots and slashes change places."""
    first = next((letter for letter in key if letter in "./"), "")
    return key.translate(_SWAP) if first == "." else key


def _paths(keys: Iterable[str]) -> dict[str, str]:
    """Path below /proc/sys → catalogue name, other names of the same value included."""
    paths = {key.replace(".", "/"): key for key in keys}
    paths.update((other, paths[path]) for other, path in NAMES_OF.items() if path in paths)
    return paths


def _systemd_files(files: Sequence[ConfigFile]) -> list[ConfigFile]:
    return in_order(file for file in files if not file.name.startswith("."))


def _procps_files(files: Sequence[ConfigFile]) -> list[ConfigFile]:
    return [*in_order(files), *(file for file in files if file.path == CONF)]


def in_order(files: Iterable[ConfigFile]) -> list[ConfigFile]:
    """Of files with one name the first directory's, sorted by name; without /etc/sysctl.conf."""
    first: dict[str, ConfigFile] = {}
    for file in sorted((file for file in files if file.path != CONF), key=_rank):
        first.setdefault(file.name, file)
    return [first[name] for name in sorted(first)]


def _rank(file: ConfigFile) -> int:
    """Of its directory. modules-load.d(5) and others have the same ones."""
    place = file.place.rpartition("/")[0]
    return _PLACES.index(place) if place in _PLACES else len(_PLACES)


def _systemd_lines(files: Iterable[ConfigFile]) -> Iterator[_Line]:
    for file in files:
        for number, text in enumerate((file.text or "").split("\n"), 1):
            for part in _BREAK.split(text) if "\r" in text or "\0" in text else (text,):
                line = part.strip(_BLANK)
                if not line or line[0] in "#;":
                    continue
                key, equals, value = line.partition("=")
                if equals or key[0] == "-":
                    key = _simplified(normalised(key.removeprefix("-").strip(_BLANK)))
                    yield _Line(key, value.strip(_BLANK) if equals else None, f"{file.path}:{number}")


def _simplified(path: str) -> str:
    """Without double slashes, `.` and a slash at either end. One with `..` is left, and is no key: it is refused."""
    if "//" not in path and "." not in path and path[:1] != "/" and path[-1:] != "/":
        return path
    return "/".join(part for part in path.split("/") if part not in ("", "."))


def _procps_lines(files: Iterable[ConfigFile]) -> Iterator[_Line]:
    for file in files:
        for number, text in enumerate((file.text or "").split("\n"), 1):
            line = text.partition("\0")[0].lstrip(_SPACE)
            if len(line) < 2 or line[0] in "#;":
                continue
            key, equals, value = line.partition("=")
            if not equals and key[0] != "-":
                continue
            key = key.removeprefix("-").rstrip(_SPACE).removeprefix("-")
            yield _Line(normalised(key), value.strip(_SPACE) if equals else None, f"{file.path}:{number}")


def _procps_settings(lines: Sequence[_Line], keys: Iterable[str]) -> dict[str, list[Write]]:
    named = {line.key for line in lines}
    excluded = [line.key for line in lines if line.value is None and _GLOB.search(line.key)]
    found: dict[str, list[Write]] = {}
    paths = _paths(keys)
    left = [(path, key) for path, key in paths.items() if path not in named]
    left = [(path, key) for path, key in left if not any(_alike(glob, path) for glob in excluded)]
    for line in lines:
        if line.value is None:
            continue
        if not _GLOB.search(line.key):
            # Unlike systemd's, its paths are looked up as they are: `..` leads up.
            key = paths.get(line.key) or paths.get(_looked_up(line.key))
            if key:
                found.setdefault(key, []).append(Write(line.value, line.source))
            continue
        for path, key in left:
            if _matches(line.key, path):
                found.setdefault(key, []).append(Write(line.value, line.source))
    return found


def _looked_up(path: str) -> str:
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del kept[-1:]
        elif part not in ("", "."):
            kept.append(part)
    return "/".join(kept)


def _matches(glob: str, path: str) -> bool:
    """As glob(3): component by component."""
    parts, names = glob.split("/"), path.split("/")
    return len(parts) == len(names) and all(map(_alike, parts, names))


def _alike(glob: str, name: str) -> bool:
    """As fnmatch(3) without flags."""
    from fnmatch import fnmatchcase

    return fnmatchcase(name, glob.replace("[^", "[!"))
