"""The pages of docs/reference that are made from the code, and the man page. `pytest --update` writes them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import typer
from typer.core import TyperArgument, TyperGroup, TyperOption

from tests.conftest import ROOT
from wstune import errors, signals
from wstune.actions.profile import load
from wstune.cli import main
from wstune.cli.groups import EXAMPLES, grouped
from wstune.model import HostFacts
from wstune.readiness.judge import applicable
from wstune.report.words import counted, demand_text, role_text
from wstune.tunable import Tunable
from wstune.tunables import CATALOGUE

MADE = "<!-- Made by pytest --update from {}. -->"
FACTS = HostFacts(ram_bytes=16 * 2**30, cpus=4)
SCHEMAS = ROOT / "docs/reference/schemas"


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its full name, groups before what is in them, in the order of `wstune --help`."""
    root = typer.main.get_command(main._app)
    assert isinstance(root, TyperGroup)
    context = typer.Context(root, info_name="wstune")
    for names in grouped(main.VERBS).values():
        for name in names:
            command = root.get_command(context, name)
            assert command is not None
            if isinstance(command, TyperGroup):
                for child in command.commands.values():
                    yield f"wstune {name} {child.name}", child
            else:
                yield f"wstune {name}", command


def options_of(command: Any) -> Iterator[tuple[str, str]]:
    """Each argument and option as it is written, with its help and its default."""
    for parameter in command.params:
        if isinstance(parameter, TyperArgument):
            yield str(parameter.metavar or parameter.name).strip("[]"), parameter.help or ""
        elif isinstance(parameter, TyperOption) and not parameter.hidden:
            context = typer.Context(command, info_name="")
            names, words = parameter.get_help_record(context) or ("", "")
            yield names, re.sub(r"\s+", " ", words).replace(" [required]", " Required.").strip()


def summary(command: Any) -> list[str]:
    """The command's help, a paragraph each."""
    text = re.sub(r"\n[ \t]+", "\n", command.help or "")
    return [re.sub(r"\s+", " ", part).strip() for part in text.split("\n\n") if part.strip()]


def usage(name: str, command: Any) -> str:
    context = typer.Context(command, info_name=name)
    return " ".join(command.get_usage(context).removeprefix("Usage: ").split())


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def table(titles: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    head = [f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}"]
    return [*head, *(f"| {' | '.join(row)} |" for row in rows), ""]


def commands_page() -> str:
    lines = ["# Commands", "", MADE.format("the commands' own help"), ""]
    lines += [
        "The exit codes are in [exit codes](exit-codes.md). Reports go to stdout, or with `-o` to a file, whole or"
    ]
    lines += ["not at all; progress, tips and errors to stderr. `NO_COLOR` and `FORCE_COLOR` are obeyed.", ""]
    for name, command in commands():
        lines += [f"## {name}", "", "```", usage(name, command), "```", ""]
        for paragraph in summary(command):
            lines += [cell(paragraph), ""]
        rows = [("`" + names.replace("|", "\\|") + "`", cell(words)) for names, words in options_of(command)]
        lines += table(("", ""), rows)
    return "\n".join(lines)


def man_page() -> str:
    """man(7), one page for all commands."""
    from wstune import __version__

    lines = [
        '.\\" Made by pytest --update from the commands.',
        f'.TH WSTUNE 1 2026-11-24 "wstune {__version__}"',
        ".SH NAME",
        "wstune \\- make a Linux host ready for very many WebSocket connections, and prove it",
        ".SH SYNOPSIS",
        ".B wstune",
        ".I COMMAND",
        "[\\fIOPTION\\fR ...]",
        ".SH DESCRIPTION",
        "Checks limits of the kernel and the system against a number of connections, changes what is too small so that",
        "it can be taken back, and verifies with a burst of real connections.",
        ".SH COMMANDS",
    ]
    for name, command in commands():
        lines += [f".SS {roff(name.removeprefix('wstune '))}", f".B {roff(usage(name, command))}"]
        for paragraph in summary(command):
            lines += [".PP", roff(paragraph)]
        for names, words in options_of(command):
            lines += [".TP", f"\\fB{roff(names)}\\fR", roff(words) or "\\&"]
    lines += [".SH EXIT STATUS"]
    for code, words in exit_codes():
        lines += [".TP", code, roff(words)]
    lines += [".SH ENVIRONMENT"]
    for name, words in (
        ("NO_COLOR", "No colours, whatever the terminal can do."),
        ("FORCE_COLOR", "Colours, also in a pipe."),
    ):
        lines += [".TP", f".B {name}", words]
    lines += [".SH EXAMPLES"]
    for line, words in EXAMPLES:
        lines += [".TP", f"\\fB{roff(line)}\\fR", roff(words)]
    return "\n".join(lines) + "\n"


def roff(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text


def exit_codes() -> list[tuple[str, str]]:
    """From the errors' own words, and the verdicts."""
    by_code = {0: "ready, done, or confirmed", 1: "not ready, drift, or the target was missed"}
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.WstuneError) and name != "WstuneError":
            words = (kind.__doc__ or "").strip().partition("\n")[0].rstrip(".")
            words = words.split(";")[0]
            by_code[kind.exit_code] = (
                f"{by_code[kind.exit_code]}; {lower(words)}" if kind.exit_code in by_code else lower(words)
            )
    by_code[main.DEFECT] = "a defect of wstune (EX_SOFTWARE)"
    for number in signals.ENDING:
        by_code[signals.exit_code(number)] = f"ended by {signals.name(number)} (128 + {int(number)})"
    return [(str(code), words) for code, words in sorted(by_code.items())]


def lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def exit_codes_page() -> str:
    lines = ["# Exit codes", "", MADE.format("wstune/errors.py and wstune/cli/main.py"), ""]
    lines += table(("code", "meaning"), exit_codes())
    lines += [
        "With `--format nagios` the code is the one of the monitoring plugins: 0 OK, 1 WARNING (ready, but something",
        "should be better), 2 CRITICAL, 3 UNKNOWN, also for errors.",
        "",
    ]
    return "\n".join(lines)


def tunables_page() -> str:
    lines = ["# Tunables", "", MADE.format("wstune/tunables"), ""]
    lines += ["What `wstune explain NAME` tells, of all.", ""]
    lines += table(
        ("name", "kept as", "shared by", "what it is"),
        [
            (f"[`{t.name}`](#{anchor(t.name)})", t.store.value, t.scope.value, cell(t.summary))
            for t in CATALOGUE.values()
        ],
    )
    for tunable in CATALOGUE.values():
        lines += tunable_lines(tunable)
    return "\n".join(lines)


def anchor(name: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "", name.lower())


def tunable_lines(tunable: Tunable) -> list[str]:
    rows = [
        ("default", tunable.default),
        ("unit", tunable.unit),
        ("caps", tunable.caps),
        ("seen when hit", tunable.symptom),
        ("risk", tunable.risk),
        ("takes effect", tunable.latched or "at once"),
        ("in a network namespace", "has its own" if tunable.writable_in_netns else ""),
        ("when it is not there", tunable.absent),
        ("since", tunable.since),
        ("sources", "; ".join(tunable.sources)),
    ]
    shown = [(title, cell(text)) for title, text in rows if text]
    return [f"## {tunable.name}", "", f"{cell(tunable.summary)}.", "", *table(("", ""), shown)]


def profiles_page() -> str:
    lines = ["# Profiles", "", MADE.format("profiles/*.toml"), ""]
    lines += [
        "What each demands of a machine with 16 GiB of memory and 4 CPUs, for the profile's own number of connections;",
        "`wstune profiles show NAME -n N` tells it for yours. How to write one: [the format](profile-format.md).",
        "",
    ]
    for path in sorted((ROOT / "profiles").glob("*.toml")):
        profile = load(path.stem, facts=FACTS)
        about = f"{counted(profile.variables['connections'], 'connection')}, as {role_text(profile.role)}"
        lines += [f"## {profile.name}", "", f"{cell(profile.summary)}.", "", f"For {about}.", ""]
        rows = [
            (f"`{each.tunable}`", cell(demand_text(each)), each.severity.value, cell(each.why))
            for each in applicable(profile, profile.role)
        ]
        lines += table(("limit", "needed", "severity", "why"), rows)
    return "\n".join(lines)


def schemas_page() -> str:
    lines = ["# JSON documents", "", MADE.format("docs/reference/schemas"), ""]
    lines += [
        "What `--format json` writes. Each document fits its JSON Schema, which is tested; `schema` is raised when a",
        "reader of an older number could misread it. A kernel value is `raw` (its text), `value` (a number, several or",
        "null) and `unlimited`.",
        "",
    ]
    for path in sorted(SCHEMAS.glob("*.json")):
        schema = json.loads(path.read_text())
        lines += [f"## {path.stem}", "", f"[{path.name}](schemas/{path.name})", ""]
        if schema.get("description"):
            lines += [cell(schema["description"]), ""]
        rows = [
            (f"`{name}`", kind(node), cell(node.get("description", ""))) for name, node in schema["properties"].items()
        ]
        lines += table(("key", "type", ""), rows)
    return "\n".join(lines)


def kind(node: dict[str, Any]) -> str:
    if "enum" in node:
        return ", ".join(f"`{'null' if value is None else value}`" for value in node["enum"])
    if "const" in node:
        return f"`{node['const']}`"
    if "type" not in node:
        return "object" if "$ref" in node else "any of several"
    return " or ".join(node["type"]) if isinstance(node["type"], list) else str(node["type"])


PAGES = {
    "docs/reference/commands.md": commands_page,
    "docs/reference/tunables.md": tunables_page,
    "docs/reference/profiles.md": profiles_page,
    "docs/reference/exit-codes.md": exit_codes_page,
    "docs/reference/schemas.md": schemas_page,
    "docs/wstune.1": man_page,
}
"""Each file and the function that makes its text."""
