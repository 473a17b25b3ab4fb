"""Docker: a compose file, and in its head the same as flags of `docker run` (Podman takes them too)."""

from __future__ import annotations

from wstune import quoting
from wstune.export.wishes import Export, Wish
from wstune.export.words import cannot, commented, elsewhere, head, left_out, said

HOST = "the host of the container (format script there)"


def text(export: Export) -> str:
    """The whole compose file."""
    inside = tuple(wish for wish in export.sysctls() if wish.tunable.writable_in_netns)
    chosen = [wish for wish in inside if wish.value is not None]
    lines = commented(
        [
            *head(export, "Docker Compose file"),
            "Merge it into your own by giving the service its name there: docker compose -f compose.yaml -f THIS up",
            "A container has a network namespace of its own, which starts from the kernel's defaults, not from what "
            "its host was tuned to. With `network_mode: host` there is none: then leave `sysctls` out, and set them "
            "on the host.",
            "",
            "The same for docker run:",
        ]
    )
    lines += [f"#   {line}" for line in _run(export, chosen)]
    lines += commented(
        [
            *left_out(inside),
            *cannot(
                [
                    *_host(export),
                    *elsewhere(export, groups="docker run --memory or --pids-limit, if you limit them at all"),
                ]
            ),
        ]
    )
    lines += ["services:", "  app:", "    image: your-image"]
    if export.files:
        lines += [
            "    ulimits:",
            "      nofile:",
            f"        soft: {export.files[0]}",
            f"        hard: {export.files[1]}",
        ]
    if live := [wish for wish in chosen if not wish.lowers]:
        lines.append("    sysctls:")
        for wish in live:
            lines += [f"      {line}" for line in commented(said(wish))]
            lines.append(f"      {wish.tunable.name}: {quoting.compose(quoting.sysctl(str(wish.value)))}")
    return "\n".join(lines) + "\n"


def _run(export: Export, chosen: list[Wish]) -> list[str]:
    """The command, a flag a line."""
    flags = [f"--ulimit nofile={export.files[0]}:{export.files[1]}"] if export.files else []
    for each in chosen:
        if not each.lowers:
            flags.append(f"--sysctl {quoting.shell(f'{each.tunable.name}={each.value}')}")
    return ["docker run \\", *(f"  {flag} \\" for flag in flags), "  IMAGE"]


def _host(export: Export) -> list[str]:
    """Settings that no network namespace has of its own."""
    names = [wish.tunable.name for wish in export.sysctls() if not wish.tunable.writable_in_netns]
    reasons = [f"{', '.join(names)}: they belong to {HOST}"] if names else []
    if export.files:
        reasons.append(f"a file limit above the host's fs.nr_open: {HOST}")
    return reasons
