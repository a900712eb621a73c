"""The options that several commands have, in groups: each function adds one to a parser."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from provisioner.cli import option_values
from provisioner.cli.formats import ENDINGS

if TYPE_CHECKING:
    from argparse import ArgumentParser


def spec(parser: ArgumentParser) -> None:
    """The spec and its environment."""
    folder(parser)
    environment(parser)


def folder(parser: ArgumentParser) -> None:
    """The folder of the spec, as an argument."""
    parser.add_argument(
        "spec", nargs="?", metavar="SPEC", help="the spec's folder (default: the one in specs/)"
    )


def environment(parser: ArgumentParser) -> None:
    """The environment of the spec."""
    parser.add_argument(
        "--env",
        metavar="NAME",
        help="environments/NAME.yaml of the spec (default: local); must be given if the spec has "
        "other environments only",
    )


def spec_option(parser: ArgumentParser) -> None:
    """The spec and its environment, where the arguments are others."""
    parser.add_argument(
        "--spec", metavar="SPEC", help="the spec's folder (default: the one in specs/)"
    )
    environment(parser)


def parts(parser: ArgumentParser) -> None:
    """Which resources a run is about."""
    parser.add_argument(
        "--target",
        metavar="ADDRESS",
        action="append",
        default=[],
        help="only this resource and what it needs, such as `contact/jane` or `user/*`; repeatable",
    )
    parser.add_argument(
        "--exclude",
        metavar="ADDRESS",
        action="append",
        default=[],
        help="all but this resource and what can not be without it; repeatable",
    )


def bounds(parser: ArgumentParser) -> None:
    """What the environment's policy lets a run do, and on which org."""
    parser.add_argument(
        "--policy",
        metavar="RULE=VALUE",
        action="append",
        default=[],
        help="a rule of the environment's policy for this run, such as `max_changes=20`, "
        "`frozen=settings` or `windows=off`; repeatable",
    )
    org_id(parser)


def org_id(parser: ArgumentParser) -> None:
    """Which org the environment is for."""
    parser.add_argument(
        "--pin",
        action="store_true",
        help="write the org's Id into the environment's file, which is for no other from then on",
    )
    parser.add_argument(
        "--allow-org", metavar="ID", help="go on with this org, whatever the environment is for"
    )


def valid_for(parser: ArgumentParser) -> None:
    """How long a plan that is saved can be applied."""
    parser.add_argument(
        "--valid-for",
        metavar="TIME",
        type=option_values.duration,
        default=timedelta(days=7),
        help="how long the saved plan can be applied: 30m, 12h, 7d (the default)",
    )


def verbose(parser: ArgumentParser) -> None:
    """Whether a plan in text shows what it counts otherwise."""
    parser.add_argument(
        "--verbose", action="store_true", help="show also the default values of new users"
    )


def no_email(parser: ArgumentParser) -> None:
    """Whether mails are held back."""
    parser.add_argument(
        "--no-email",
        action="store_true",
        help="send no email in this run: it is sent by the next apply without this option",
    )


def formats(parser: ArgumentParser, *formats: str) -> None:
    """The format of what is printed; the first is the default."""
    parser.add_argument(
        "--format", choices=formats, default=formats[0], help=f"{', '.join(formats)}"
    )


def report(parser: ArgumentParser) -> None:
    """The files that reports are written to."""
    endings = ", ".join(f"{ending} ({what})" for ending, what in ENDINGS.items())
    parser.add_argument(
        "--report",
        metavar="FILE",
        action="append",
        default=[],
        type=option_values.report_file,
        help=f"also write it to a file, in the format of its ending: {endings}; may be repeated",
    )


def log(parser: ArgumentParser) -> None:
    """Where events go, and how they look."""
    parser.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="what stderr gets: text for people, or one JSON event per step and request",
    )
    parser.add_argument("--log-file", metavar="FILE", help="add the JSON events to a file, too")
