"""Who else writes sysctls, what they say they will write, and when. Pure: the texts of their files come in.

Sources: ufw `ufw-init-functions` (IPT_SYSCTL); TuneD `plugins/plugin_sysctl.py`, `profiles/loader.py`, tuned.service;
saptune saptune-note(5); bpftune's tuners; Kubernetes `cmd/kube-proxy/app/server.go`, `kubelet/cm`
setupKernelTunables; firewalld's nf_conntrack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from wstune.readiness.next_boot import RAISES_ONLY, Hold
from wstune.readiness.sysctl_d import CONF, ConfigFile, bounded, loaded_writes

_AT_START = "when it starts"
MOST_INCLUDES = 20
"""TuneD profiles that are read, at most: they bring in one another."""

BPFTUNE_KEYS = (
    "net.core.netdev_max_backlog",
    "net.ipv4.tcp_congestion_control",
    "net.ipv4.tcp_mem",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
)
"""Keys of the catalogue that bpftune's tuners work on."""

KUBE_PROXY_KEYS = ("net.netfilter.nf_conntrack_max", "net.netfilter.nf_conntrack_tcp_timeout_established")
KUBELET_KEYS = {"vm.overcommit_memory": "1"}
"""Of the keys that kubelet sets unless protectKernelDefaults is on, those of the catalogue."""


class Setting(NamedTuple):
    """A line of an INI file."""

    section: str
    key: str
    value: str
    source: str


def settings(path: str, text: str) -> Iterator[Setting]:
    """The `key = value` lines of an INI file; what is before the first section has the section ""."""
    section = ""
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if line.startswith("[") and "]" in line:
            section = line[1 : line.index("]")].strip()
        elif line and line[0] not in "#;":
            key, equals, value = line.partition("=")
            if equals:
                yield Setting(section, key.strip(), value.strip(), f"{path}:{number}")


def shell_value(text: str, name: str) -> str | None:
    """The last value that a file of shell assignments gives a name, without quotes; None when it gives none."""
    found = None
    for line in text.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and key == name:
            found = value.strip().strip("\"'")
    return found


def ufw(file: ConfigFile, keys: Iterable[str]) -> list[Hold]:
    """Of ufw's own sysctl file, which is loaded by `sysctl -e -q -p` when ufw starts."""
    return [
        Hold(key, write.text, "ufw", "when it starts and at each reload", write.source)
        for bounded_file in bounded([file])
        for key, writes in loaded_writes(bounded_file, keys).items()
        for write in writes
    ]


def tuned(
    profiles: Sequence[str],
    find: Callable[[str], ConfigFile | None],
    keys: Iterable[str],
    files: Sequence[ConfigFile],
    reapplies: bool,
) -> list[Hold]:
    """Of TuneD's active profiles: their sysctls, and those of sysctl files that it writes again after them.

    Args:
        find: the tuned.conf of a profile.
        files: those of sysctl.d(5) on the host.
        reapplies: `reapply_sysctl`, on unless tuned-main.conf says otherwise.
    """
    who = f"TuneD (profile {' '.join(profiles)})"
    seen: set[str] = set()
    lines = [line for name in profiles for line in _tuned_lines(name, find, seen)]
    if not lines:
        return []  # without a [sysctl] section the plugin is not even loaded, and nothing is written again
    wanted = {key.replace(".", "/"): key for key in keys}
    found = []
    for line in lines:
        key = wanted.get(line.key.translate(_SWAP))
        if key:
            value = line.value.strip("\"'")
            text = None if "${" in value else RAISES_ONLY + value[1:].strip() if value[:1] == ">" else value
            found.append(Hold(key, text, who, "when it starts and when its profile changes", line.source))
    if reapplies:
        found += _reapplied(files, wanted)
    return found


_SWAP = str.maketrans("./", "/.")


def _tuned_lines(name: str, find: Callable[[str], ConfigFile | None], seen: set[str]) -> list[Setting]:
    """The lines of [sysctl] sections, those of included profiles first. Each profile counts once."""
    if name in seen or len(seen) >= MOST_INCLUDES:
        return []
    seen.add(name)
    file = find(name)
    if file is None or not file.text:
        return []
    every = list(settings(file.path, file.text))
    types = {line.section: line.value for line in every if line.key == "type"}
    found = []
    for other in included(every):
        found += _tuned_lines(other, find, seen)
    options = ("type", "enabled", "replace", "priority", "drop", "devices", "uname_regex", "cpuinfo_regex")
    own = (line for line in every if types.get(line.section, line.section) == "sysctl" and line.key not in options)
    return found + list(own)


def included(lines: Iterable[Setting]) -> list[str]:
    """The profiles that a TuneD profile brings in."""
    values = [line.value for line in lines if line.section == "main" and line.key == "include"]
    return [name for value in values for name in value.replace(",", " ").replace(";", " ").split()]


def _reapplied(files: Sequence[ConfigFile], wanted: Mapping[str, str]) -> list[Hold]:
    """Lines of /run and /etc `sysctl.d`, by name, and of /etc/sysctl.conf last (plugin_sysctl.py _apply_system_sysctl).

    Unlike a loader it takes /run's before /etc's of the same name, and knows no glob.
    """
    first: dict[str, ConfigFile] = {}
    for place in ("/run/sysctl.d", "/etc/sysctl.d"):
        for file in files:
            if file.place == place:
                first.setdefault(file.name, file)
    ordered = [first[name] for name in sorted(first)] + [file for file in files if file.path == CONF]
    found = []
    for file in ordered:
        for number, line in enumerate((file.text or "").split("\n"), 1):
            key, equals, value = line.strip().partition("=")
            name = wanted.get(key.strip().replace(".", "/"))
            if equals and name and key[:1] not in "#;":
                source = f"{file.path}:{number}"
                found.append(Hold(name, value.strip(), "TuneD (reapply_sysctl)", _AT_START, source))
    return found


def saptune(notes: Iterable[ConfigFile], overrides: Mapping[str, ConfigFile], keys: Iterable[str]) -> list[Hold]:
    """Of saptune's notes in the order of their application. An override file's lines count for its note's."""
    wanted = {key.replace(".", "/"): key for key in keys}
    found = []
    for note in notes:
        name = note.name.removesuffix(".conf")
        lines = {line.key: line for line in settings(note.path, note.text or "") if line.section.startswith("sysctl")}
        override = overrides.get(name)
        for line in settings(override.path, override.text or "") if override else ():
            if line.section.startswith("sysctl"):
                lines[line.key] = line
        for line in lines.values():
            key = wanted.get(line.key.translate(_SWAP))
            value = line.value.partition(" ##")[0].strip("\"' ")
            if key and value:  # an empty value leaves the key alone
                found.append(Hold(key, value, f"saptune (note {name})", _AT_START, line.source))
    return found


def bpftune(source: str, keys: Iterable[str]) -> list[Hold]:
    """Of bpftune, which raises its keys under load, and lets go of one that somebody else writes."""
    when = "under load, until somebody else writes it"
    return [Hold(key, None, "bpftune", when, source) for key in keys if key in BPFTUNE_KEYS]


def kubelet(source: str, protects: bool, keys: Iterable[str]) -> list[Hold]:
    """Of kubelet: `protects` is protectKernelDefaults, with which it stops instead of writing."""
    if protects:
        return []
    return [Hold(key, KUBELET_KEYS[key], "kubelet", _AT_START, source) for key in keys if key in KUBELET_KEYS]


def kube_proxy(source: str, seen: bool, keys: Iterable[str]) -> list[Hold]:
    """Of kube-proxy: the larger of conntrack.min and conntrack.maxPerCore times the CPUs, from its ConfigMap.

    `seen` is whether it was, or only a node on which it usually runs, in a pod that leaves nothing on the host.
    """
    who = "kube-proxy" if seen else "kube-proxy, if it runs on this node,"
    when = "when it starts, from conntrack.maxPerCore and conntrack.min of its configuration"
    return [Hold(key, None, who, when, source) for key in keys if key in KUBE_PROXY_KEYS]
