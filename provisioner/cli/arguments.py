"""The arguments that several commands share, and the functions that parse their values.

Each group function adds arguments to a parser. Each value function parses one text and raises
`ArgumentTypeError` if it is not valid.
"""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, Final

from provisioner.cli.formats import ENDINGS

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from datetime import date, timedelta

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_FOLDER = "the folder of the spec (default: the only one in specs/)"
_ENVIRONMENT = (
    "environments/NAME.yaml of the spec (default: local); required if the spec has environments "
    "but none named local"
)


# ---------------------------------------------------------------- groups of arguments


def spec(parser: ArgumentParser) -> None:
    """The spec and its environment."""
    folder(parser)
    environment(parser)


def folder(parser: ArgumentParser) -> None:
    """The folder of the spec."""
    parser.add_argument("spec", nargs="?", metavar="SPEC", help=_FOLDER)


def folder_or_plan(parser: ArgumentParser) -> None:
    """The folder of the spec or a saved plan."""
    parser.add_argument(
        "spec", nargs="?", metavar="SPEC|PLAN", help="the folder of the spec, or a saved plan"
    )


def environment(parser: ArgumentParser) -> None:
    """The environment of the spec."""
    parser.add_argument("--env", metavar="NAME", help=_ENVIRONMENT)


def environments(parser: ArgumentParser) -> None:
    """One or more environments of the spec."""
    parser.add_argument(
        "--env",
        metavar="NAME",
        dest="envs",
        action="append",
        default=[],
        help=f"{_ENVIRONMENT}; repeat it to compare environments side by side",
    )


def spec_option(parser: ArgumentParser) -> None:
    """The spec and its environment, for commands with other positional arguments."""
    parser.add_argument("--spec", metavar="SPEC", help=_FOLDER)
    environment(parser)


def selection(parser: ArgumentParser) -> None:
    """The resources to plan."""
    parser.add_argument(
        "--target",
        metavar="ADDRESS",
        action="append",
        default=[],
        help="only this resource and its dependencies, such as `contact/jane` or `user/*`; "
        "repeatable",
    )
    parser.add_argument(
        "--exclude",
        metavar="ADDRESS",
        action="append",
        default=[],
        help="everything except this resource and what depends on it; repeatable",
    )


def policy(parser: ArgumentParser) -> None:
    """The policy and the org that the environment allows."""
    parser.add_argument(
        "--policy",
        metavar="RULE=VALUE",
        action="append",
        default=[],
        help="override a rule of the environment's policy for this run, such as "
        "`max_changes=20`, `frozen=settings` or `windows=off`; repeatable",
    )
    org_id(parser)


def org_id(parser: ArgumentParser) -> None:
    """The org that the environment is for."""
    parser.add_argument(
        "--pin",
        action="store_true",
        help="write the Id of the org to the environment's file; later runs accept no other org",
    )
    parser.add_argument(
        "--allow-org", metavar="ID", help="continue with this org, whatever the environment names"
    )


def valid_for(parser: ArgumentParser) -> None:
    """How long a saved plan can be applied."""
    parser.add_argument(
        "--valid-for",
        metavar="TIME",
        type=duration,
        default="7d",
        help="how long the saved plan can be applied: 30m, 12h, 7d (the default)",
    )


def verbose(parser: ArgumentParser) -> None:
    """Whether a plan as text shows default values."""
    parser.add_argument(
        "--verbose", action="store_true", help="also show the default values of new users"
    )


def no_email(parser: ArgumentParser) -> None:
    """Whether emails are sent."""
    parser.add_argument(
        "--no-email",
        action="store_true",
        help="send no email in this run; the next apply without this option sends it",
    )


def auto_approve(parser: ArgumentParser, action: str) -> None:
    """Whether to ask for confirmation; `action` names what would be confirmed."""
    parser.add_argument(
        "--auto-approve", action="store_true", help=f"do not ask for confirmation before {action}"
    )


def formats(parser: ArgumentParser, *formats: str) -> None:
    """The format of what is printed; the first is the default."""
    parser.add_argument(
        "--format",
        choices=formats,
        default=formats[0],
        metavar="FORMAT",
        help=f"{', '.join(formats)} (default: {formats[0]})",
    )


def report(parser: ArgumentParser) -> None:
    """The files that reports are written to."""
    endings = ", ".join(f"{ending} ({what})" for ending, what in ENDINGS.items())
    parser.add_argument(
        "--report",
        metavar="FILE",
        action="append",
        default=[],
        type=report_file,
        help=f"also write the report to a file; its extension sets the format: {endings}; "
        "repeatable",
    )


def log(parser: ArgumentParser) -> None:
    """Where events go, and in which format."""
    parser.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        metavar="FORMAT",
        help="the format of stderr: text for people, or json with one event per step and request "
        "(default: text)",
    )
    parser.add_argument(
        "--log-file", metavar="FILE", help="also append the JSON events to this file"
    )


# ---------------------------------------------------------------- values


def day(text: str) -> date:
    """A day such as 2026-12-31."""
    from datetime import date  # `--help` does not need it

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"`{text}` is not a day such as 2026-12-31") from None


def commit(text: str) -> str:
    """The full hash of a commit: an abbreviation can become ambiguous."""
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", text):
        raise ArgumentTypeError(f"`{text}` is not the full hash of a commit")
    return text


def duration(text: str) -> timedelta:
    """A time such as 30m, 12h or 7d."""
    from datetime import timedelta

    match = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if not match:
        raise ArgumentTypeError(f"`{text}` is not a time such as 30m, 12h or 7d")
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def seconds(text: str) -> float:
    """A number of seconds, less than a million."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1_000_000:
        raise ArgumentTypeError(f"`{text}` is not a number of seconds")
    return seconds


def count(text: str) -> int:
    """A number, 0 or more."""
    if not text.isdecimal():
        raise ArgumentTypeError(f"`{text}` is not a number")
    return int(text)


def port(text: str) -> int:
    """A port; 0 means any free port."""
    if not text.isdecimal() or int(text) > 65535:
        raise ArgumentTypeError(f"`{text}` is not a port: 0 (any) to 65535")
    return int(text)


def ip_address(text: str) -> str:
    """An IP address in its shortest form."""
    import ipaddress

    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ArgumentTypeError(f"`{text}` is not an IP address") from None


def report_file(name: str) -> str:
    """The name of a report file, whose extension sets the format."""
    if not name.endswith(tuple(ENDINGS)):
        raise ArgumentTypeError(f"`{name}` does not end with one of {', '.join(ENDINGS)}")
    return name


def seats(text: str) -> tuple[str, int]:
    """A licence and its number of seats, such as `Customer Community=500`."""
    name, sign, number = text.rpartition("=")
    if not (sign and name.strip() and number.isascii() and number.isdigit() and len(number) < 8):
        raise ArgumentTypeError(f"`{text}` is not of the form LICENCE=N")
    return name.strip(), int(number)
