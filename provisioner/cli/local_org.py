"""`org serve`, `show`, `mail`, `reset` and `coverage`: use and inspect the local org."""

from __future__ import annotations

import os
import signal
import stat
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from provisioner.cli import output
from provisioner.cli.exit_status import DONE, WRONG
from provisioner.cli.session import home
from provisioner.cli.stop import Stop, problem
from provisioner.model.diagnostics import did_you_mean
from provisioner.org import local
from provisioner.org.local import LocalOrg, LocalOrgError, UnknownLicence, local_org
from provisioner.render.format import json_text, visible, visible_lines

_SHORTEST_TOKEN = 16  # characters
_RULE = "-" * 72


@dataclass(frozen=True, kw_only=True)
class OrgOptions:
    """The options of the `org` commands; each command has some of them."""

    format: str = "text"
    to: str | None = None
    port: int | None = None
    control: bool = False
    control_token_file: str | None = None
    seats: tuple[tuple[str, int], ...] = ()
    https: bool = False


def run(name: str, options: OrgOptions) -> int:
    """Run one of the commands about the local org."""
    try:
        with local_org(home()) as org:
            return _run(name, org, options)
    except LocalOrgError as error:
        raise Stop(WRONG, problem(str(error), error.remedy)) from error


def _run(name: str, org: LocalOrg, options: OrgOptions) -> int:
    match name:
        case "serve":
            return _serve(org, options)
        case "show":
            return _show(org, options.format)
        case "mail":
            return _mail(org, options)
        case "coverage":
            text = local.coverage(org, as_json=options.format == "json")
            sys.stdout.write(text.rstrip() + "\n")
            return DONE
        case _:
            org.reset()
            output.info("the local org was replaced with a new one")
            return DONE


def _serve(org: LocalOrg, options: OrgOptions) -> int:
    token = _token(options)

    def ready(url: str) -> None:
        output.info(f"the local org is served at {url} until you press Ctrl-C")
        output.info("`provisioner org show` prints how to log in")
        if token is None:
            return
        output.warning(
            f"{url}/emulator/ answers every user of this machine who has its token: it shows the "
            "outbox, with temporary passwords, and resets the org",
            f"send the token in the header `{local.CONTROL_HEADER}`, and keep it secret",
        )
        if options.control_token_file is None:
            # Not by `info`, whose messages are also logged and traced.
            sys.stderr.write(f"control token: {token}\n")
            sys.stderr.flush()

    # A service manager stops a process with SIGTERM, which is not a failure. A process that a
    # script starts in the background ignores SIGINT, unless it sets a handler.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    org.open()
    try:
        local.set_seats(org, options.seats)
    except UnknownLicence as error:
        listed = f"licences: {', '.join(error.names)}"
        help_ = did_you_mean(error.name, error.names, listed)
        raise Stop(WRONG, problem(str(error), help_)) from error
    port = local.default_port(home()) if options.port is None else options.port
    try:
        org.serve(
            port, control=options.control, control_token=token, https=options.https, ready=ready
        )
    except OSError as error:
        what = f"port {port} cannot be served: {error.strerror}"
        raise Stop(WRONG, problem(what, "choose another with `--port`")) from error
    output.info("stopped")
    return DONE


def _token(options: OrgOptions) -> str | None:
    """The token of the control interface, if it is open. Raises Stop."""
    file = options.control_token_file
    if not options.control:
        if file:
            raise Stop(WRONG, problem("`--control-token-file` needs `--control`"))
        return None
    try:
        return _control_token(file)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Stop(WRONG, problem(f"the token file `{file}`: {reason}")) from error


def _control_token(file: str | None) -> str:
    """The token in a file, or a new one, which is written to the file if there is no such file.

    Raises OSError, and ValueError for a file that others can read or that holds no token.
    """
    if file is None:
        return local.new_control_token()
    path = Path(file)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) or mode & 0o077:
            raise ValueError("must be a file that only you can read (`chmod 600`)") from None
        token = path.read_text("utf-8", "replace").strip()
        plain = token.isascii() and token.isprintable() and " " not in token
        if len(token) < _SHORTEST_TOKEN or not plain:
            raise ValueError(
                f"must hold one word of {_SHORTEST_TOKEN} or more characters (ASCII); "
                "if it is deleted, a new token is written to it"
            ) from None
        return token
    token = local.new_control_token()
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(f"{token}\n")
    return token


def _mail(org: LocalOrg, options: OrgOptions) -> int:
    """Print the outbox, the newest email last."""
    outbox = [
        mail
        for mail in org.open().outbox()
        if options.to is None or mail.recipient.casefold() == options.to.strip().casefold()
    ]
    if options.format == "json":
        output.write_document([json_text([asdict(mail) for mail in outbox])], "json")
        return DONE
    if not outbox:
        to = "" if options.to is None else f" to {visible(options.to)}"
        output.info(f"the local org in `{org.folder}` has no email{to}")
        return DONE
    for mail in outbox:
        head = {"To": mail.recipient, "Date": mail.sent, "Subject": mail.subject}
        sys.stdout.writelines(f"{name}: {visible(text)}\n" for name, text in head.items())
        sys.stdout.write(f"\n{visible_lines(mail.body).rstrip()}\n\n{_RULE}\n")
    output.info("these emails were not sent; temporary passwords in them are valid in this org")
    return DONE


def _show(org: LocalOrg, format_: str) -> int:
    credentials = asdict(org.credentials())
    shown = {name: str(value) for name, value in credentials.items() if value is not None}
    if format_ == "json":
        output.write_document([json_text(shown)], "json")
    else:
        width = max(map(len, shown))
        sys.stdout.writelines(f"{name:<{width}}  {value}\n" for name, value in shown.items())
    return DONE
