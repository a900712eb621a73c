"""The command line: every command with its arguments, its help and its examples.

`--help`, a typo and completion need nothing else, so this module imports little.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NoReturn

from provisioner.cli import arguments
from provisioner.cli.exit_status import DONE, WRONG
from provisioner.cli.formats import GRAPHS, REPORTS, SHELLS

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction["_Parser"]  # noqa: SLF001 - it has no public name

Rows = Sequence[tuple[str, str]]

_EXIT_STATUS: Rows = (
    ("0", "done, or in sync"),
    ("1", "the spec or the command line is wrong"),
    ("2", "changes are pending, or drift; a user cannot log in"),
    ("3", "the org cannot be reached, rejects the login or a read, or gives an unexpected answer"),
    ("4", "refused: by you, by a policy, or because a saved plan is stale"),
    ("5", "applied in part, or a login that was expected to work failed"),
)


class _Parser(argparse.ArgumentParser):
    """A parser with examples and exit statuses below its help, and exit status 1 for errors."""

    examples: Rows = ()

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"error: {message}\n  = help: {self.prog} --help\n")
        raise SystemExit(WRONG)

    def _check_value(self, action: argparse.Action, value: object) -> None:
        # argparse calls this for every argument with choices. It has no public hook for it, and
        # its own message lists all commands and suggests none.
        if isinstance(action, _Commands) and value not in action.choices:
            self.error(_no_command(str(value), action.choices))
        super()._check_value(action, value)

    def format_help(self) -> str:
        rows = (("examples", self.examples), ("exit status", _EXIT_STATUS))
        return super().format_help() + "".join(_section(title, r) for title, r in rows if r)


class _MainParser(_Parser):
    """The parser of `provisioner` itself, whose help shows the commands in groups."""

    groups: dict[str, list[tuple[str, str]]]
    options: Rows = (
        ("-h, --help", "show this help and exit; also after a command"),
        ("--version", "print the version and exit"),
    )

    def format_help(self) -> str:
        formatter = argparse.HelpFormatter(self.prog)
        formatter.add_text(self.description)
        head = f"usage: {self.prog} COMMAND ...\n\n{formatter.format_help()}"
        sections = [*self.groups.items(), ("options", self.options)]
        sections += [("examples", self.examples), ("exit status", _EXIT_STATUS)]
        return head + "".join(_section(title, rows) for title, rows in sections)


class _Commands(argparse._SubParsersAction):  # type: ignore[type-arg]  # noqa: SLF001 - as documented
    """The commands of a parser. (Python documentation, `add_subparsers`, `action`)"""


class _Version(argparse.Action):
    """Prints the installed version."""

    def __call__(self, *_: object) -> NoReturn:
        from provisioner.cli.version import version

        sys.stdout.write(f"provisioner {version()}\n")
        raise SystemExit(DONE)


def build() -> argparse.ArgumentParser:
    """The parser of the whole command line.

    The result of parsing has `command_path`, such as `org serve`, or `None` without a command.
    """
    parser = _MainParser(
        prog="provisioner",
        description="Keep a Salesforce customer portal as code. "
        "`provisioner COMMAND --help` shows the arguments of a command.",
    )
    parser.examples = (
        ("provisioner validate", "check the spec without an org"),
        ("provisioner plan", "show what an apply would change"),
        ("provisioner apply", "change the org after you confirm the plan"),
    )
    parser.groups = {}
    parser.set_defaults(command_path=None)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", parser_class=_Parser, action=_Commands
    )

    def group(title: str, *builders: Callable[[Subparsers], None]) -> None:
        before = len(commands.choices)
        for builder in builders:
            builder(commands)
        added = list(commands.choices.items())[before:]
        parser.groups[title] = [(name, _summary(command)) for name, command in added]

    group("write and check a spec", _validate, _graph)
    group("plan and apply", _plan, _apply, _show, _drift)
    group("follow applies", _journal, _lease)
    group("log in", _url, _explain, _verify, _password)
    group("the local org", _org)
    group("this tool", _help, _schema, _completion)
    return parser


def _command(commands: Subparsers, name: str, summary: str, examples: Iterable[str]) -> _Parser:
    """Add a command. Each example is `arguments: what it does`, without `provisioner NAME`."""
    description = f"{summary[0].upper()}{summary[1:]}."
    parser: _Parser = commands.add_parser(name, help=summary, description=description)
    path = parser.prog.partition(" ")[2]
    parser.set_defaults(command_path=path)
    rows = [example.partition(": ") for example in examples]
    parser.examples = [(f"{parser.prog} {line}".strip(), text) for line, _, text in rows]
    return parser


def _subcommands(parser: argparse.ArgumentParser) -> Subparsers:
    return parser.add_subparsers(
        dest="subcommand",
        metavar="COMMAND",
        parser_class=_Parser,
        action=_Commands,
        required=True,
    )


def _summary(parser: argparse.ArgumentParser) -> str:
    text = parser.description or ""
    return f"{text[:1].lower()}{text[1:].rstrip('.')}"


def _section(title: str, rows: Rows) -> str:
    """A section of help, wrapped by argparse to the width of the terminal."""
    formatter = argparse.HelpFormatter("")
    formatter.start_section(title)
    formatter.add_arguments(
        [argparse.Action([], "", metavar=name, help=text.replace("%", "%%")) for name, text in rows]
    )
    formatter.end_section()
    return f"\n{formatter.format_help()}"


def _no_command(name: str, commands: Iterable[str]) -> str:
    from difflib import get_close_matches  # slow to import

    near = get_close_matches(name, commands, n=1)
    return f"there is no command `{name}`" + (f", did you mean `{near[0]}`?" if near else "")


# ---------------------------------------------------------------- write and check a spec


def _validate(commands: Subparsers) -> None:
    parser = _command(
        commands,
        "validate",
        "check the spec without an org, and report every problem",
        [
            ": check the only spec in specs/",
            "specs/acme --env prod: check it with the variables of an environment",
            "--format sarif --report problems.html: for a code scanner, and as a page",
        ],
    )
    arguments.spec(parser)
    arguments.formats(parser, *REPORTS)
    arguments.report(parser)


def _graph(commands: Subparsers) -> None:
    parser = _command(
        commands,
        "graph",
        "print the dependencies as DOT, Mermaid or SVG",
        [
            "--format svg > graph.svg: draw the resources of the spec",
            "plan.json --format mermaid: draw the steps of a saved plan",
        ],
    )
    arguments.folder_or_plan(parser)
    arguments.environment(parser)
    arguments.formats(parser, *GRAPHS)


# ---------------------------------------------------------------- plan and apply


def _plan(commands: Subparsers) -> None:
    parser = _command(
        commands,
        "plan",
        "show what an apply would change, step by step",
        [
            ": plan the only spec in specs/ for its environment `local`",
            "--env prod --out plan.json: save the plan, to review and apply it later",
            "--target 'user/*' --format markdown: plan the users only, as Markdown",
            "--env staging --env prod: compare two environments side by side",
        ],
    )
    arguments.folder(parser)
    arguments.environments(parser)
    arguments.selection(parser)
    arguments.formats(parser, *REPORTS)
    arguments.report(parser)
    arguments.policy(parser)
    arguments.no_email(parser)
    arguments.verbose(parser)
    arguments.log(parser)
    parser.add_argument("--out", metavar="FILE", help="save the plan for `apply FILE`")
    arguments.valid_for(parser)
    parser.add_argument(
        "--commit",
        metavar="SHA",
        type=arguments.commit,
        help="the commit of the spec, recorded in the saved plan for `apply --commit`",
    )
    parser.add_argument(
        "--detailed-exitcode", action="store_true", help="exit with 2 if there are changes"
    )


def _apply(commands: Subparsers) -> None:
    parser = _command(
        commands,
        "apply",
        "change the org to match the spec",
        [
            ": plan, ask for confirmation, apply, and check the result",
            "plan.json --auto-approve: apply a plan that was saved and reviewed",
            "--env prod --no-email --lease-wait 600: send no email, and wait for other applies",
        ],
    )
    arguments.folder_or_plan(parser)
    arguments.environment(parser)
    parser.add_argument(
        "--spec",
        metavar="SPEC",
        dest="expected_spec",
        help="reject a saved plan of another spec, as `--env` does for another environment",
    )
    parser.add_argument(
        "--commit",
        metavar="SHA",
        type=arguments.commit,
        help="reject a saved plan that was not made with `plan --commit SHA`",
    )
    arguments.selection(parser)
    arguments.policy(parser)
    parser.add_argument(
        "--approval",
        metavar="LABEL",
        action="append",
        default=[],
        help="a label that the plan was approved with, if the policy requires it; repeatable",
    )
    arguments.auto_approve(parser, "applying")
    arguments.no_email(parser)
    arguments.verbose(parser)
    parser.add_argument(
        "--verify-real-org",
        action="store_true",
        help="after the apply, log in the users under `verify:` even if the org is not a local one",
    )
    arguments.report(parser)
    arguments.log(parser)
    parser.add_argument(
        "--lease-wait",
        type=arguments.seconds,
        default=0.0,
        metavar="SECONDS",
        help="wait this long for another apply to this org to end (default: 0, do not wait)",
    )
    parser.add_argument(
        "--no-lease",
        action="store_true",
        help="take no lease on the org; use it only if nobody else applies",
    )
    parser.add_argument(
        "--settle-wait",
        type=arguments.seconds,
        metavar="SECONDS",
        help="wait this long for the effect of a request whose response was lost, before its "
        "outcome is reported as unknown (default: 60)",
    )
    parser.add_argument(
        "--assume-settled",
        action="store_true",
        help="send again what an earlier run left unknown, even if the org may still act on it; "
        "use it only if you know that it was not carried out",
    )


def _show(commands: Subparsers) -> None:
    parser = _command(
        commands,
        "show",
        "print a saved plan",
        [
            "plan.json: as text",
            "plan.json --format html > plan.html: as a page for reviewers",
        ],
    )
    parser.add_argument("plan", metavar="PLAN", help="a file that `plan --out` wrote")
    arguments.formats(parser, *REPORTS)
    arguments.verbose(parser)
    arguments.report(parser)


def _drift(commands: Subparsers) -> None:
    parser = _command(
        commands,
        "drift",
        "show where the org differs from the spec, and who changed it",
        [
            "--env prod: list the differences; exits with 2 if there are any",
            "--adopt changes.patch: write a patch that changes the spec to match the org",
            "--revert plan.json: save a plan that changes the org back",
            "--ignore contact/jane.Phone --reason pilot --until 2026-12-31: accept a difference",
        ],
    )
    arguments.spec(parser)
    arguments.selection(parser)
    arguments.org_id(parser)
    parser.add_argument(
        "--ignore",
        metavar="ADDRESS[.FIELD]",
        action="append",
        default=[],
        help="ignore a difference: add it to drift-ignore.yaml of the spec; repeatable",
    )
    parser.add_argument("--reason", metavar="TEXT", help="why `--ignore` ignores it")
    parser.add_argument(
        "--until",
        metavar="DAY",
        type=arguments.day,
        help="the last day on which `--ignore` ignores it, such as 2026-12-31",
    )
    parser.add_argument(
        "--adopt",
        metavar="FILE",
        help="save a patch that changes the spec to match the org; `-` prints only the patch",
    )
    parser.add_argument(
        "--revert", metavar="FILE", help="save a plan that changes the org back to the spec"
    )
    arguments.valid_for(parser)
    arguments.formats(parser, *REPORTS)
    arguments.report(parser)
    arguments.log(parser)


# ---------------------------------------------------------------- follow applies


def _journal(commands: Subparsers) -> None:
    parser = _command(
        commands,
        "journal",
        "show what past applies wrote",
        ["list: list the runs", "show: show the writes of the newest run"],
    )
    subcommands = _subcommands(parser)
    list_ = _command(
        subcommands,
        "list",
        "list the applies that have a journal on this machine",
        [": the oldest first", "--format json: as JSON, for scripts"],
    )
    arguments.formats(list_, "text", "json")
    show = _command(
        subcommands,
        "show",
        "show every write of one apply",
        [": the newest apply", "1f0c3a52: the apply with this name, or whose name ends with it"],
    )
    show.add_argument("run", nargs="?", metavar="RUN", help="the run (default: the newest)")
    arguments.formats(show, "text", "json")
    tidy = _command(
        subcommands,
        "tidy",
        "delete old journals, except those with unknown writes",
        ["--keep 20: keep the 20 newest"],
    )
    tidy.add_argument(
        "--keep",
        type=arguments.count,
        default=100,
        metavar="N",
        help="how many to keep (default: 100)",
    )


def _lease(commands: Subparsers) -> None:
    parser = _command(
        commands,
        "lease",
        "show or remove the lease of an apply on the org",
        ["show: show who is applying", "break: remove the lease of a run that has died"],
    )
    subcommands = _subcommands(parser)
    show = _command(
        subcommands, "show", "show who is applying to the org", ["--env prod: in this environment"]
    )
    arguments.spec(show)
    arguments.formats(show, "text", "json")
    break_ = _command(
        subcommands,
        "break",
        "remove the lease of a run that has died",
        ["--env prod: in this environment"],
    )
    arguments.spec(break_)


# ---------------------------------------------------------------- log in


def _url(commands: Subparsers) -> None:
    parser = _command(
        commands,
        "url",
        "print where customers log in",
        ["--env prod: the address of every portal and site", "--format json: as JSON"],
    )
    arguments.spec(parser)
    arguments.formats(parser, "text", "json")


def _explain(commands: Subparsers) -> None:
    parser = _command(
        commands,
        "explain",
        "explain why a user can or cannot log in",
        ["login jane: check everything that the login of a user needs"],
    )
    login = _command(
        _subcommands(parser),
        "login",
        "check everything that the login of a user needs",
        [
            "jane: a user by its key in the spec",
            "jane@acme.example --ip 203.0.113.7: a user by its username, from this address",
            "jane --error 'user is inactive': start from what the user saw",
        ],
    )
    login.add_argument("user", metavar="USER", help="a username, or a key under `users:`")
    arguments.spec_option(login)
    login.add_argument("--portal", metavar="NAME", help="the portal or site to log in to")
    login.add_argument("--error", metavar="TEXT", help="the message that the user saw")
    login.add_argument(
        "--ip",
        metavar="ADDRESS",
        type=arguments.ip_address,
        help="the IP address that the user logs in from",
    )
    arguments.formats(login, "text", "json", "markdown")


def _verify(commands: Subparsers) -> None:
    parser = _command(
        commands,
        "verify",
        "log in as a customer does, to prove that it works",
        ["login: log in the users under `verify:` in the spec"],
    )
    login = _command(
        _subcommands(parser),
        "login",
        "log in at the pages of the portal, stage by stage",
        [
            ": the users under `verify:` in the spec",
            "jane --password-env JANES_PASSWORD: one user",
            "--env prod --real-org: in an org that is not a local one",
        ],
    )
    login.add_argument(
        "users",
        nargs="*",
        metavar="USER",
        help="usernames, or keys under `users:` (default: those under `verify:`)",
    )
    arguments.spec_option(login)
    login.add_argument("--portal", metavar="NAME", help="the portal or site to log in to")
    password = login.add_mutually_exclusive_group()
    password.add_argument("--password-env", metavar="NAME", help="the variable with the password")
    password.add_argument("--password-file", metavar="FILE", help="the file with the password")
    login.add_argument(
        "--real-org",
        action="store_true",
        help="log in even if the org is not a local one",
    )
    arguments.formats(login, "text", "json")


def _password(commands: Subparsers) -> None:
    parser = _command(
        commands,
        "password",
        "have Salesforce email new passwords",
        ["reset jane: reset the password of a user"],
    )
    reset = _command(
        _subcommands(parser),
        "reset",
        "reset the passwords of users; Salesforce emails new ones",
        ["jane john --env prod: two users", "jane --unlock: also unlock the user"],
    )
    reset.add_argument("users", nargs="+", metavar="USER", help="usernames, or keys under `users:`")
    arguments.spec_option(reset)
    reset.add_argument("--unlock", action="store_true", help="also unlock locked users")
    arguments.auto_approve(reset, "sending")


# ---------------------------------------------------------------- the local org


def _org(commands: Subparsers) -> None:
    parser = _command(
        commands,
        "org",
        "run and inspect the local org",
        ["serve: serve it for browsers and other clients", "mail: print its emails"],
    )
    subcommands = _subcommands(parser)
    _serve(subcommands)
    show = _command(subcommands, "show", "print how to log in to the local org", [": as text"])
    arguments.formats(show, "text", "json")
    mail = _command(
        subcommands,
        "mail",
        "print the emails that the local org would have sent",
        [": all, the newest last", "--to jane@acme.example: those to one address"],
    )
    mail.add_argument("--to", metavar="ADDRESS", help="only emails to this address (default: all)")
    arguments.formats(mail, "text", "json")
    _command(
        subcommands, "reset", "replace the local org with a new one", [": delete everything in it"]
    )
    coverage = _command(
        subcommands, "coverage", "print which APIs the local org serves", [": as text"]
    )
    arguments.formats(coverage, "text", "json")


def _serve(commands: Subparsers) -> None:
    parser = _command(
        commands,
        "serve",
        "serve the local org on this machine",
        [
            ": until you press Ctrl-C",
            "--port 0 --https: on any free port, with a certificate made for it",
            "--control --control-token-file token: with the control interface for tests",
        ],
    )
    parser.add_argument(
        "--port",
        type=arguments.port,
        help="the port (default: the port of this local org, 8787 for the first one)",
    )
    parser.add_argument(
        "--control",
        action="store_true",
        help="open /emulator/ for tests (reset, clock, faults, outbox); it needs a token, which "
        "is printed",
    )
    parser.add_argument(
        "--control-token-file",
        metavar="FILE",
        help="read the token of /emulator/ from this file; if it does not exist, a new token is "
        "written to it",
    )
    parser.add_argument(
        "--seats",
        metavar="LICENCE=N",
        action="append",
        default=[],
        type=arguments.seats,
        help="set the seats of a licence, such as `Customer Community=500`; repeatable",
    )
    parser.add_argument(
        "--https", action="store_true", help="use https, with a certificate made for it"
    )


# ---------------------------------------------------------------- this tool


def _help(commands: Subparsers) -> None:
    parser = _command(
        commands,
        "help",
        "explain a topic, or the code of an error or warning",
        [
            ": list the topics",
            "getting-started: explain a topic",
            "unknown-field: explain a code, with an example and the fix",
        ],
    )
    parser.add_argument(
        "topic",
        nargs="?",
        metavar="TOPIC|CODE",
        help="a topic, such as `rosters`, or a code, such as `unknown-field` (default: list the "
        "topics)",
    )


def _schema(commands: Subparsers) -> None:
    parser = _command(
        commands,
        "schema",
        "print or write the schemas of specs and reports",
        [
            "contact: the fields of a contact",
            "spec --format json: the JSON Schema of a spec",
            "--write schemas: write all of them, for an editor",
        ],
    )
    parser.add_argument(
        "kind",
        nargs="?",
        metavar="KIND",
        help="a kind, such as `contact`, or another schema (default: list the schemas)",
    )
    arguments.formats(parser, "text", "json")
    parser.add_argument(
        "--write",
        metavar="DIR",
        help="write all schemas to this folder, and print the line with which an editor checks a "
        "file",
    )


def _completion(commands: Subparsers) -> None:
    parser = _command(
        commands,
        "completion",
        "print the script that completes commands in a shell",
        [
            "bash >> ~/.bash_completion: for bash",
            "zsh >> ~/.zshrc: for zsh, after `compinit`",
            "fish > ~/.config/fish/completions/provisioner.fish: for fish",
        ],
    )
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))
