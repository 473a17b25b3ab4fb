"""Who else writes sysctls on this host: found by the files that show it. None of them is asked or run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wstune.host.files import Root
from wstune.readiness.next_boot import Hold
from wstune.readiness.sysctl_d import ConfigFile

WANTS = ("/etc/systemd/system/multi-user.target.wants", "/etc/systemd/system/sysinit.target.wants")
"""Where `systemctl enable` puts its links."""

UFW, UFW_DEFAULTS, UFW_SYSCTLS = "/etc/ufw/ufw.conf", "/etc/default/ufw", "/etc/ufw/sysctl.conf"
TUNED, TUNED_MAIN = "/etc/tuned/active_profile", "/etc/tuned/tuned-main.conf"
TUNED_PROFILES = ("/etc/tuned/profiles", "/etc/tuned", "/usr/lib/tuned/profiles", "/usr/lib/tuned")
SAPTUNE = ("/etc/sysconfig/saptune", "/var/lib/saptune/config/saptune")
SAPTUNE_NOTES = ("/etc/saptune/extra/{}.conf", "/var/lib/saptune/working/notes/{}", "/usr/share/saptune/notes/{}")
SAPTUNE_OVERRIDE = "/etc/saptune/override/{}"
KUBELET = (
    "/var/lib/kubelet/config.yaml",
    "/etc/kubernetes/kubelet.conf",
    "/var/lib/rancher/k3s/agent/kubelet.kubeconfig",
)
KUBE_PROXY = (
    "/var/lib/kube-proxy/config.conf",
    "/var/lib/kube-proxy/kubeconfig",
    "/etc/kubernetes/kube-proxy.conf",
    "/etc/kubernetes/manifests/kube-proxy.manifest",
)
SERVICES = ("tuned", "saptune", "bpftune", "firewalld", "ufw", "kubelet", "kube-proxy", "k3s", "k3s-agent")
"""Whose links in WANTS are looked at."""


def holds(root: Root, keys: Sequence[str], files: Sequence[ConfigFile]) -> tuple[Hold, ...]:
    """What other programs do to the keys, in the order in which they start."""
    if not present(root):
        return ()  # as on most hosts: nothing more is imported
    return (
        *_ufw(root, keys),
        *_tuned(root, keys, files),
        *_saptune(root, keys),
        *_bpftune(root, keys),
        *_kubernetes(root, keys),
    )


def present(root: Root) -> bool:
    """Whether anything shows that another program is there that sets limits."""
    return any(root.exists(path) for path in (UFW, TUNED, *SAPTUNE, *KUBELET, *KUBE_PROXY)) or any(
        enabled(root, service) for service in SERVICES
    )


def enabled(root: Root, service: str) -> str | None:
    """The link by which systemd starts a service at boot, followed or not; None when there is none."""
    for directory in WANTS:
        path = f"{directory}/{service}.service"
        try:
            root.readlink(path)
        except OSError:
            continue
        return path
    return None


def text_of(root: Root, path: str) -> str | None:
    """The text of a file; None where it cannot be read."""
    try:
        return root.read_text(path)
    except OSError:
        return None


def _ufw(root: Root, keys: Sequence[str]) -> Iterable[Hold]:
    from wstune.readiness import managers

    if not _says(root, UFW, "ENABLED", "yes"):
        return ()
    path = managers.shell_value(text_of(root, UFW_DEFAULTS) or "", "IPT_SYSCTL")
    path = UFW_SYSCTLS if path is None or not path.isprintable() else path
    return managers.ufw(ConfigFile(path, text_of(root, path)), keys)


def _bpftune(root: Root, keys: Sequence[str]) -> Iterable[Hold]:
    from wstune.readiness import managers

    unit = enabled(root, "bpftune")
    return managers.bpftune(unit, keys) if unit else ()


def _tuned(root: Root, keys: Sequence[str], files: Sequence[ConfigFile]) -> Iterable[Hold]:
    from wstune.readiness import managers

    names = [name for name in (text_of(root, TUNED) or "").split() if _is_name(name)]
    if not names or not enabled(root, "tuned"):
        return ()
    main = managers.shell_value((text_of(root, TUNED_MAIN) or "").replace(" = ", "="), "reapply_sysctl")
    reapplies = (main or "1").lower() not in ("0", "false", "no", "off")
    return managers.tuned(names, lambda name: tuned_profile(root, name), keys, files, reapplies)


def tuned_profile(root: Root, name: str) -> ConfigFile | None:
    """The file of a TuneD profile: the host's own before the packaged ones."""
    if not _is_name(name):
        return None
    for directory in TUNED_PROFILES:
        path = f"{directory}/{name}/tuned.conf"
        text = text_of(root, path)
        if text is not None:
            return ConfigFile(path, text)
    return None


def tuned_files(root: Root) -> Iterable[str]:
    """The files of TuneD's active profiles, and of all that those bring in."""
    from wstune.readiness import managers

    ahead = (text_of(root, TUNED) or "").split()
    seen: dict[str, None] = {}
    while ahead and len(seen) < managers.MOST_INCLUDES:
        file = tuned_profile(root, ahead.pop(0))
        if file is not None and file.path not in seen:
            seen[file.path] = None
            ahead += managers.included(managers.settings(file.path, file.text or ""))
    return seen


def saptune_files(root: Root) -> Iterable[str]:
    """Where the notes that saptune applies, and what overrides them, may be."""
    for name in _saptune_order(root):
        yield from (place.format(name) for place in (*SAPTUNE_NOTES, SAPTUNE_OVERRIDE))


def _saptune_order(root: Root) -> list[str]:
    from wstune.readiness import managers

    for path in SAPTUNE:
        text = text_of(root, path)
        if text is not None:
            return [name for name in (managers.shell_value(text, "NOTE_APPLY_ORDER") or "").split() if _is_name(name)]
    return []


def _saptune(root: Root, keys: Sequence[str]) -> Iterable[Hold]:
    from wstune.readiness import managers

    names = _saptune_order(root)
    notes = [file for name in names if (file := _first_file(root, [place.format(name) for place in SAPTUNE_NOTES]))]
    overrides = {name: file for name in names if (file := _first_file(root, [SAPTUNE_OVERRIDE.format(name)]))}
    return managers.saptune(notes, overrides, keys)


def _kubernetes(root: Root, keys: Sequence[str]) -> Iterable[Hold]:
    from wstune.readiness import managers

    node = _first(root, KUBELET) or enabled(root, "kubelet") or enabled(root, "k3s") or enabled(root, "k3s-agent")
    proxy = _first(root, KUBE_PROXY) or enabled(root, "kube-proxy")
    found: list[Hold] = []
    if node:
        config = (text_of(root, KUBELET[0]) or "").splitlines()
        protects = any(line.split() == ["protectKernelDefaults:", "true"] for line in config)
        found += managers.kubelet(node, protects, keys)
    if node or proxy:
        found += managers.kube_proxy(proxy or node or "", proxy is not None, keys)
    return found


def _says(root: Root, path: str, name: str, value: str) -> bool:
    from wstune.readiness import managers

    return managers.shell_value(text_of(root, path) or "", name) == value


def _first(root: Root, paths: Iterable[str]) -> str | None:
    return next((path for path in paths if root.exists(path)), None)


def _first_file(root: Root, paths: Iterable[str]) -> ConfigFile | None:
    for path in paths:
        text = text_of(root, path)
        if text is not None:
            return ConfigFile(path, text)
    return None


def _is_name(name: str) -> bool:
    """Whether it can be one component of a path."""
    return name.isprintable() and "/" not in name and name not in (".", "..")
