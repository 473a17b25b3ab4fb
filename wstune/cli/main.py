"""The command line: the table of verbs, and the one boundary at which every error becomes a sentence and an exit code.

A verb's module is imported when the verb is called, and imports what it needs when it runs: `wstune check` has 0.2 s.
"""

from __future__ import annotations

import importlib
import os
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from typer.core import TyperGroup

from wstune import __version__, redaction, signals
from wstune.cli import streams
from wstune.cli.groups import EXAMPLES, grouped, shortened
from wstune.cli.output import close_quietly, print_error
from wstune.errors import UsageError, WstuneError
from wstune.printable import printable

if TYPE_CHECKING:
    from typer._click import Command, Context
    from typer._click.formatting import HelpFormatter

VERBS = {
    "check": "check",
    "capacity": "capacity",
    "apply": "apply",
    "rollback": "rollback",
    "history": "history",
    "status": "status",
    "run": "run",
    "verify": "verify",
    "serve": "serve",
    "report": "report",
    "scenario": "scenario",
    "capture": "capture",
    "export": "export",
    "explain": "explain",
    "profiles": "profiles",
}
"""Each command's name and its module in wstune.cli, whose `register(app)` adds it; in the order of `wstune --help`."""

INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""

DEFECT = 70
"""EX_SOFTWARE of sysexits.h: an error that nobody foresaw, which must not look like one of the verdicts."""


class Verbs(TyperGroup):
    """The commands, each imported when it is asked for."""

    def list_commands(self, ctx: Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        if cmd_name not in VERBS:
            return None
        app = typer.Typer(rich_markup_mode=None)
        importlib.import_module(f"wstune.cli.{VERBS[cmd_name]}").register(app)
        return typer.main.get_group(app).commands[cmd_name]

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        width = max(map(len, VERBS))
        for heading, names in grouped(VERBS).items():
            commands = [(name, command) for name in names if (command := self.get_command(ctx, name))]
            room = formatter.width - 6 - width
            with formatter.section(heading):
                formatter.write_dl(
                    [
                        (name.ljust(width), shortened(command.get_short_help_str(400), room))
                        for name, command in commands
                    ]
                )

    def format_epilog(self, ctx: Context, formatter: HelpFormatter) -> None:
        with formatter.section("Examples"):
            for command, words in EXAMPLES:
                formatter.write_text(f"$ {command}")
                with formatter.indentation():
                    formatter.write_text(words)

    def invoke(self, ctx: Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:  # what it has to say is lost on its way through typer
            for sentence in filter(None, (str(error), *_notes(error))):
                print_error(sentence)
            raise

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        command = self.get_command(ctx, args[0])
        if command is None:
            raise UsageError(f"there is no command {args[0]!r}", _nearest(args[0], VERBS, "wstune --help"))
        return args[0], command, args[1:]


# Without rich: its help is prettier, and costs 0.1 s.
_app = typer.Typer(cls=Verbs, rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"wstune {__version__}\n")
        raise typer.Exit(0)


@_app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Show it.")
    ] = False,
) -> int:
    """Make this host ready for very many WebSocket connections, and prove it.

    Exit codes: 0 ready, done or confirmed; 1 not ready, drift, or target missed; 2 usage; 3 inconclusive; 4 apply
    failed and was undone; 5 rollback incomplete; 75 another wstune is at work; 77 a privilege is missing; 128 + n ended
    by signal n.
    """
    if context.invoked_subcommand is None:
        sys.stderr.write(context.get_help() + "\n")
        raise typer.Exit(2)
    return 0


def main() -> NoReturn:
    """The entry point `wstune`."""
    streams.prepare()
    signals.listen()
    code = close_quietly(run(sys.argv[1:]))
    signals.end_at_once()  # what follows is the interpreter's
    sys.exit(code)


def run(args: Sequence[str]) -> int:
    """Carry out a command line and return its exit code; nothing but SystemExit leaves here."""
    try:
        code = typer.main.get_command(_app).main(list(args), prog_name="wstune", standalone_mode=False)
        if code == INTERRUPTED and signals.raised():  # typer calls every signal so
            return signals.exit_code(signals.raised())
        return code if isinstance(code, int) else 0
    except WstuneError as error:
        print_error(str(error), "; ".join(filter(None, (error.tip, *_notes(error)))))
        return error.exit_code
    except typer.TyperException as error:
        print_error(*_usage(error, args))
        return UsageError.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED  # before typer had anything to do with it
    except Exception as error:
        if os.environ.get("WSTUNE_DEBUG"):
            raise
        print_error(
            "; ".join((f"wstune has a defect here: {type(error).__name__}: {error}", *_notes(error))),
            f"please report it, with what this prints: WSTUNE_DEBUG=1 wstune {shlex.join(redaction.argv(args))}",
        )
        return DEFECT


def _notes(error: BaseException) -> tuple[str, ...]:
    """What was found out about an error on its way here."""
    return tuple(getattr(error, "__notes__", ()))


def _usage(error: typer.TyperException, args: Sequence[str]) -> tuple[str, str]:
    """A sentence and a tip for what typer did not understand."""
    context = getattr(error, "ctx", None)
    verb = f"wstune {args[0]}" if args and args[0] in VERBS else "wstune"
    help_command = f"{context.command_path if context else verb} --help"
    option = getattr(error, "option_name", None)
    if option and context and "No such option" in error.message:
        known = [name for param in context.command.params for name in (*param.opts, *param.secondary_opts)]
        return f"{context.command_path} has no option {printable(option)}", _nearest(option, known, help_command)
    words, _, meant = " ".join(error.format_message().split()).rstrip(".?").partition(". Did you mean ")
    return words[:1].lower() + words[1:], f"did you mean {meant}? {help_command}" if meant else help_command


def _nearest(name: str, known: Sequence[str] | dict[str, str], help_command: str) -> str:
    from difflib import get_close_matches  # 4 ms: only who has mistyped pays for it

    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}? {help_command} lists them all" if close else f"{help_command} lists them all"
