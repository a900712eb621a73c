"""The command line: arguments to a use case to an exit status."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from provisioner.cli import option_values
from provisioner.cli import options as option_groups
from provisioner.cli.exit_status import DONE, WRONG
from provisioner.cli.formats import GRAPHS, REPORTS, SHELLS
from provisioner.render import encoding

_EPILOG = """\
exit status:
  0  done, or in sync
  1  the spec or the call is wrong
  2  changes are pending, or drift; a user cannot log in
  3  the org cannot be reached, refuses the login or a read, or gives an unexpected answer
  4  refused: by you, a policy or a stale plan
  5  applied in part, or a login that was to work did not"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with a call, and exits with our status rather than argparse's 2."""

    def error(self, message: str) -> NoReturn:
        if "argument COMMAND: invalid choice: " in message:
            message = _no_command(message)
        sys.stderr.write(f"error: {message}\n  = help: {self.prog} --help\n")
        raise SystemExit(WRONG)


def _no_command(message: str) -> str:
    """argparse names the commands after the one that was given: say which is nearest."""
    given, *known = re.findall(r"'([^']*)'|(?<=[ ,])([a-z]+)(?=[,)])", message)
    close = get_close_matches("".join(given), ["".join(k) for k in known], n=1)
    said = f"there is no command `{''.join(given)}`"
    return f"{said}, did you mean `{close[0]}`?" if close else said


class _Version(argparse.Action):
    """Prints the version that is installed."""

    def __call__(self, *_: object) -> NoReturn:
        from provisioner.cli.version import version

        sys.stdout.write(f"provisioner {version()}\n")
        raise SystemExit(DONE)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with its status."""
    encoding.prepare(sys.stdout, sys.stderr)
    parser = _parser()
    if "_ARGCOMPLETE" in os.environ:
        from provisioner.cli.completion import complete

        complete(parser)
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        raise SystemExit(DONE)
    # The commands import what they need: `--help` needs none of it.
    from provisioner.cli import dispatch as commands

    raise SystemExit(commands.run(options))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="provisioner",
        description="Keep a Salesforce customer portal as code.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    _validate(_command(commands, "validate", "check the spec offline: every problem"))
    _plan(_command(commands, "plan", "show what apply would do, step by step"))
    _apply(_command(commands, "apply", "make the org look like the spec"))
    _show(_command(commands, "show", "print a saved plan"))
    _drift(_command(commands, "drift", "show where the org differs from the spec"))
    _graph(_command(commands, "graph", "print what needs what, as DOT, Mermaid or SVG"))
    _completion(_command(commands, "completion", "print what makes a shell complete commands"))
    _journal(_command(commands, "journal", "look into the journals of past applies"))
    _lease(_command(commands, "lease", "see or break the lease of an apply to the org"))
    _url(_command(commands, "url", "print where customers log in"))
    _explain(_command(commands, "explain", "say why a user can or can not log in"))
    _verify(_command(commands, "verify", "log in for real, as a customer does"))
    _password(_command(commands, "password", "mail new passwords, on purpose"))
    _org(_command(commands, "org", "run and look into the local org"))
    _help(_command(commands, "help", "explain a topic, or the code of an error or warning"))
    _schema(_command(commands, "schema", "print or write the schemas of specs and reports"))
    return parser


def _command(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def _validate(parser: argparse.ArgumentParser) -> None:
    option_groups.spec(parser)
    option_groups.formats(parser, *REPORTS)
    option_groups.report(parser)


def _plan(parser: argparse.ArgumentParser) -> None:
    option_groups.folder(parser)
    parser.add_argument(
        "--env",
        metavar="NAME",
        action="append",
        default=[],
        help="environments/NAME.yaml of the spec (default: local); must be given if the spec has "
        "other environments only; repeat it to plan several side by side",
    )
    option_groups.parts(parser)
    option_groups.formats(parser, *REPORTS)
    option_groups.report(parser)
    option_groups.bounds(parser)
    option_groups.no_email(parser)
    option_groups.verbose(parser)
    option_groups.log(parser)
    parser.add_argument("--out", metavar="FILE", help="save the plan, for `apply FILE`")
    option_groups.valid_for(parser)
    parser.add_argument(
        "--commit",
        metavar="SHA",
        type=option_values.commit,
        help="the commit that the spec is from, recorded in the saved plan for `apply --commit`",
    )
    parser.add_argument(
        "--detailed-exitcode", action="store_true", help="exit with 2 when there are changes"
    )


def _apply(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "spec", nargs="?", metavar="SPEC or PLAN", help="the spec's folder, or a saved plan"
    )
    option_groups.environment(parser)
    parser.add_argument(
        "--spec",
        metavar="SPEC",
        dest="expected_spec",
        help="refuse a saved plan of another spec, as `--env` does of another environment",
    )
    parser.add_argument(
        "--commit",
        metavar="SHA",
        type=option_values.commit,
        help="refuse a saved plan that was not made with `plan --commit SHA`",
    )
    option_groups.parts(parser)
    option_groups.bounds(parser)
    parser.add_argument(
        "--approval",
        metavar="LABEL",
        action="append",
        default=[],
        help="what the plan was approved as, where the policy asks for it; repeatable",
    )
    parser.add_argument("--auto-approve", action="store_true", help="do not ask before applying")
    option_groups.no_email(parser)
    option_groups.verbose(parser)
    parser.add_argument(
        "--verify-real-org",
        action="store_true",
        help="log the canaries under `verify:` in to an org that is not a local one, too",
    )
    option_groups.report(parser)
    option_groups.log(parser)
    parser.add_argument(
        "--lease-wait",
        type=option_values.seconds,
        default=0.0,
        metavar="SECONDS",
        help="wait so long for another apply to this org to end (default 0: do not wait)",
    )
    parser.add_argument(
        "--no-lease", action="store_true", help="take no lease on the org: nobody else applies"
    )
    parser.add_argument(
        "--settle-wait",
        type=option_values.seconds,
        metavar="SECONDS",
        help="wait this long for the effect of a request whose response was lost, before its "
        "outcome is reported as unknown (default 60)",
    )
    parser.add_argument(
        "--assume-settled",
        action="store_true",
        help="send again what an earlier run left unknown, even if the org may still act on it: "
        "only if you know that it was not carried out",
    )


def _revert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ignore",
        metavar="ADDRESS[.FIELD]",
        action="append",
        default=[],
        help="leave a difference alone, in drift-ignore.yaml of the spec; repeatable",
    )
    parser.add_argument("--reason", metavar="TEXT", help="why `--ignore` leaves it alone")
    parser.add_argument(
        "--until",
        metavar="DAY",
        type=option_values.day,
        help="through which day, such as 2026-12-31",
    )
    parser.add_argument(
        "--adopt",
        metavar="FILE",
        help="save the patch that makes the spec say what the org has; `-` prints only that",
    )
    parser.add_argument(
        "--revert", metavar="FILE", help="save the plan that takes the differences back"
    )
    option_groups.valid_for(parser)


def _show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", metavar="PLAN", help="a file that `plan --out` wrote")
    option_groups.formats(parser, *REPORTS)
    option_groups.verbose(parser)
    option_groups.report(parser)


def _drift(parser: argparse.ArgumentParser) -> None:
    option_groups.spec(parser)
    option_groups.parts(parser)
    option_groups.org_id(parser)
    _revert(parser)
    # Nothing is changed by it, so that no rule speaks.
    parser.set_defaults(policy=[])
    option_groups.formats(parser, *REPORTS)
    option_groups.report(parser)
    option_groups.log(parser)


def _graph(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "spec", nargs="?", metavar="SPEC or PLAN", help="the spec's folder, or a saved plan"
    )
    option_groups.environment(parser)
    option_groups.formats(parser, *GRAPHS)


def _completion(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))
    parser.epilog = """\
to have it in every new shell:
  bash  echo 'source <(provisioner completion bash)' >> ~/.bashrc
  zsh   echo 'source <(provisioner completion zsh)' >> ~/.zshrc     (after compinit)
  fish  provisioner completion fish > ~/.config/fish/completions/provisioner.fish"""


def _help(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "topic",
        nargs="?",
        metavar="TOPIC or CODE",
        help="a topic, such as `rosters`, or a code, such as `unknown-field` (default: list the "
        "topics)",
    )
    parser.epilog = """\
examples:
  provisioner help
  provisioner help getting-started
  provisioner help unknown-field"""


def _schema(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "kind",
        nargs="?",
        metavar="KIND",
        help="a kind, such as `contact`, or another schema (default: list the schemas)",
    )
    option_groups.formats(parser, "text", "json")
    parser.add_argument(
        "--write",
        metavar="DIR",
        help="write all schemas to this folder, and print the line with which an editor checks a "
        "file",
    )
    parser.epilog = """\
examples:
  provisioner schema contact
  provisioner schema spec --format json
  provisioner schema --write schemas"""


def _url(parser: argparse.ArgumentParser) -> None:
    option_groups.spec(parser)
    option_groups.formats(parser, "text", "json")


def _explain(parser: argparse.ArgumentParser) -> None:
    login = _only(parser, "login", "every thing a login needs, and whether it is there")
    login.add_argument("user", metavar="USER", help="a username, or a key under `users:`")
    option_groups.spec_option(login)
    login.add_argument("--portal", metavar="NAME", help="the portal or site to log in to")
    login.add_argument("--error", metavar="TEXT", help="what the user saw: start from that")
    login.add_argument(
        "--ip",
        metavar="ADDRESS",
        type=option_values.address,
        help="the address that the user logs in from",
    )
    option_groups.formats(login, "text", "json", "markdown")


def _verify(parser: argparse.ArgumentParser) -> None:
    login = _only(parser, "login", "log in at the portal's pages, stage by stage")
    login.add_argument(
        "users",
        nargs="*",
        metavar="USER",
        help="usernames, or keys under `users:` (default: the canaries under `verify:`)",
    )
    option_groups.spec_option(login)
    login.add_argument("--portal", metavar="NAME", help="the portal or site to log in to")
    given = login.add_mutually_exclusive_group()
    given.add_argument("--password-env", metavar="NAME", help="the variable with the password")
    given.add_argument("--password-file", metavar="FILE", help="the file with the password")
    login.add_argument(
        "--real-org", action="store_true", help="log in to an org that is not a local one, too"
    )
    option_groups.formats(login, "text", "json")


def _password(parser: argparse.ArgumentParser) -> None:
    reset = _only(parser, "reset", "end the passwords of users, and have new ones mailed")
    reset.add_argument("users", nargs="+", metavar="USER", help="usernames, or keys under `users:`")
    option_groups.spec_option(reset)
    reset.add_argument("--unlock", action="store_true", help="end a lock-out, too")
    reset.add_argument("--auto-approve", action="store_true", help="do not ask before sending")


def _only(parser: argparse.ArgumentParser, name: str, text: str) -> argparse.ArgumentParser:
    """The one thing that a command can do yet."""
    commands = parser.add_subparsers(dest="what", metavar="COMMAND", parser_class=_Parser)
    commands.required = True
    return _command(commands, name, text)


def _org(parser: argparse.ArgumentParser) -> None:
    commands = _commands(parser, "org_command")
    serve = _command(commands, "serve", "serve the local org on loopback")
    serve.add_argument(
        "--port",
        type=option_values.port,
        help="the port (default: that of this local org, which is 8787 for the first one)",
    )
    serve.add_argument(
        "--control",
        action="store_true",
        help="open /emulator/, for tests: reset, clock, faults, outbox; it needs a token, which is "
        "printed",
    )
    serve.add_argument(
        "--control-token-file",
        metavar="FILE",
        help="take the token of /emulator/ from this file; if it does not exist, a new token is "
        "written to it",
    )
    serve.add_argument(
        "--seats",
        metavar="LICENCE=N",
        action="append",
        default=[],
        type=option_values.seats,
        help="set the seats of a licence, such as `Customer Community=500`; repeatable",
    )
    serve.add_argument(
        "--https", action="store_true", help="speak https, with a certificate made for it"
    )
    show = _command(commands, "show", "print how to log in to the local org")
    option_groups.formats(show, "text", "json")
    mail = _command(commands, "mail", "print the e-mails that the local org would have sent")
    mail.add_argument(
        "--to", metavar="ADDRESS", help="only those to this address (default: to everybody)"
    )
    option_groups.formats(mail, "text", "json")
    _command(commands, "reset", "start over with a new local org")
    coverage = _command(commands, "coverage", "print what the local org serves, by its code")
    option_groups.formats(coverage, "text", "json")


def _commands(parser: argparse.ArgumentParser, dest: str) -> Any:
    commands = parser.add_subparsers(dest=dest, metavar="COMMAND", parser_class=_Parser)
    commands.required = True
    return commands


def _journal(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(
        dest="journal_command", metavar="COMMAND", parser_class=_Parser
    )
    commands.required = True
    listed = _command(commands, "list", "list the runs of apply that have a journal here")
    option_groups.formats(listed, "text", "json")
    show = _command(commands, "show", "show what one run wrote, write by write")
    show.add_argument("run", nargs="?", metavar="RUN", help="the run (default: the newest)")
    option_groups.formats(show, "text", "json")
    tidy = _command(commands, "tidy", "delete old journals; those with unknown writes are kept")
    tidy.add_argument(
        "--keep",
        type=option_values.count,
        default=100,
        metavar="N",
        help="how many to keep (default 100)",
    )


def _lease(parser: argparse.ArgumentParser) -> None:
    commands = _commands(parser, "lease_command")
    show = _command(commands, "show", "show who is applying to the org")
    option_groups.spec(show)
    option_groups.formats(show, "text", "json")
    option_groups.spec(_command(commands, "break", "remove the lease of a run that has died"))
